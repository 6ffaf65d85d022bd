//! What a description file may say, and the checks it must pass before it is used.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::answer::{Condition, Format, Path};
use super::signer::Signer;
use super::template::Template;

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
    #[serde(default, rename = "field")]
    pub(crate) fields: Vec<FieldText>,
    /// Fields of which every one of some group must be given.
    #[serde(default)]
    pub(crate) one_of: Vec<Vec<String>>,
    pub(crate) records: Records,
    pub(crate) http: Http,
    /// Requests that come before everything else, and what is kept of their answers.
    #[serde(default)]
    pub(crate) login: Vec<Login>,
    pub(crate) zone: Zone,
    #[serde(default)]
    pub(crate) list: Option<List>,
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

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Appended to the base, or a whole URL.
    #[serde(default)]
    pub(crate) path: Option<Template>,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Template>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Template>,
    #[serde(default)]
    pub(crate) json: Option<JsonText>,
    #[serde(default)]
    pub(crate) form: Option<BTreeMap<String, FormText>>,
    #[serde(default)]
    pub(crate) text: Option<Template>,
    #[serde(default)]
    pub(crate) xml: Option<Template>,
}

/// A value of a form: a text, or JSON in it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum FormText {
    Text(Template),
    Json { json: JsonText },
}

/// A JSON value whose texts are templates. An object `{each = "values", item = …}` is a list with the item for each
/// value of the set, which it calls `{v}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum JsonText {
    Bool(bool),
    Int(i64),
    Text(Template),
    List(Vec<Self>),
    Each(Each),
    Object(BTreeMap<String, Self>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Each {
    #[expect(dead_code, reason = "its presence tells a list from an object")]
    pub(crate) each: EachOf,
    pub(crate) item: Box<JsonText>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EachOf {
    Values,
}

/// A request that comes first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) ok: Vec<Condition>,
    /// What is kept, as `{session.<key>}`.
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

/// How a long list comes in parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// The parameter with the page's number.
    #[serde(default)]
    pub(crate) page: Option<String>,
    /// The number of the first page; default 1.
    #[serde(default)]
    pub(crate) first: Option<u32>,
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

impl Description {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// What is wrong, with the key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let description: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        description.check()?;
        Ok(description)
    }

    fn check(&self) -> Result<(), String> {
        let needed: &[(&str, bool)] = match self.records.mode {
            Mode::Records => &[
                ("list", self.list.is_some()),
                ("create", self.create.is_some()),
                ("delete", self.delete.is_some()),
            ],
            Mode::Rrset => &[
                ("list", self.list.is_some()),
                ("replace", self.replace.is_some()),
            ],
            Mode::Append | Mode::Single => &[
                ("create", self.create.is_some()),
                ("delete", self.delete.is_some()),
            ],
        };
        if let Some((missing, _)) = needed.iter().find(|(_, there)| !there) {
            return Err(format!("[{missing}] is missing"));
        }
        if self.zone.request.is_none() && matches!(self.zone.mode, ZoneMode::Walk | ZoneMode::List)
        {
            return Err("[zone.request] is missing".to_owned());
        }
        if self.zone.mode == ZoneMode::List
            && (self.zone.items.is_none() || self.zone.name.is_none())
        {
            return Err("[zone] of mode list needs items and name".to_owned());
        }
        self.check_holes()
    }

    /// Every hole names something that there is, and every setting is used.
    fn check_holes(&self) -> Result<(), String> {
        let mut known: BTreeSet<String> = KNOWN.iter().map(|name| (*name).to_owned()).collect();
        known.extend(
            self.fields
                .iter()
                .map(|field| format!("cred.{}", field.key)),
        );
        known.extend(
            self.login
                .iter()
                .flat_map(|login| login.keep.keys())
                .map(|key| format!("session.{key}")),
        );
        known.extend(self.zone.keep.keys().map(|key| format!("zone.{key}")));
        known.extend(
            self.list
                .iter()
                .flat_map(|list| list.keep.keys())
                .map(|key| format!("record.{key}")),
        );
        let used = self.holes();
        if let Some(unknown) = used.iter().find(|name| !known.contains(**name)) {
            return Err(format!("{{{unknown}}} names nothing"));
        }
        let signed = self.http.auth.iter().any(|auth| auth.signer.is_some());
        let mentioned = |key: &String| {
            used.contains(format!("cred.{key}").as_str())
                || self
                    .login
                    .iter()
                    .any(|login| login.unless.as_ref() == Some(key))
        };
        match self
            .fields
            .iter()
            .find(|field| !signed && !mentioned(&field.key))
        {
            Some(field) => Err(format!("the setting {} is used nowhere", field.key)),
            None => Ok(()),
        }
    }

    fn holes(&self) -> BTreeSet<&str> {
        let changes = [
            &self.create,
            &self.create_set,
            &self.replace,
            &self.delete,
            &self.delete_set,
            &self.commit,
        ];
        let requests = (changes.into_iter().flatten().map(|change| &change.request))
            .chain(self.login.iter().map(|login| &login.request))
            .chain(self.zone.request.iter())
            .chain(self.list.iter().map(|list| &list.request));
        let mut names: BTreeSet<&str> = requests.flat_map(Request::holes).collect();
        let http = &self.http;
        let templates = http
            .headers
            .values()
            .chain(std::iter::once(&http.base))
            .chain(http.auth.iter().flat_map(|auth| {
                let basic = auth
                    .basic
                    .iter()
                    .flat_map(|basic| [&basic.user, &basic.password]);
                let maps = [&auth.headers, &auth.query, &auth.form, &auth.json];
                maps.into_iter().flat_map(BTreeMap::values).chain(basic)
            }));
        let session = self.login.iter().flat_map(|login| login.headers.values());
        names.extend(templates.chain(session).flat_map(Template::names));
        names
    }
}

/// What a hole may always name.
const KNOWN: [&str; 14] = [
    "candidate",
    "fqdn",
    "fqdn.",
    "now",
    "record.id",
    "stored",
    "sub",
    "sub_or_at",
    "ttl",
    "v",
    "value",
    "zone",
    "zone.",
    "zone.id",
];

impl Request {
    fn holes(&self) -> Vec<&str> {
        let texts = [&self.path, &self.text, &self.xml].into_iter().flatten();
        let maps = self.query.values().chain(self.headers.values());
        let mut names: Vec<&str> = texts.chain(maps).flat_map(Template::names).collect();
        if let Some(json) = &self.json {
            json.holes(&mut names);
        }
        for value in self.form.iter().flat_map(BTreeMap::values) {
            match value {
                FormText::Text(text) => names.extend(text.names()),
                FormText::Json { json } => json.holes(&mut names),
            }
        }
        names
    }
}

impl JsonText {
    fn holes<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Bool(_) | Self::Int(_) => {}
            Self::Text(text) => names.extend(text.names()),
            Self::List(list) => list.iter().for_each(|one| one.holes(names)),
            Self::Each(each) => each.item.holes(names),
            Self::Object(map) => map.values().for_each(|one| one.holes(names)),
        }
    }

    /// The JSON, its holes filled; `values` are those of the set.
    pub(crate) fn render(&self, vars: &super::template::Vars, values: &[String]) -> Value {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::from(*number),
            Self::Text(text) => text.render_json(vars),
            Self::List(list) => list.iter().map(|one| one.render(vars, values)).collect(),
            Self::Each(each) => {
                let items = values.iter().map(|value| {
                    let mut vars = vars.clone();
                    vars.insert("v".to_owned(), value.clone());
                    each.item.render(&vars, values)
                });
                items.collect()
            }
            Self::Object(map) => {
                let entries = map
                    .iter()
                    .map(|(key, one)| (key.clone(), one.render(vars, values)));
                Value::Object(entries.collect())
            }
        }
    }
}
