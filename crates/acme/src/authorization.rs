//! Authorizations: the CA's proof, name by name, that the account may have it (RFC 8555 §7.1.4).

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use crate::account::Account;
use crate::challenge::{Challenge, ChallengeStatus, ChallengeType};
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::order::Identifier;
use crate::poll::{Resource, Verdict};
use crate::problem::Problem;
use crate::stage::Stage;
use crate::wire::{lenient_time, null_as_default, open_words};

/// An authorization as the CA shows it, with its URL; can be saved and read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authorization {
    /// Where it can be read again.
    #[serde(default)]
    pub url: String,
    /// The name; without `*.` for a wildcard.
    pub identifier: Identifier,
    /// How far it is.
    pub status: AuthorizationStatus,
    /// When the CA forgets it.
    #[serde(default, deserialize_with = "lenient_time")]
    pub expires: Option<Timestamp>,
    /// The ways to prove it; for one that was valid at once perhaps none that we know.
    #[serde(default, deserialize_with = "null_as_default")]
    pub challenges: Vec<Challenge>,
    /// Whether it is for `*.` and the identifier.
    #[serde(default, deserialize_with = "null_as_default")]
    pub wildcard: bool,
    /// When the CA wants to be asked again; of the last answer only, never saved.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

open_words! {
    /// How far an authorization is (RFC 8555 §7.1.6).
    AuthorizationStatus {
        /// A challenge must be met.
        Pending = "pending",
        /// Proved.
        Valid = "valid",
        /// A challenge was not met.
        Invalid = "invalid",
        /// The account gave it up.
        Deactivated = "deactivated",
        /// Too old.
        Expired = "expired",
        /// The CA took it back.
        Revoked = "revoked",
    }
}

impl Authorization {
    /// The name as it was ordered: with `*.` for a wildcard.
    pub fn name(&self) -> String {
        let value = &self.identifier.value;
        if self.wildcard && !value.starts_with("*.") {
            format!("*.{value}")
        } else {
            value.clone()
        }
    }

    /// The challenge of this type.
    pub fn challenge(&self, kind: &ChallengeType) -> Option<&Challenge> {
        self.challenges.iter().find(|c| c.kind == *kind)
    }

    /// The challenge of this type that is still to be met: none when the authorization is valid
    /// already, as with re-used or pre-validated names.
    pub fn to_solve(&self, kind: &ChallengeType) -> Option<&Challenge> {
        let pending = self.status == AuthorizationStatus::Pending;
        self.challenge(kind).filter(|_| pending)
    }

    /// Why it failed, in the CA's words.
    pub fn problem(&self) -> Option<&Problem> {
        let failed = |c: &&Challenge| c.status == ChallengeStatus::Invalid;
        let first = self.challenges.iter().find(failed);
        first
            .and_then(|challenge| challenge.error.as_ref())
            .or_else(|| self.challenges.iter().find_map(|c| c.error.as_ref()))
    }
}

impl Account {
    /// Reads an authorization.
    ///
    /// # Errors
    /// What the CA or the network refuses.
    pub async fn authorization(&self, url: &str) -> Result<Authorization, AcmeError> {
        self.read(url).await
    }

    /// Reads an authorization until it is valid.
    ///
    /// # Errors
    /// [`AcmeError::AuthorizationInvalid`] when it ended otherwise, [`AcmeError::Timeout`] at the
    /// deadline.
    pub async fn poll_authorization(
        &self,
        url: &str,
        deadline: Instant,
    ) -> Result<Authorization, AcmeError> {
        let authorization: Authorization = self.poll(url, deadline, verdict).await?;
        match authorization.status {
            AuthorizationStatus::Valid => Ok(authorization),
            _ => Err(AcmeError::AuthorizationInvalid(Box::new(authorization))),
        }
    }

    /// Gives an authorization up: a pending one, so that the next order begins clean.
    ///
    /// # Errors
    /// What the CA or the network refuses.
    pub async fn deactivate_authorization(&self, url: &str) -> Result<Authorization, AcmeError> {
        let change = json!({ "status": "deactivated" });
        let post = Post::act(Stage::Authorization, url, &change, Repeat::Safe);
        let reply = self.post(&post, self.client().deadline()).await?;
        Authorization::from_reply(&reply, url)
    }
}

impl Resource for Authorization {
    const STAGE: Stage = Stage::Authorization;

    fn placed_at(&mut self, url: &str, retry_after: Option<Duration>) {
        url.clone_into(&mut self.url);
        self.retry_after = retry_after;
    }

    fn state(&self) -> &str {
        self.status.as_str()
    }
}

/// Words nobody knows are waited out.
fn verdict(authorization: &Authorization) -> Verdict {
    match authorization.status {
        AuthorizationStatus::Pending | AuthorizationStatus::Other(_) => Verdict::Wait,
        _ => Verdict::Finished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_8555_section_7_1_4_is_read() {
        let text = r#"{
            "status": "valid", "expires": "2018-09-09T14:09:01.13Z",
            "identifier": {"type": "dns", "value": "www.example.org"},
            "challenges": [{
                "url": "https://example.com/acme/chall/prV_B7yEyA4", "type": "http-01",
                "status": "valid", "validated": "2014-12-01T12:05:13.72Z",
                "token": "IlirfxKKXAsHtmzK29Pj8A"}]}"#;

        let authorization: Authorization = serde_json::from_str(text).unwrap();

        assert_eq!(authorization.status, AuthorizationStatus::Valid);
        assert!(authorization.challenge(&ChallengeType::Http01).is_some());
        assert!(authorization.to_solve(&ChallengeType::Http01).is_none());
    }

    #[test]
    fn a_wildcard_has_its_name_back_and_unknown_challenges_stay() {
        let text = r#"{
            "status": "pending", "wildcard": true, "expires": null,
            "identifier": {"type": "dns", "value": "example.org"},
            "challenges": [
                {"url": "https://ca/c/1", "type": "sectigo-email-01", "status": "pending"},
                {"url": "https://ca/c/2", "type": "dns-persist-01", "status": "pending",
                 "issuer-domain-names": ["ca.example"]},
                {"url": "https://ca/c/3", "type": "dns-01", "status": "pending", "token": "t"}]}"#;

        let authorization: Authorization = serde_json::from_str(text).unwrap();
        let again: Authorization =
            serde_json::from_str(&serde_json::to_string(&authorization).unwrap()).unwrap();

        assert_eq!(authorization.name(), "*.example.org");
        assert_eq!(
            authorization
                .to_solve(&ChallengeType::Dns01)
                .unwrap()
                .token(),
            "t"
        );
        assert_eq!(
            authorization.challenges[0].kind.as_str(),
            "sectigo-email-01"
        );
        assert_eq!(again, authorization);
        assert_eq!(
            again.challenges[1].other["issuer-domain-names"],
            serde_json::json!(["ca.example"])
        );
    }

    #[test]
    fn the_failed_challenge_tells_why() {
        let text = r#"{
            "status": "invalid", "identifier": {"type": "dns", "value": "a.example"},
            "challenges": [
                {"url": "1", "type": "http-01", "status": "pending", "token": "t"},
                {"url": "2", "type": "dns-01", "status": "invalid", "token": "t", "error":
                 {"type": "urn:ietf:params:acme:error:dns", "detail": "SERVFAIL for a.example"}}]}"#;
        let authorization: Authorization = serde_json::from_str(text).unwrap();

        let error = AcmeError::AuthorizationInvalid(Box::new(authorization));

        assert_eq!(
            error.to_string(),
            "the authorization of a.example is invalid: SERVFAIL for a.example (dns)"
        );
        assert_eq!(error.fault(), crate::Fault::Validation);
        assert!(error.is_retryable());
    }
}
