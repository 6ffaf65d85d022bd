//! The two stores a certificate may lie in.

use std::fmt;
use std::str::FromStr;

/// Where a certificate lies, and so how it is deployed (`CTX693217`).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// The certificate store: deployed by hand.
    Certificate,
    /// The zero-touch store: reaches every instance in scope by itself.
    #[serde(alias = "zero-touch")]
    ZeroTouch,
}

/// A store's text was not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a store; use zero-touch or certificate")]
pub struct StoreKindError(String);

impl StoreKind {
    /// The form kept in databases and JSON: `certificate` or `zero_touch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::ZeroTouch => "zero_touch",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StoreKind {
    type Err = StoreKindError;

    fn from_str(text: &str) -> Result<Self, StoreKindError> {
        match text {
            "certificate" => Ok(Self::Certificate),
            "zero_touch" | "zero-touch" => Ok(Self::ZeroTouch),
            _ => Err(StoreKindError(text.to_owned())),
        }
    }
}
