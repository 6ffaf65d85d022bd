//! What a description file may say, and the checks it must pass before it is used.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::answer::{Condition, Format, Path};
use super::request::Request;
use super::signer::Signer;
use super::template::{Template, Vars};

/// A provider that is described instead of programmed: `crates/dns/providers/<code>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) code: String,
    /// The name people know it by.
    pub(crate) name: String,
    /// Where its interface is documented.
    pub(crate) docs: String,
    /// What rights the credentials need at least.
    #[serde(default)]
    pub(crate) least_privilege: Option<String>,
    /// What somebody who uses it must know, a sentence or two each: quirks, doubts and where they come from.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    #[serde(default, rename = "field")]
    pub(crate) fields: Vec<FieldText>,
    /// Fields of which every one of some group must be given.
    #[serde(default)]
    pub(crate) one_of: Vec<Vec<String>>,
    /// It has no interface made for programs.
    #[serde(default)]
    pub(crate) unofficial: bool,
    pub(crate) records: Records,
    pub(crate) http: Http,
    /// Requests that come before everything else, and what is kept of their answers.
    #[serde(default)]
    pub(crate) login: Vec<Login>,
    pub(crate) zone: Zone,
    #[serde(default)]
    pub(crate) list: Option<List>,
    /// Relative names that must be made before they can have records.
    #[serde(default)]
    pub(crate) label: Option<Label>,
    #[serde(default)]
    pub(crate) create: Option<Change>,
    /// Writes the first set of a name, where that differs from replacing one.
    #[serde(default)]
    pub(crate) create_set: Option<Change>,
    #[serde(default)]
    pub(crate) replace: Option<Change>,
    #[serde(default)]
    pub(crate) delete: Option<Change>,
    /// Removes a whole set, when its last value goes.
    #[serde(default)]
    pub(crate) delete_set: Option<Change>,
    /// Publishes what was changed.
    #[serde(default)]
    pub(crate) commit: Option<Change>,
    /// Asked after each change until it is done.
    #[serde(default)]
    pub(crate) poll: Option<Poll>,
}

/// A setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldText {
    pub(crate) key: String,
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) secret: bool,
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) default: Option<String>,
    pub(crate) help: String,
    /// It is a URL that requests go to, with what holds of such.
    #[serde(default)]
    pub(crate) url: bool,
    /// It is the secret of one-time passwords (RFC 6238); the present one is `{totp.<key>}`.
    #[serde(default)]
    pub(crate) totp: bool,
    #[serde(default)]
    pub(crate) acme_sh: Vec<String>,
    #[serde(default)]
    pub(crate) lego: Vec<String>,
}

/// How it keeps several values at a name, and how quick it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Records {
    pub(crate) mode: Mode,
    /// TTL sent, seconds; 0: the service has none.
    pub(crate) ttl: u32,
    /// The least it takes.
    #[serde(default)]
    pub(crate) min_ttl: u32,
    /// The only ones it takes; the next larger is sent.
    #[serde(default)]
    pub(crate) allowed_ttls: Vec<u32>,
    pub(crate) propagation_secs: u64,
    pub(crate) poll_secs: u64,
    /// The pause it wants between two changes of one account.
    #[serde(default)]
    pub(crate) serial_secs: Option<u64>,
    /// The software runs at the operator's: its name servers are few, and what one shows once it goes on showing.
    #[serde(default)]
    pub(crate) own_servers: bool,
}

/// How several values at a name are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Values are added and removed by themselves.
    Append,
    /// Each is a record with an id.
    Records,
    /// The whole set is read and written.
    Rrset,
    /// There is room for one.
    Single,
}

/// What all requests share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// Where requests go, without final slash; the setting `base_url` overrides it.
    pub(crate) base: Template,
    #[serde(default)]
    pub(crate) answers: Format,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Template>,
    /// Ways to say who asks; the first whose settings are all given is used.
    #[serde(default)]
    pub(crate) auth: Vec<Auth>,
    /// What holds of every success; default: status 2xx.
    #[serde(default)]
    pub(crate) ok: Vec<Condition>,
    /// Where an error's code is.
    #[serde(default)]
    pub(crate) code: Vec<Path>,
    /// Where its words are.
    #[serde(default)]
    pub(crate) message: Vec<Path>,
    /// What certain errors mean.
    #[serde(default, rename = "means")]
    pub(crate) meanings: Vec<Meaning>,
    /// Requests at once for one account; default 2.
    #[serde(default)]
    pub(crate) at_once: Option<usize>,
    /// How many requests of one account the service takes.
    #[serde(default)]
    pub(crate) rate: Option<RateText>,
}

/// So many requests within so many seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateText {
    pub(crate) requests: usize,
    pub(crate) secs: u64,
}

/// A way to say who asks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// Settings it needs.
    #[serde(default)]
    pub(crate) when: Vec<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Template>,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Template>,
    /// Added to form bodies.
    #[serde(default)]
    pub(crate) form: BTreeMap<String, Template>,
    /// Added to JSON bodies that are objects.
    #[serde(default)]
    pub(crate) json: BTreeMap<String, Template>,
    #[serde(default)]
    pub(crate) basic: Option<Basic>,
    #[serde(default)]
    pub(crate) signer: Option<Signer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    pub(crate) user: Template,
    pub(crate) password: Template,
}

impl Basic {
    /// The header's value (RFC 7617).
    pub(crate) fn render(&self, vars: &Vars) -> String {
        let (user, password) = (self.user.render(vars), self.password.render(vars));
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }
}

/// What an error means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meaning {
    pub(crate) when: Condition,
    pub(crate) fault: FaultText,
    #[serde(default)]
    pub(crate) remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultText {
    Clock,
    Credentials,
    Permission,
    /// Try again later.
    Busy,
    /// The provider refuses for good.
    Refused,
    Zone,
}

/// A request that comes first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) ok: Vec<Condition>,
    /// What is kept, as `{session.<key>}`.
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, Path>,
    /// Sent with every later request.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Template>,
    /// How long it is good for, seconds; default 15 minutes.
    #[serde(default)]
    pub(crate) lifetime_secs: Option<u64>,
    /// An answer that says that it is over; status 401 always does.
    #[serde(default)]
    pub(crate) expired: Option<Condition>,
    /// What an answer without something to keep means.
    #[serde(default)]
    pub(crate) missing: Option<String>,
    /// Left out when this setting is given, which is then kept in its place: an account id.
    #[serde(default)]
    pub(crate) unless: Option<String>,
    /// Left out when one of these settings is not given.
    #[serde(default)]
    pub(crate) when: Vec<String>,
}

/// How the zone of a name is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    pub(crate) mode: ZoneMode,
    #[serde(default)]
    pub(crate) request: Option<Request>,
    /// For `list`, and for `walk` where the answer lists: where the zones are.
    #[serde(default)]
    pub(crate) items: Option<Path>,
    /// The zone's name in an item; for `walk` without items there is one zone, of the candidate's name.
    #[serde(default)]
    pub(crate) name: Option<Path>,
    /// The zone's id in an item, as `{zone.id}`; default: its name.
    #[serde(default)]
    pub(crate) id: Option<Path>,
    /// More of an item, as `{zone.<key>}`; `"" ` keeps the item whole, as JSON.
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, Path>,
    /// An item counts only when these hold, path to value.
    #[serde(default)]
    pub(crate) only: BTreeMap<String, String>,
    /// An answer to `walk` that says that the candidate is no zone; status 404 always does.
    #[serde(default)]
    pub(crate) absent: Vec<Condition>,
    #[serde(default)]
    pub(crate) paging: Option<Paging>,
    /// For `suffix`: the zone is what stands before this, such as `.duckdns.org`.
    #[serde(default)]
    pub(crate) suffix: Option<String>,
    #[serde(default)]
    pub(crate) ok: Vec<Condition>,
    /// What is asked about the zone once it is found.
    #[serde(default)]
    pub(crate) then: Vec<Then>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ZoneMode {
    /// All zones are listed; the longest that holds the name is it.
    List,
    /// The service wants to know no zone: `{zone}` is the registrable domain.
    None,
    /// The last label before a suffix of the service.
    Suffix,
    /// Each parent is asked for.
    Walk,
}

/// A further question about a zone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Then {
    pub(crate) request: Request,
    /// What is kept, as `{zone.<key>}`.
    pub(crate) keep: BTreeMap<String, Path>,
}

/// How a long list comes in parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// The parameter with the page's number.
    #[serde(default)]
    pub(crate) page: Option<String>,
    /// The page's number is `{page}` in the request.
    #[serde(default)]
    pub(crate) hole: bool,
    /// The number of the first page; default 1.
    #[serde(default)]
    pub(crate) first: Option<u32>,
    /// `page` wants the number of entries to leave out, not of a page.
    #[serde(default)]
    pub(crate) offset: bool,
    /// Where the number of all entries is.
    #[serde(default)]
    pub(crate) total: Option<Path>,
    /// Where the number of pages is; without it pages are asked for until one is empty or shorter than `full`.
    #[serde(default)]
    pub(crate) pages: Option<Path>,
    /// Entries of a full page.
    #[serde(default)]
    pub(crate) full: Option<usize>,
    /// Where the next page's URL, or the value for `page`, is.
    #[serde(default)]
    pub(crate) next: Option<Path>,
    /// Whether the next page's URL is in a `Link` header (RFC 8288).
    #[serde(default)]
    pub(crate) link: bool,
}

/// How the records of a name are read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) ok: Vec<Condition>,
    /// An answer that says that there are none; status 404 always does.
    #[serde(default)]
    pub(crate) absent: Vec<Condition>,
    pub(crate) items: Path,
    /// The items are an object, and its keys their ids.
    #[serde(default)]
    pub(crate) keyed: bool,
    #[serde(default)]
    pub(crate) id: Option<Path>,
    /// The record's name in an item, compared with the target's whole or relative form; absent: the request chose.
    #[serde(default)]
    pub(crate) name: Option<Path>,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<Path>,
    /// The value in an item; a list where an item is a whole set.
    pub(crate) value: Path,
    #[serde(default)]
    pub(crate) ttl: Option<Path>,
    /// An item counts only when what is there is one of these; what is not there does not speak against it.
    #[serde(default)]
    pub(crate) only: BTreeMap<String, Vec<Template>>,
    /// Values are shown cut to so many characters.
    #[serde(default)]
    pub(crate) cut: Option<usize>,
    /// More of an item, as `{record.<key>}`.
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, Path>,
    #[serde(default)]
    pub(crate) paging: Option<Paging>,
}

/// A request that changes something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) ok: Vec<Condition>,
    /// The new record's id.
    #[serde(default)]
    pub(crate) id: Option<Path>,
    /// A refusal that means that it is so already: there for a creation, gone for a removal. 404 always does for the latter.
    #[serde(default)]
    pub(crate) already: Vec<Condition>,
}

/// How the end of a change is waited for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Poll {
    pub(crate) request: Request,
    /// What of the change's answer is asked for, as `{poll.id}`; an answer without it needs no waiting.
    #[serde(default)]
    pub(crate) id: Option<Path>,
    /// It is done.
    pub(crate) until: Condition,
    /// It failed.
    #[serde(default)]
    pub(crate) failed: Vec<Condition>,
}

/// How a relative name is made and taken away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Label {
    /// Lists those that there are.
    pub(crate) request: Request,
    pub(crate) items: Path,
    pub(crate) add: Change,
    /// For one that has no records any more.
    pub(crate) remove: Change,
}
