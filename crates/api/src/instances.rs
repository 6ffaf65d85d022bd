//! `/api/v1/instances`: enrolled ADCs and appliances, and the tokens that enrol them.

use evercert_types::{InstanceId, ItemState, KeyAlgorithm, Labels, Secret, TokenId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A one-time enrolment token to make.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrollmentToken {
    /// Labels that the enrolled instance gets; scopes select by them.
    #[serde(default)]
    pub labels: Labels,
    /// How long it may be used, such as `1h`; default `24h`.
    #[serde(default)]
    pub expires_in: Option<String>,
}

/// A new enrolment token; its text is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrollmentToken {
    /// Its id, for the audit log.
    pub id: TokenId,
    /// Give it to `evercert adc --enroll-token`; it also pins the Console's identity CA.
    pub token: String,
    /// Not usable after.
    pub expires_at: Timestamp,
}

/// An enrolment token that can still be used; its text is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenEnrollmentToken {
    /// Its id.
    pub id: TokenId,
    /// Labels that the enrolled instance gets.
    pub labels: Labels,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not usable after.
    pub expires_at: Timestamp,
}

/// An enrolled ADC, or an appliance behind the Connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its unique name.
    pub name: String,
    /// `adc` or `netscaler`.
    pub kind: String,
    /// Its labels.
    pub labels: Labels,
    /// Its program's version.
    pub agent_version: String,
    /// The store revision it has applied.
    pub revision: i64,
    /// The store's revision now.
    pub store_revision: i64,
    /// Whether it has everything in its scope.
    pub in_sync: bool,
    /// When it was last heard of.
    pub last_seen_at: Option<Timestamp>,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When its identity certificate ends.
    pub identity_not_after: Timestamp,
    /// What it reported, item by item; only in `GET /api/v1/instances/{name}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<InstanceItem>,
}

/// How far one item got on this instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceItem {
    /// Name of the certificate.
    pub certificate: String,
    /// Key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Generation.
    pub generation: i64,
    /// How far it got.
    pub state: ItemState,
    /// Handshakes seen with it.
    pub handshakes: u64,
    /// Code of a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Detail of a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A token's text, split: `ect1.<secret>.<SHA-256 of the identity CA's DER, hexadecimal>`.
#[derive(Debug)]
pub struct EnrollmentSecret {
    /// The part that proves the right to enrol.
    pub secret: Secret<String>,
    /// The identity CA that the Console must present.
    pub ca_fingerprint: evercert_types::Fingerprint,
}

/// An enrolment token's text was malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no enrolment token; make one with `evercert instance token create`")]
pub struct EnrollmentTokenError;

impl EnrollmentSecret {
    /// Writes the token's text.
    pub fn compose(secret: &str, ca_fingerprint: &evercert_types::Fingerprint) -> String {
        format!("ect1.{secret}.{ca_fingerprint}")
    }

    /// Reads a token's text.
    ///
    /// # Errors
    /// When it has not the three parts, or the fingerprint is none. The text is not repeated: it is a secret.
    pub fn parse(text: &str) -> Result<Self, EnrollmentTokenError> {
        let mut parts = text.trim().split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("ect1"), Some(secret), Some(pin), None) if !secret.is_empty() => Ok(Self {
                secret: Secret::new(secret.to_owned()),
                ca_fingerprint: pin.parse().map_err(|_| EnrollmentTokenError)?,
            }),
            _ => Err(EnrollmentTokenError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_text_round_trips() {
        let pin = evercert_types::Fingerprint([7; 32]);

        let read = EnrollmentSecret::parse(&EnrollmentSecret::compose("abc", &pin)).unwrap();

        assert_eq!(read.secret.expose(), "abc");
        assert_eq!(read.ca_fingerprint, pin);
        assert!(EnrollmentSecret::parse("ect1.abc").is_err());
    }
}
