//! The steps of ACME, as errors name them.

use std::fmt;

/// The step of an order or account at which an error arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// GET of the directory.
    Directory,
    /// HEAD of newNonce.
    Nonce,
    /// newAccount, and everything at the account's URL.
    Account,
    /// newOrder.
    NewOrder,
    /// Reading an order.
    Order,
    /// Reading or deactivating an authorization.
    Authorization,
    /// Answering or reading a challenge.
    Challenge,
    /// finalize.
    Finalize,
    /// Downloading a certificate.
    Download,
    /// revokeCert.
    Revocation,
    /// keyChange.
    KeyChange,
    /// renewalInfo (RFC 9773).
    RenewalInfo,
}

impl Stage {
    /// The stable word for logs and codes: `new_order`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Nonce => "nonce",
            Self::Account => "account",
            Self::NewOrder => "new_order",
            Self::Order => "order",
            Self::Authorization => "authorization",
            Self::Challenge => "challenge",
            Self::Finalize => "finalize",
            Self::Download => "download",
            Self::Revocation => "revocation",
            Self::KeyChange => "key_change",
            Self::RenewalInfo => "renewal_info",
        }
    }
}

impl fmt::Display for Stage {
    /// What is being attempted: `creating the order`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "reading the directory",
            Self::Nonce => "getting a nonce",
            Self::Account => "using the account",
            Self::NewOrder => "creating the order",
            Self::Order => "reading the order",
            Self::Authorization => "reading the authorization",
            Self::Challenge => "answering the challenge",
            Self::Finalize => "finalizing the order",
            Self::Download => "downloading the certificate",
            Self::Revocation => "revoking the certificate",
            Self::KeyChange => "changing the account key",
            Self::RenewalInfo => "asking for renewal information",
        })
    }
}
