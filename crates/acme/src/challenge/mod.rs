//! Challenges: what a CA wants to see where only a name's holder can put it (RFC 8555 §8).

pub mod dns01;
pub mod http01;
pub mod tls_alpn01;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::key::AccountKey;
use crate::poll::Resource;
use crate::problem::{Problem, ProblemKind};
use crate::stage::Stage;
use crate::wire::{lenient_time, open_words};

pub use dns01::dns01_value;

/// A challenge as the CA shows it; can be saved and read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// How the proof is given.
    #[serde(rename = "type")]
    pub kind: ChallengeType,
    /// Where the CA is told to look.
    #[serde(default)]
    pub url: String,
    /// How far it is.
    #[serde(default)]
    pub status: ChallengeStatus,
    /// The token; not every type has one. See [`Self::token`].
    #[serde(default)]
    pub token: Option<String>,
    /// When the CA saw the proof.
    #[serde(default, deserialize_with = "lenient_time")]
    pub validated: Option<Timestamp>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Problem>,
    /// Every other member, such as `issuer-domain-names` of dns-persist-01.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

open_words! {
    /// The kinds of proof (RFC 8555 §9.7.8).
    ChallengeType {
        /// A file on the web server (RFC 8555 §8.3).
        Http01 = "http-01",
        /// A TXT record (RFC 8555 §8.4).
        Dns01 = "dns-01",
        /// A self-signed certificate in a TLS handshake (RFC 8737).
        TlsAlpn01 = "tls-alpn-01",
    }
    /// How far a challenge is (RFC 8555 §7.1.6).
    ChallengeStatus {
        /// The CA waits to be told to look.
        Pending = "pending",
        /// The CA looks.
        Processing = "processing",
        /// The CA saw the proof.
        Valid = "valid",
        /// The CA did not see the proof.
        Invalid = "invalid",
    }
}

impl Default for ChallengeStatus {
    /// What a challenge without status is taken for.
    fn default() -> Self {
        Self::Pending
    }
}

/// What proves the account's part: `token.thumbprint` (RFC 8555 §8.1).
pub fn key_authorization(token: &str, key: &AccountKey) -> String {
    format!("{token}.{}", key.thumbprint())
}

impl Challenge {
    /// The token, empty for types that have none.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }
}

impl Account {
    /// Tells the CA to look for the proof; a challenge it looks at already is left as it is.
    ///
    /// # Errors
    /// What the CA or the network refuses.
    pub async fn trigger_challenge(&self, url: &str) -> Result<Challenge, AcmeError> {
        let deadline = self.client().deadline();
        let post = Post::act(Stage::Challenge, url, &json!({}), Repeat::Safe);
        let refusal = match self.post(&post, deadline).await {
            Ok(reply) => return Challenge::from_reply(&reply, url),
            Err(error) => error,
        };
        // Sent before and not known to have arrived: the CA calls the second one malformed.
        if refusal.problem().map(Problem::kind) != Some(ProblemKind::Malformed) {
            return Err(refusal);
        }
        match self.read_by::<Challenge>(url, deadline).await {
            Ok(challenge) if challenge.status != ChallengeStatus::Pending => Ok(challenge),
            _ => Err(refusal),
        }
    }
}

impl Resource for Challenge {
    const STAGE: Stage = Stage::Challenge;

    fn placed_at(&mut self, url: &str, _retry_after: Option<Duration>) {
        url.clone_into(&mut self.url);
    }

    fn state(&self) -> &str {
        self.status.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SignatureAlgorithm;

    #[test]
    fn a_key_authorization_is_token_dot_thumbprint() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();

        let text = key_authorization("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", &key);

        assert_eq!(
            text,
            format!(
                "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.{}",
                key.thumbprint()
            )
        );
    }

    #[test]
    fn a_challenge_without_token_or_status_is_no_reason_to_fail() {
        let challenge: Challenge =
            serde_json::from_str(r#"{"type": "email-reply-00", "from": "ca@example"}"#).unwrap();

        assert_eq!(challenge.token(), "");
        assert_eq!(challenge.status, ChallengeStatus::Pending);
        assert_eq!(challenge.other["from"], "ca@example");
    }
}
