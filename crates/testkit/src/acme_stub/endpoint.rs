//! The stub's resources and their paths.

/// A kind of resource; canned answers and the journal go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// `/directory`.
    Directory,
    /// `/new-nonce`.
    NewNonce,
    /// `/new-acct`.
    NewAccount,
    /// `/acct/<n>`.
    Account,
    /// `/acct/<n>/orders`.
    Orders,
    /// `/new-order`.
    NewOrder,
    /// `/order/<n>`.
    Order,
    /// `/authz/<n>`.
    Authorization,
    /// `/chall/<authorization>/<type>`.
    Challenge,
    /// `/finalize/<order>`.
    Finalize,
    /// `/cert/<n>`.
    Certificate,
    /// `/cert/<n>/alternate/<m>`.
    Alternate,
    /// `/revoke-cert`.
    RevokeCert,
    /// `/key-change`.
    KeyChange,
    /// `/renewal-info/<certificate id>`.
    RenewalInfo,
    /// Any other path.
    Unknown,
}

/// A path taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) endpoint: Endpoint,
    /// What follows the endpoint's name: numbers, ids.
    pub(super) id: &'a str,
    pub(super) detail: &'a str,
}

impl Endpoint {
    /// All that a client can reach.
    pub const ALL: [Self; 15] = [
        Self::Directory,
        Self::NewNonce,
        Self::NewAccount,
        Self::Account,
        Self::Orders,
        Self::NewOrder,
        Self::Order,
        Self::Authorization,
        Self::Challenge,
        Self::Finalize,
        Self::Certificate,
        Self::Alternate,
        Self::RevokeCert,
        Self::KeyChange,
        Self::RenewalInfo,
    ];
}

impl<'a> Place<'a> {
    /// Takes a path apart. What the directory lists lies below `prefix`; all else has none, so that
    /// account and order URLs outlive a move.
    pub(super) fn of(path: &'a str, prefix: &str) -> Self {
        let parts = |path: &'a str| -> Vec<&'a str> { path[1..].split('/').collect() };
        let listed = path
            .strip_prefix(prefix)
            .filter(|rest| rest.starts_with('/'))
            .map(parts)
            .unwrap_or_default();
        let (endpoint, id) = match listed.as_slice() {
            ["new-nonce"] => (Endpoint::NewNonce, ""),
            ["new-acct"] => (Endpoint::NewAccount, ""),
            ["new-order"] => (Endpoint::NewOrder, ""),
            ["revoke-cert"] => (Endpoint::RevokeCert, ""),
            ["key-change"] => (Endpoint::KeyChange, ""),
            ["renewal-info", id] => (Endpoint::RenewalInfo, *id),
            _ => return Self::fixed(&parts(path)),
        };
        Self {
            endpoint,
            id,
            detail: "",
        }
    }

    fn fixed(parts: &[&'a str]) -> Self {
        let (endpoint, id, detail) = match parts {
            ["directory"] => (Endpoint::Directory, "", ""),
            ["acct", id] => (Endpoint::Account, *id, ""),
            ["acct", id, "orders"] => (Endpoint::Orders, *id, ""),
            ["order", id] => (Endpoint::Order, *id, ""),
            ["authz", id] => (Endpoint::Authorization, *id, ""),
            ["chall", id, kind] => (Endpoint::Challenge, *id, *kind),
            ["finalize", id] => (Endpoint::Finalize, *id, ""),
            ["cert", id] => (Endpoint::Certificate, *id, ""),
            ["cert", id, "alternate", number] => (Endpoint::Alternate, *id, *number),
            _ => (Endpoint::Unknown, "", ""),
        };
        Self {
            endpoint,
            id,
            detail,
        }
    }
}
