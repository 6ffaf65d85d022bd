//! What an instance says of itself: `show ssl zerotouch`, `evercert adc status`.

use std::net::SocketAddr;

use evercert_api::sync::ItemId;
use evercert_types::{Fingerprint, InstanceId, ItemState, KeyAlgorithm, Labels};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An instance's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its program's version.
    pub version: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// Its vservers.
    pub vservers: Vec<VserverStatus>,
    /// Its zero-touch certificates.
    pub zero_touch: ZeroTouchStatus,
    /// Parts of the configuration that were read and have no effect.
    pub warnings: Vec<String>,
}

/// A vserver's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VserverStatus {
    /// Its name.
    pub name: String,
    /// `HTTP`, `SSL` or `SSL_TCP`.
    pub kind: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether certificates bound by hand switch zero touch off on it.
    pub zero_touch: bool,
    /// Its services.
    pub services: Vec<ServiceStatus>,
}

/// A service's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// `host:port`.
    pub address: String,
    /// Whether it could be connected to, the last time.
    pub up: bool,
    /// Exchanges under way.
    pub active: usize,
    /// Idle connections kept.
    pub idle: usize,
}

/// The state of the zero-touch agent and its certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZeroTouchStatus {
    /// In one word.
    pub state: AgentState,
    /// What went wrong, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The Console's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// The identity, once enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityStatus>,
    /// When the Console was last asked.
    pub last_poll_at: Option<Timestamp>,
    /// When it last answered well.
    pub last_success_at: Option<Timestamp>,
    /// When it is asked next; absent while a call waits there for changes.
    pub next_poll_at: Option<Timestamp>,
    /// HTTP status of the Console's last answer; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// What was asked last: `Full`, `Poll` or `Long poll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The scope's name.
    pub scope: String,
    /// The store's epoch.
    pub epoch: i64,
    /// The store revision taken over.
    pub revision: i64,
    /// How many items are in which state.
    pub counts: ItemCounts,
    /// How many names are served, wildcards included.
    pub names: usize,
    /// How many responses to challenges of CAs are shown.
    #[serde(default)]
    pub challenges: usize,
    /// The sealed cache.
    pub cache: CacheStatus,
    /// Item by item; at most [`MAX_ITEMS`], exceptions first.
    pub items: Vec<ItemStatus>,
}

/// How many items a status lists.
pub const MAX_ITEMS: usize = 1000;

/// How the agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// There is no Console to follow.
    NoConsole,
    /// An identity is wanted.
    Enrolling,
    /// The first answer is awaited.
    Connecting,
    /// Everything is as the Console wants it.
    InSync,
    /// Changes are being taken over.
    Syncing,
    /// The Console cannot be reached; what is held is served.
    Unreachable,
    /// The Console does not accept this instance.
    Refused,
    /// The Console's answer would do harm and is not acted on.
    Guarded,
}

/// An identity at the Console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityStatus {
    /// The instance's id.
    pub instance_id: InstanceId,
    /// Its name at the Console.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// When its certificate ends; renewed at half its life.
    pub not_after: Timestamp,
}

/// How many items are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemCounts {
    /// All.
    pub held: usize,
    /// Served.
    pub active: usize,
    /// Waiting for their notBefore.
    pub staged: usize,
    /// Refused by this instance.
    pub rejected: usize,
    /// Expired.
    pub expired: usize,
}

/// The state of the sealed cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheStatus {
    /// Where it lies.
    pub path: String,
    /// When it was last written or read.
    pub saved_at: Option<Timestamp>,
    /// What went wrong, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// One item of the zero-touch store on this instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStatus {
    /// Its id.
    pub id: ItemId,
    /// The certificate's name.
    pub certificate: String,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Generation delivered.
    pub generation: i64,
    /// SHA-256 of the leaf delivered.
    pub fingerprint: Fingerprint,
    /// How far it got.
    pub state: ItemState,
    /// Names served, as far as it was verified.
    pub names: Vec<String>,
    /// Validity ends.
    pub not_after: Option<Timestamp>,
    /// Handshakes completed with what is served of it.
    pub handshakes: u64,
    /// What its OCSP responder said last: `VALID`, `EXPIRED`, `REVOKED`, `UNKNOWN`; absent when it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<String>,
    /// The earlier generation that is served while this one is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_generation: Option<i64>,
    /// Code of a rejection, or of what is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Detail of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
