//! The stub's standing behaviour, all of it changeable while it runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use evercert_x509::mint::Usage;
use jiff::{SignedDuration, Timestamp};

use super::limits::{LimitKind, Limits};

/// Everything that can be switched; the default is a well-behaved CA that validates nothing.
#[derive(Clone, Debug)]
pub struct Switches {
    /// Renewal information (RFC 9773); off.
    pub ari: Ari,
    /// Windows of single certificates, by certificate id; these come before `ari`.
    pub ari_of: HashMap<String, AriWindow>,
    /// `Retry-After` of computed windows; 6 hours.
    pub ari_pace: Duration,
    /// The profiles the directory lists; none.
    pub profiles: BTreeMap<String, Profile>,
    /// What becomes of `replaces` in an order; judged as RFC 9773 §5 says.
    pub replaces: Replaces,
    /// What becomes of authorizations; pending until answered, then valid.
    pub authz: Authz,
    /// Names (without `*.`) whose validation fails, whatever `authz` says.
    pub failing_names: BTreeMap<String, Failure>,
    /// The challenges offered; `http-01`, `dns-01`, `tls-alpn-01`.
    pub challenge_types: Vec<String>,
    /// How long a valid authorization is used again; not at all.
    pub authz_reuse: Option<SignedDuration>,
    /// Whether an unfinished order for the same names is given again; a new one each time.
    pub order_reuse: OrderReuse,
    /// Life of orders and of pending authorizations; 7 days.
    pub order_life: SignedDuration,
    /// What becomes of a finalized order; issued at once.
    pub finalize: Finalize,
    /// How nonces are given and taken; well.
    pub nonce: Nonce,
    /// Refusals for a limit that is not modelled; none.
    pub rate_limit: Option<RateLimit>,
    /// Modelled limits; none.
    pub limits: Limits,
    /// A pause of names; none.
    pub paused: Option<Pause>,
    /// How chains are handed out.
    pub chain: ChainShape,
    /// Extended key usage of certificates; serverAuth.
    pub eku: Usage,
    /// Life of certificates where no profile says otherwise; 90 days.
    pub lifetime: SignedDuration,
    /// What becomes of notBefore and notAfter in an order; ignored.
    pub dates: Dates,
    /// External account bindings; not used.
    pub eab: Eab,
    /// HMAC keys by key id.
    pub eab_keys: BTreeMap<String, Vec<u8>>,
    /// The terms of service.
    pub terms: Terms,
    /// What becomes of contacts; checked and kept.
    pub contacts: Contacts,
    /// Which identifiers are refused.
    pub identifiers: IdentifierPolicy,
    /// What stands before the paths that the directory lists, as `/v3`; nothing. A change makes the
    /// former URLs answer 404.
    pub prefix: String,
    /// Members of the directory to add, replace or (null) leave out.
    pub directory: BTreeMap<String, serde_json::Value>,
    /// Whether accounts list their orders; they do.
    pub order_lists: OrderLists,
}

/// Renewal information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ari {
    /// Not in the directory.
    Off,
    /// As Boulder computes it: around 2/3 of the life (1/2 below 10 days), 1 % of it to each side;
    /// in the past once the certificate is revoked. `Retry-After` as [`Switches::ari_pace`] says.
    Computed,
    /// One window for all certificates.
    Fixed(AriWindow),
}

/// A window as it is told; not checked, so `end` may lie before `start`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AriWindow {
    /// Its begin.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// `explanationURL`.
    pub explanation: Option<String>,
    /// `Retry-After`; none is sent without it.
    pub retry_after: Option<Duration>,
}

/// A certificate profile (draft-ietf-acme-profiles).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The text in the directory.
    pub description: String,
    /// Life of its certificates.
    pub lifetime: SignedDuration,
    /// Most names in one.
    pub max_names: usize,
    /// Whether certificates carry a common name.
    pub subject: Subject,
}

/// The subject of issued certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Empty.
    Empty,
    /// The first name as CN.
    FirstName,
}

/// What becomes of `replaces`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// 404 for an unknown certificate, 403 for another account's, 400 where no name is shared, 409
    /// when it is replaced already, else accepted and echoed.
    Ok,
    /// 409 `alreadyReplaced`.
    Conflict,
    /// 403 `unauthorized`.
    Forbidden,
    /// 404 `malformed`.
    NotFound,
    /// Neither judged nor echoed.
    Ignored,
}

/// What becomes of authorizations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authz {
    /// Pending until a challenge is answered, then valid at once.
    Pending,
    /// Valid from the start: orders are ready when created.
    Valid,
    /// Answering a challenge makes it invalid.
    Invalid(Failure),
    /// As `Pending`, with a challenge of the CA's own kind before the usual ones.
    VendorChallenge,
    /// Only a challenge of the CA's own kind is offered.
    VendorChallengeOnly,
    /// An answered challenge is processing for so many looks at the authorization.
    Slow {
        /// Looks.
        looks: u32,
        /// `Retry-After` meanwhile.
        retry_after: Option<Duration>,
    },
}

/// Why a validation fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The last word of the error type: `unauthorized`, `dns`, `caa`.
    pub kind: String,
    /// The detail.
    pub detail: String,
}

/// Whether an unfinished order is given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderReuse {
    /// Each newOrder makes an order.
    Never,
    /// The same account, names and profile give the same order while it is pending or ready.
    Unfinished,
}

/// What becomes of a finalized order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finalize {
    /// Valid in the answer.
    Issue,
    /// Processing for so many looks at the order.
    Processing {
        /// Looks, the answer to finalize not counted.
        looks: u32,
        /// `Retry-After` meanwhile.
        retry_after: Option<Duration>,
    },
    /// Processing for ever.
    Endless,
    /// Processing in the answer, and invalid with this problem when looked at.
    Invalid(Failure),
    /// 500 `serverInternal`; the order stays ready.
    ServerError,
    /// The request is refused with this problem and status; the order stays ready.
    Refuse(u16, Failure),
    /// No answer; the order stays ready.
    Hang,
}

/// How nonces are given and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonce {
    /// Well.
    Good,
    /// So many good nonces are refused before one is taken again.
    Reject(u32),
    /// newNonce answers 503.
    Unavailable,
    /// newNonce answers 200 without `Replay-Nonce`; nothing else carries one either.
    Missing,
}

/// Refusals for a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Which, and by that which requests are refused.
    pub kind: LimitKind,
    /// `Retry-After`.
    pub retry_after: Duration,
    /// How many requests are refused before it ends.
    pub count: u32,
}

/// A pause that the subscriber must lift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Where.
    pub unpause_url: String,
    /// Which names (without `*.`); all of them when empty.
    pub names: BTreeSet<String>,
}

/// How chains are handed out; read at each download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainShape {
    /// CA certificates between leaf and root, 1 or 2; 1.
    pub intermediates: u8,
    /// Their order; as it should be.
    pub order: ChainOrder,
    /// LF or CRLF.
    pub line_ends: LineEnds,
    /// Whether the root follows; it does not.
    pub root: RootInChain,
    /// How many alternates are offered (`Link: rel="alternate"`), at most 3; none.
    pub alternates: u8,
    /// Whether alternates can be downloaded; they can.
    pub alternate_links: AlternateLinks,
    /// PEM or the leaf's DER.
    pub format: ChainFormat,
}

/// The order of a chain's certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainOrder {
    /// Leaf first, each issued by the next.
    LeafFirst,
    /// Leaf first, then from the top down.
    TopDown,
    /// Leaf last.
    Reversed,
    /// The leaf alone.
    LeafOnly,
}

/// Line ends of PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// LF.
    Lf,
    /// CRLF.
    Crlf,
}

/// Whether a chain holds its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootInChain {
    /// Left out.
    LeftOut,
    /// Included.
    Included,
}

/// Whether alternates that are offered exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlternateLinks {
    /// They do.
    Good,
    /// They answer 404.
    Dead,
}

/// What a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFormat {
    /// `application/pem-certificate-chain`.
    Pem,
    /// The leaf as `application/pkix-cert`.
    Der,
}

/// What becomes of an order's notBefore and notAfter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// Not used.
    Ignored,
    /// notAfter is, up to `lifetime` from now.
    Honoured,
    /// The order is refused: `malformed`, as Let's Encrypt does.
    Refused,
}

/// External account bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eab {
    /// Ignored.
    Off,
    /// Needed; a key serves any number of accounts.
    Required,
    /// Needed; a key that verified is used up, even where the account is then refused.
    RequiredOnce,
}

/// The terms of service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// `meta.termsOfService`; an account must agree when there are any.
    pub url: Option<String>,
    /// Where the changed terms are to be agreed to; while set, orders and all else that an account
    /// asks for are refused with `userActionRequired`.
    pub changed: Option<String>,
}

/// What becomes of contacts; malformed ones are always refused with Boulder's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// Kept and shown.
    Kept,
    /// Neither kept nor shown, as Let's Encrypt does.
    Dropped,
    /// At least one is needed.
    Required,
}

/// Which identifiers are refused, with Boulder's words; names with fewer than two labels always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierPolicy {
    /// Most identifiers in an order, where no profile says otherwise; 100.
    pub max: usize,
    /// Names forbidden by policy, with all below them.
    pub blocked: BTreeSet<String>,
    /// Whether a name must end in a suffix of the Public Suffix List; it need not.
    pub suffixes: Suffixes,
    /// IP addresses; accepted.
    pub ips: Ips,
}

/// Which names end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffixes {
    /// All.
    Any,
    /// Those of the Public Suffix List.
    Public,
}

/// Whether IP identifiers are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ips {
    /// They are.
    Accepted,
    /// `unsupportedIdentifier`.
    Refused,
}

/// Whether accounts list their orders (RFC 8555 §7.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderLists {
    /// They do.
    Offered,
    /// They do not.
    Absent,
}
