//! Why no certificate was made.

use jiff::Timestamp;

/// A certificate is not copied from. Everything here is about the client's certificate or the CA, never a panic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is larger than [`super::MAX_CERTIFICATE`], or what would be made of it is.
    #[error("the certificate has {octets} octets, more than 16 kB")]
    TooLarge {
        /// Its octets.
        octets: usize,
    },
    /// It is no certificate.
    #[error("the certificate is malformed ({0})")]
    Malformed(#[source] crate::der::DerError),
    /// Its subjectAltName has more names than [`super::MAX_NAMES`].
    #[error("the subjectAltName has {count} names, more than 100")]
    TooManyNames {
        /// How many.
        count: usize,
    },
    /// It names nobody.
    #[error("the certificate has neither a subject nor a subjectAltName")]
    Nameless,
    /// Its validity has not begun, or has ended.
    #[error("the certificate is not in force")]
    NotInForce,
    /// So little is left that a certificate made of it would be of no use.
    #[error("the certificate ends too soon, at {0}")]
    EndsSoon(Timestamp),
    /// The CA's certificate is not in force, or ends within a minute.
    #[error("the forging CA's certificate is not in force, or ends too soon")]
    CaNotInForce,
    /// Its extended key usage leaves out clients.
    #[error("the certificate is not for TLS clients (extendedKeyUsage without clientAuth)")]
    NotForClients,
    /// It is a CA's.
    #[error("the certificate is a CA's")]
    IsCa,
    /// It is signed with MD5 or SHA-1.
    #[error("the certificate is signed with MD5 or SHA-1")]
    WeakSignature,
    /// Its RSA key is too short.
    #[error("the certificate's RSA key has {bits} bits, fewer than 2048")]
    WeakKey {
        /// Bits of its modulus.
        bits: usize,
    },
    /// The forging CA issued it: copying copies would let anyone with one have another for ever.
    #[error("the certificate was issued by the forging CA itself")]
    OwnIssue,
    /// It has a critical extension that is neither copied nor known, and the policy says to refuse such.
    #[error("the certificate has the unknown critical extension {0}")]
    UnknownCritical(String),
    /// A name is not among those the forging CA may vouch for.
    #[error("the name constraints of the forging CA do not allow {0}")]
    NameConstraint(String),
    /// The subject template wants an attribute that the certificate has not.
    #[error("the subject is made from {{{0}}}, which the certificate has not")]
    MissingAttribute(String),
    /// The new key is the CA's own.
    #[error("the key for made certificates is the forging CA's own")]
    SameKey,
    /// The system gave no random octets.
    #[error("no serial number could be drawn: the system's random source failed")]
    Random,
    /// The CA's key did not sign.
    #[error("the forging CA's key did not sign")]
    Sign(#[source] crate::key::KeyError),
}

impl Refusal {
    /// One word, for counters.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
            Self::TooManyNames { .. } => "too_many_names",
            Self::Nameless => "nameless",
            Self::NotInForce | Self::EndsSoon(_) => "expired",
            Self::CaNotInForce => "ca_expired",
            Self::NotForClients => "not_for_clients",
            Self::IsCa => "is_ca",
            Self::WeakSignature => "weak_signature",
            Self::WeakKey { .. } => "weak_key",
            Self::OwnIssue => "own_issue",
            Self::UnknownCritical(_) => "unknown_critical",
            Self::NameConstraint(_) => "name_constraint",
            Self::MissingAttribute(_) => "missing_attribute",
            Self::SameKey => "same_key",
            Self::Random => "random",
            Self::Sign(_) => "sign",
        }
    }
}

impl From<crate::der::DerError> for Refusal {
    fn from(error: crate::der::DerError) -> Self {
        Self::Malformed(error)
    }
}
