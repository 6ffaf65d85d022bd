//! Words in which an operator says how a certificate is to be issued.

use std::fmt;
use std::str::FromStr;

/// Where a certificate's private key lives.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum KeyCustody {
    /// In the Console, sealed.
    #[default]
    Console,
    /// Elsewhere: the Console knows the CSR only. Never in the zero-touch store.
    External,
}

/// What a vanished ACME profile means.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProfileMode {
    /// The order goes on without it, with a warning.
    #[default]
    Preferred,
    /// The order fails.
    Required,
}

/// How an operator wants names to be proved.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub enum ChallengeChoice {
    /// A TXT record, written by a provider.
    #[serde(rename = "dns-01")]
    Dns01,
    /// A TXT record, written by the operator: the order waits for it.
    #[serde(rename = "dns-01-manual")]
    Dns01Manual,
    /// A file at `/.well-known/acme-challenge/`, served by the instances in scope or the Console (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// A TLS handshake with `acme-tls/1`, answered likewise (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

/// A challenge's text was not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a way to prove names; use one of dns-01, dns-01-manual, http-01, tls-alpn-01"
)]
pub struct ChallengeChoiceError(String);

impl ChallengeChoice {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 4] = [
        Self::Dns01,
        Self::Dns01Manual,
        Self::Http01,
        Self::TlsAlpn01,
    ];

    /// The text form, as `FromStr` reads it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns01 => "dns-01",
            Self::Dns01Manual => "dns-01-manual",
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// Whether it is answered by a TXT record.
    pub const fn is_dns(self) -> bool {
        matches!(self, Self::Dns01 | Self::Dns01Manual)
    }
}

impl fmt::Display for ChallengeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChallengeChoice {
    type Err = ChallengeChoiceError;

    fn from_str(text: &str) -> Result<Self, ChallengeChoiceError> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| ChallengeChoiceError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_written_as_the_api_has_them() {
        for choice in ChallengeChoice::ALL {
            assert_eq!(choice.to_string().parse(), Ok(choice));
            let json = serde_json::to_string(&choice).unwrap();
            assert_eq!(json, format!("\"{choice}\""));
        }
        let error = "dns".parse::<ChallengeChoice>().unwrap_err();
        assert!(error.to_string().contains("http-01"), "{error}");
    }
}
