//! What the stub remembers.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use axum::http::Method;
use evercert_types::SharedClock;
use evercert_x509::Certificate;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::answer::Answer;
use super::endpoint::Endpoint;
use super::issuer::Issuer;
use super::journal::Journal;
use super::jws::PublicKey;
use super::limits::Ledger;
use super::switches::Switches;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// A request whose nonce, URL, key and signature are right.
#[derive(Debug)]
pub(super) struct Signed {
    /// Index of the account.
    pub(super) account: usize,
    pub(super) payload: Value,
    pub(super) url: String,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) base: String,
    pub(super) clock: SharedClock,
    pub(super) issuer: Issuer,
    pub(super) switches: Switches,
    pub(super) journal: Journal,
    pub(super) queues: HashMap<Endpoint, VecDeque<Answer>>,
    pub(super) standing: HashMap<Endpoint, Answer>,
    pub(super) ledger: Ledger,
    pub(super) nonces: HashSet<String>,
    pub(super) counter: u64,
    pub(super) accounts: Vec<Account>,
    /// By [`PublicKey::identity`].
    pub(super) account_of_key: HashMap<String, usize>,
    pub(super) used_eab: HashSet<String>,
    pub(super) orders: Vec<Order>,
    pub(super) authzs: Vec<Authz>,
    /// The latest valid authorization, by account and name with its `*.`.
    pub(super) valid_authz: HashMap<(usize, String), usize>,
    pub(super) certificates: Vec<Issued>,
    pub(super) certificate_of_ari: HashMap<String, usize>,
    /// When a set of names was last issued for.
    pub(super) last_of_set: HashMap<String, Timestamp>,
    /// Unfinished orders, by account, set and profile.
    pub(super) unfinished: HashMap<(usize, String, String), usize>,
    /// Validation failures in a row, by account and name.
    pub(super) failures: HashMap<(usize, String), u32>,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: PublicKey,
    pub(super) contact: Vec<String>,
    pub(super) external: Option<Value>,
    pub(super) state: Standing,
    pub(super) orders: Vec<usize>,
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Valid,
    Deactivated,
    /// The CA lost it.
    Forgotten,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Identifier {
    pub(super) kind: &'static str,
    pub(super) value: String,
}

#[derive(Debug)]
pub(super) struct Order {
    pub(super) account: usize,
    pub(super) identifiers: BTreeSet<Identifier>,
    pub(super) authzs: Vec<usize>,
    pub(super) profile: Option<String>,
    /// The certificate id, when it is echoed.
    pub(super) replaces: Option<String>,
    /// Whether it counts as an ARI renewal.
    pub(super) exempt: Exempt,
    pub(super) not_after: Option<Timestamp>,
    pub(super) expires: Timestamp,
    pub(super) state: OrderState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exempt {
    No,
    ByAri,
}

#[derive(Clone, Debug)]
pub(super) enum OrderState {
    /// As its authorizations are.
    Open,
    /// For so many looks more, or for ever.
    Processing {
        left: Option<u32>,
        then: Result<usize, Value>,
    },
    Valid(usize),
    Invalid(Value),
}

#[derive(Debug)]
pub(super) struct Authz {
    pub(super) account: usize,
    pub(super) identifier: Identifier,
    pub(super) wildcard: bool,
    pub(super) token: String,
    pub(super) expires: Timestamp,
    pub(super) state: AuthzState,
    /// The type of the challenge that was answered.
    pub(super) answered: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum AuthzState {
    Pending,
    Processing(u32),
    Valid,
    Invalid(Value),
    Deactivated,
}

#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) account: usize,
    pub(super) order: usize,
    pub(super) leaf: Certificate,
    pub(super) ari: String,
    pub(super) identifiers: BTreeSet<Identifier>,
    pub(super) at: Timestamp,
    pub(super) revoked: Option<i64>,
    pub(super) replaced_by: Option<usize>,
}

impl World {
    pub(super) fn new(
        base: String,
        clock: SharedClock,
        issuer: Issuer,
        switches: Switches,
        journal: Journal,
    ) -> Self {
        Self {
            base,
            clock,
            issuer,
            switches,
            journal,
            queues: HashMap::new(),
            standing: HashMap::new(),
            ledger: Ledger::default(),
            nonces: HashSet::new(),
            counter: 0,
            accounts: Vec::new(),
            account_of_key: HashMap::new(),
            used_eab: HashSet::new(),
            orders: Vec::new(),
            authzs: Vec::new(),
            valid_authz: HashMap::new(),
            certificates: Vec::new(),
            certificate_of_ari: HashMap::new(),
            last_of_set: HashMap::new(),
            unfinished: HashMap::new(),
            failures: HashMap::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// An instant so far ahead of now.
    pub(super) fn ahead(&self, by: SignedDuration) -> Timestamp {
        self.now().checked_add(by).unwrap_or(Timestamp::MAX)
    }
}

/// A number of a path as an index; they are counted from 1.
pub(super) fn index(text: &str) -> Option<usize> {
    text.parse::<usize>().ok()?.checked_sub(1)
}

/// 128 random bits as text.
pub(super) fn random_token() -> String {
    use base64::Engine as _;
    use std::hash::{BuildHasher as _, RandomState};
    let draw = || RandomState::new().hash_one(0u8).to_be_bytes();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([draw(), draw()].concat())
}

/// A time as ACME writes it: whole seconds.
pub(super) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
