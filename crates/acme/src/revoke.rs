//! Revoking, by the account or by the certificate's own key (RFC 8555 §7.6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use evercert_x509::KeyPair;
use serde_json::json;

use crate::account::Account;
use crate::client::{Client, Post, Repeat};
use crate::error::AcmeError;
use crate::jws::KeyName;
use crate::key::AccountKey;
use crate::problem::{Problem, ProblemKind};
use crate::reply::Reply;
use crate::stage::Stage;

/// Why a certificate is revoked: the reasons that CAs take from subscribers (RFC 5280 §5.3.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// No reason given.
    #[default]
    Unspecified,
    /// The private key is known to others.
    KeyCompromise,
    /// The organisation's name or affiliation changed.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// The names are no longer used.
    CessationOfOperation,
}

impl RevocationReason {
    /// The `CRLReason` code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
        }
    }
}

impl Client {
    /// Revokes by the certificate's own key: without an account, and after a key's theft.
    ///
    /// # Errors
    /// As [`Account::revoke`], and [`AcmeError::Key`] for a key ACME cannot sign with.
    pub async fn revoke_with_key(
        &self,
        certificate_der: &[u8],
        certificate_key: &KeyPair,
        reason: RevocationReason,
    ) -> Result<(), AcmeError> {
        let key = AccountKey::from_pkcs8_der(certificate_key.to_pkcs8_der().expose())?;
        self.revoke(&key, KeyName::Jwk, certificate_der, reason)
            .await
    }

    async fn revoke(
        &self,
        key: &AccountKey,
        name: KeyName<'_>,
        certificate_der: &[u8],
        reason: RevocationReason,
    ) -> Result<(), AcmeError> {
        let directory = self.directory();
        let url = directory.revoke_cert.as_deref();
        let url = url.ok_or_else(|| AcmeError::NotOffered {
            stage: Stage::Revocation,
            url: directory.url.clone(),
            member: "revokeCert",
        })?;
        let payload = json!({
            "certificate": BASE64URL.encode(certificate_der),
            "reason": reason.code(),
        });
        let post = Post::act(Stage::Revocation, url, &payload, Repeat::Safe);
        done(self.post(key, name, &post, self.deadline()).await)
    }
}

impl Account {
    /// Revokes a certificate of this account, or of one that may act for its names.
    ///
    /// One that is revoked already counts as success.
    ///
    /// # Errors
    /// `unauthorized` when the account may not, `badRevocationReason`, and what the network refuses.
    pub async fn revoke(
        &self,
        certificate_der: &[u8],
        reason: RevocationReason,
    ) -> Result<(), AcmeError> {
        let name = KeyName::Account(self.url());
        self.client()
            .revoke(self.key(), name, certificate_der, reason)
            .await
    }
}

fn done(answer: Result<Reply, AcmeError>) -> Result<(), AcmeError> {
    match answer {
        Err(error) if error.problem().map(Problem::kind) == Some(ProblemKind::AlreadyRevoked) => {
            Ok(())
        }
        other => other.map(drop),
    }
}
