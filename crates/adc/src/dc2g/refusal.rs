//! Why a client gets no certificate made towards a server.

use evercert_x509::forge;
use http::StatusCode;

/// No certificate was made; the handshake with the server fails on purpose.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the client showed no certificate")]
    NoClientCertificate,
    #[error("no certificate can be made from the client's: {0}")]
    Certificate(#[source] forge::Refusal),
    #[error("{0} is on the deny-list of the profile")]
    Denied(String),
    #[error("the revocation status of the client's certificate is not known")]
    UnknownStatus,
    #[error("the client's certificate is not accepted any more")]
    NotVerified(String),
    #[error("too many certificates are made in this second")]
    TooMany,
    #[error("no CA is bound to the profile with -forgingCACertkey")]
    NoForgingCa,
    #[error("the server takes no signature of the key for made certificates")]
    NoCommonScheme,
    #[error("a key for made certificates could not be had ({0})")]
    Key(String),
    #[error("the audit record could not be written ({0})")]
    Audit(String),
}

impl Refusal {
    /// One word, for counters.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::NoClientCertificate => "no_client_certificate",
            Self::Certificate(refusal) => refusal.word(),
            Self::Denied(_) => "denied",
            Self::UnknownStatus => "unknown_status",
            Self::NotVerified(_) => "not_verified",
            Self::TooMany => "rate",
            Self::NoForgingCa => "no_forging_ca",
            Self::NoCommonScheme => "no_common_scheme",
            Self::Key(_) => "key",
            Self::Audit(_) => "audit",
        }
    }

    /// What the client is told: its own certificate's faults in words, ours without detail.
    pub(crate) const fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoClientCertificate => (
                StatusCode::FORBIDDEN,
                "the service asks for a client certificate, and you showed none",
            ),
            Self::Denied(_) => (
                StatusCode::FORBIDDEN,
                "your certificate names someone for whom no certificate is made here",
            ),
            Self::UnknownStatus => (
                StatusCode::FORBIDDEN,
                "it is not known whether your certificate was revoked",
            ),
            Self::NotVerified(_) => (
                StatusCode::FORBIDDEN,
                "your certificate has expired or was revoked",
            ),
            Self::Certificate(refusal) => match refusal {
                forge::Refusal::CaNotInForce
                | forge::Refusal::SameKey
                | forge::Refusal::Random
                | forge::Refusal::Sign(_) => OURS,
                forge::Refusal::NameConstraint(_) => (
                    StatusCode::FORBIDDEN,
                    "your certificate has a name for which no certificate may be made here",
                ),
                _ => (
                    StatusCode::FORBIDDEN,
                    "no certificate for the service can be made from yours",
                ),
            },
            Self::TooMany => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many clients are new in this second; try again",
            ),
            Self::NoForgingCa | Self::NoCommonScheme | Self::Key(_) | Self::Audit(_) => OURS,
        }
    }
}

const OURS: (StatusCode, &str) = (
    StatusCode::BAD_GATEWAY,
    "the certificate that the service asks for could not be made",
);
