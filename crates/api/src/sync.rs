//! ZTS/1: how the zero-touch store reaches an instance.
//!
//! All calls are HTTPS with JSON bodies; after enrolment with mutual TLS, the instance's certificate naming it
//! in a URI SAN ([`instance_uri`]).
//!
//! | call | meaning |
//! |---|---|
//! | `POST /zts/v1/enroll` | one-time token and CSR → identity certificate (TLS pinned by the token) |
//! | `POST /zts/v1/renew-identity` | CSR → the next identity certificate, at half-life |
//! | `POST /zts/v1/sync` | cursor → delta, snapshot, or 304; waits up to `wait` seconds for a change |
//! | `POST /zts/v1/status` | what happened to items; without waiting |
//! | `POST /zts/v1/buckets` | 256 bucket digests → the ids in buckets that differ |
//! | `POST /zts/v1/items` | ids → those items, whatever their revision |
//!
//! A cursor names scope, epoch, revision and set digest. The Console answers with a delta when the epoch is
//! the same and it still knows the changes since; else with a snapshot, which replaces the set.
//!
//! **Pages.** While `more` is set, the instance applies the changes to a copy and asks again at once with
//! `have.revision` = `to`; it serves the result when `more` is no longer set. The first page of a snapshot
//! begins that copy empty; the pages that follow it come as deltas (`snapshot` is false).
//!
//! **Divergence.** When revision is current but the digest is not, the answer is a delta without changes:
//! the instance compares the manifest's digest with its own and repairs by `buckets` and `items`. Asking
//! again with the same cursor brings a snapshot. Who asks with one cursor over and over is slowed down.
//!
//! **Challenges** (RFC 8555 §8.3, RFC 8737). An instance that answers CAs says in every sync call and report up
//! to which revision it shows responses, and how many it holds ([`ChallengesHeld`]). When the Console has
//! others for its scope, the answer (which then comes at once, with or without changes of the set) brings all
//! of them ([`ChallengeSet`]); an order goes on only once the instances have said that they show its
//! responses. Who leaves `challenges` out, is sent none.
//!
//! **Reports** are at-least-once: `observed` counts what was seen since the last report that was
//! acknowledged (by any answer of 200, 204 or 304), and is sent again only when the call failed. An
//! acknowledged report is therefore counted once; one whose acknowledgement was lost may be counted twice.
//!
//! **Refusals.** 401: the identity is unknown, removed or expired; enrol anew. 503: try again later.

use std::collections::BTreeMap;

use evercert_types::{
    CertificateId, DomainName, Fingerprint, InstanceId, ItemState, KeyAlgorithm, Labels, Secret,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::SetDigest;

/// Default of the plain poll, seconds (`CTX693217`: ten minutes).
pub const DEFAULT_POLL_SECS: u32 = 600;
/// Longest wait the Console grants in one sync call, seconds.
pub const MAX_WAIT_SECS: u32 = 55;
/// Header of every answer to a sync call, 304 included: call again after this many seconds when not
/// long-polling (jitter included).
pub const POLL_AFTER_HEADER: &str = "zts-poll-after";
/// Longest request body the Console reads on `/zts/v1`, bytes.
pub const MAX_REQUEST_BYTES: usize = 4 << 20;

/// The URI SAN of an instance's identity certificate: `urn:evercert:instance:ins_…`.
pub fn instance_uri(id: InstanceId) -> String {
    format!("urn:evercert:instance:{id}")
}

/// Reads the instance out of an identity certificate's URI SANs.
pub fn instance_from_uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Option<InstanceId> {
    uris.into_iter()
        .find_map(|uri| uri.strip_prefix("urn:evercert:instance:")?.parse().ok())
}

/// Asks for an identity.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// The secret part of the token ([`crate::instances::EnrollmentSecret`]).
    #[serde(serialize_with = "expose")]
    pub secret: Secret<String>,
    /// Wanted instance name, such as the host name; made unique by the Console.
    pub name: String,
    /// `adc` or `netscaler`.
    pub kind: String,
    /// CSR in PEM for the identity key, made by the instance.
    pub csr_pem: String,
    /// The agent's program version.
    pub agent_version: String,
}

/// An identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollResponse {
    /// The instance's id from now on.
    pub instance_id: InstanceId,
    /// Its name, made unique.
    pub name: String,
    /// Its labels, from the token.
    pub labels: Labels,
    /// Identity certificate and CA in PEM, leaf first.
    pub certificate_pem: String,
    /// The identity CA in PEM: what the Console's TLS certificate is checked against.
    pub ca_pem: String,
}

/// Asks for the next identity certificate; allowed while the present one is valid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewIdentityRequest {
    /// CSR in PEM for a new key.
    pub csr_pem: String,
}

/// The next identity certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewIdentityResponse {
    /// Identity certificate and CA in PEM, leaf first.
    pub certificate_pem: String,
    /// The identity CA in PEM.
    pub ca_pem: String,
}

/// Where an instance stands in its scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The scope's name as the Console gave it; empty before the first answer.
    pub scope: String,
    /// The store's epoch; changes when the Console is restored from a backup.
    pub epoch: i64,
    /// The revision applied; 0 before the first answer.
    pub revision: i64,
    /// Digest over the set held.
    pub digest: SetDigest,
}

/// What the agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Program version.
    pub version: String,
    /// Random id of this process start.
    pub boot: String,
    /// Optional parts of ZTS/1 it understands.
    #[serde(default)]
    pub caps: Vec<String>,
}

/// One sync call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Who asks.
    pub agent: Agent,
    /// What it has.
    pub have: Cursor,
    /// What became of what it has.
    #[serde(default)]
    pub applied: Applied,
    /// Wait up to this many seconds for a change; 0 answers at once.
    #[serde(default)]
    pub wait_secs: u32,
    /// How many items it takes in one answer; 0 leaves it to the Console.
    #[serde(default)]
    pub max_items: u32,
    /// Which responses to challenges it shows; absent when it does not answer CAs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenges: Option<ChallengesHeld>,
}

/// Which responses to challenges an instance shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengesHeld {
    /// The revision of the set that it shows whole; 0 before the first.
    pub revision: i64,
    /// How many responses that set had.
    pub count: u64,
    /// After how many seconds it will be heard of again, at the latest.
    #[serde(default)]
    pub contact_secs: u32,
}

/// Every response that an instance shows from now on, in place of those before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeSet {
    /// Its revision.
    pub revision: i64,
    /// The responses.
    pub responses: Vec<ChallengeResponse>,
}

/// What is shown to a CA that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeResponse {
    /// `http-01` or `tls-alpn-01`; others are passed over.
    pub kind: String,
    /// The DNS name or IP address.
    pub identifier: String,
    /// The challenge's token.
    pub token: String,
    /// Token and thumbprint (RFC 8555 §8.1).
    pub key_authorization: String,
    /// When it is not shown any more.
    pub expires_at: Timestamp,
}

/// A status report: a watermark, and exceptions to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Everything up to this revision is active, but for `problems`.
    #[serde(default)]
    pub revision: i64,
    /// Items that are staged only, or were rejected; complete, not a delta.
    #[serde(default)]
    pub problems: Vec<ItemProblem>,
    /// Handshakes seen since the last acknowledged report.
    #[serde(default)]
    pub observed: Vec<ItemObserved>,
}

/// An item that is not simply active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemProblem {
    /// Which item.
    pub id: ItemId,
    /// Which generation of it.
    pub generation: i64,
    /// `staged` or `rejected`.
    pub state: ItemState,
    /// Such as `key_mismatch`, `chain_broken`, `name_invalid`, `expired`, `not_yet_valid`, `handshake_failed`, `mass_deletion`.
    pub code: String,
    /// In one sentence.
    pub detail: String,
}

/// Handshakes made with one generation of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemObserved {
    /// Which item.
    pub id: ItemId,
    /// Which generation of it.
    pub generation: i64,
    /// How many since the last acknowledged report.
    pub handshakes: u64,
}

/// `POST /zts/v1/status`: [`Applied`] without waiting; answered by 204.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StatusReport {
    /// Who reports.
    pub agent: Agent,
    /// What it has.
    pub have: Cursor,
    /// What became of it.
    pub applied: Applied,
    /// Which responses to challenges it shows; absent when it does not answer CAs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenges: Option<ChallengesHeld>,
}

/// An item of the store: one key algorithm of one certificate, as `crt_…/ecdsa-p256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// The certificate.
    pub certificate: CertificateId,
    /// The key algorithm.
    pub algorithm: KeyAlgorithm,
}

/// An item id's text was malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an item id of the form crt_<id>/<key algorithm>")]
pub struct ItemIdError(String);

impl std::fmt::Display for ItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.certificate, self.algorithm)
    }
}

impl std::str::FromStr for ItemId {
    type Err = ItemIdError;

    fn from_str(text: &str) -> Result<Self, ItemIdError> {
        let error = || ItemIdError(text.to_owned());
        let (certificate, algorithm) = text.split_once('/').ok_or_else(error)?;
        Ok(Self {
            certificate: certificate.parse().map_err(|_| error())?,
            algorithm: algorithm.parse().map_err(|_| error())?,
        })
    }
}

impl Serialize for ItemId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What the whole set of a scope is at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The scope's name.
    pub scope: String,
    /// The store's epoch.
    pub epoch: i64,
    /// The scope's revision.
    pub revision: i64,
    /// How many items the set holds.
    pub count: u64,
    /// Digest over the set.
    pub digest: SetDigest,
    /// When the Console wrote this.
    pub issued_at: Timestamp,
    /// Whether removing most of the set is meant: lifts the guard against mass deletion.
    #[serde(default)]
    pub purge_intended: bool,
}

/// The answer to a sync call that brings something; 304 when nothing is new.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncResponse {
    /// The set after the last of these changes (after all pages, when `more`).
    pub manifest: Manifest,
    /// Whether the changes are the whole set: what is not named is gone.
    pub snapshot: bool,
    /// The revision that these changes lead to; equals the manifest's unless `more`.
    pub to: i64,
    /// Whether another call brings more at once.
    #[serde(default)]
    pub more: bool,
    /// The changes in order of revision.
    pub changes: Vec<Change>,
    /// Chains named by the items, intermediates in base64 DER, in order.
    #[serde(default)]
    pub chains: BTreeMap<Fingerprint, Vec<String>>,
    /// Call again after this many seconds (jitter included) when not long-polling.
    pub poll_after_secs: u32,
    /// The responses to challenges, when they are others than the instance shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenges: Option<ChallengeSet>,
}

/// One change of the set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Change {
    /// The item is new, or has another generation, or other names.
    Put {
        /// The item in full.
        item: Box<Item>,
    },
    /// The item left the scope.
    Remove {
        /// Which.
        id: ItemId,
    },
}

/// A certificate with its key, as an instance needs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Which item.
    pub id: ItemId,
    /// Generation of the version; instances compare `fingerprint`, not names.
    pub generation: i64,
    /// The certificate's name, for people.
    pub name: String,
    /// The names to serve it for.
    pub names: Vec<DomainName>,
    /// Validity begins; served from then on.
    pub not_before: Timestamp,
    /// Validity ends.
    pub not_after: Timestamp,
    /// The leaf in base64 DER.
    pub leaf: String,
    /// SHA-256 of the leaf's DER.
    pub fingerprint: Fingerprint,
    /// Which chain of the response; absent when there are no intermediates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Fingerprint>,
    /// The private key.
    pub key: ItemKey,
    /// When the version was committed to the store, Unix milliseconds.
    pub committed_at_ms: i64,
}

/// A private key on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "enc", rename_all = "snake_case")]
pub enum ItemKey {
    /// PKCS#8 DER in base64, protected by the TLS connection alone.
    Transport {
        /// The key.
        #[serde(serialize_with = "expose")]
        data: Secret<String>,
    },
}

impl Item {
    /// What of the item the set digest covers: id, generation and leaf.
    pub fn digest(&self) -> crate::digest::ItemDigest {
        crate::digest::ItemDigest::of(&self.id, self.generation, &self.fingerprint)
    }
}

/// Bucket digests of the set held, index by bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketsRequest {
    /// What it has.
    pub have: Cursor,
    /// 256 digests ([`crate::digest::ItemDigest::bucket`]).
    pub buckets: Vec<SetDigest>,
}

/// What stands in the buckets that differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketsResponse {
    /// The set as it should be.
    pub manifest: Manifest,
    /// For each differing bucket, the ids with generation and leaf that belong there.
    pub differ: BTreeMap<u8, Vec<ItemRef>>,
}

/// An item without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRef {
    /// Which item.
    pub id: ItemId,
    /// Which generation.
    pub generation: i64,
    /// SHA-256 of the leaf's DER.
    pub fingerprint: Fingerprint,
}

/// Items wanted by id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemsRequest {
    /// Which; at most 1,000.
    pub ids: Vec<ItemId>,
}

/// The items wanted; those not in the scope are absent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemsResponse {
    /// The items.
    pub items: Vec<Item>,
    /// Chains named by the items.
    #[serde(default)]
    pub chains: BTreeMap<Fingerprint, Vec<String>>,
}

fn expose<S: serde::Serializer>(secret: &Secret<String>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(secret.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_ids_round_trip() {
        let id = ItemId {
            certificate: CertificateId::new(),
            algorithm: KeyAlgorithm::Rsa2048,
        };

        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("crt_1/rsa".parse::<ItemId>().is_err());
    }

    #[test]
    fn an_instance_is_read_from_its_uri() {
        let id = InstanceId::new();
        let uri = instance_uri(id);

        assert_eq!(
            instance_from_uris(["https://example.com", uri.as_str()]),
            Some(id)
        );
        assert_eq!(instance_from_uris(["urn:evercert:instance:x"]), None);
    }

    #[test]
    fn a_key_is_written_on_the_wire_and_nowhere_else() {
        let key = ItemKey::Transport {
            data: Secret::new("QUJD".to_owned()),
        };

        assert_eq!(
            serde_json::to_value(&key).unwrap(),
            serde_json::json!({"enc": "transport", "data": "QUJD"})
        );
        assert!(!format!("{key:?}").contains("QUJD"));
    }
}
