//! Rate limits of CAs as numbers: what may be asked for at once, and how fast it comes back.

/// A limit of a CA, kept as a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub kind: LimitKind,
    /// So many at once.
    pub burst: u32,
    /// Seconds until one more is allowed.
    pub refill_every_secs: u64,
    /// Whether an order that `replaces` a certificate inside its ARI window counts nothing (RFC 9773 §5).
    pub exempt_ari: bool,
    /// Whether an order for the same set of names as an earlier certificate counts nothing.
    pub exempt_renewal: bool,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// New accounts from one IP address.
    NewAccountsPerIp,
    /// New orders of one account.
    NewOrdersPerAccount,
    /// Certificates with a name below one registered domain, or with one IP address.
    CertificatesPerRegisteredDomain,
    /// Certificates with exactly the same names.
    CertificatesPerExactSet,
    /// Failed authorizations of one name, by one account.
    FailedAuthorizationsPerName,
    /// Failed authorizations of one name in a row, by one account; a success empties the count. When it is
    /// reached the CA pauses the name, and only the account's holder can end the pause, at the CA's page.
    ConsecutiveFailuresPerName,
}

impl Limit {
    /// A limit that no order is exempt from.
    pub(super) const fn new(kind: LimitKind, burst: u32, refill_every_secs: u64) -> Self {
        Self {
            kind,
            burst,
            refill_every_secs,
            exempt_ari: false,
            exempt_renewal: false,
        }
    }

    /// The same, not counted for orders that ARI asked for.
    pub(super) const fn but_ari(mut self) -> Self {
        self.exempt_ari = true;
        self
    }

    /// The same, not counted for renewals of the same names.
    pub(super) const fn but_renewals(mut self) -> Self {
        self.exempt_renewal = true;
        self
    }
}

impl LimitKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::NewAccountsPerIp,
        Self::NewOrdersPerAccount,
        Self::CertificatesPerRegisteredDomain,
        Self::CertificatesPerExactSet,
        Self::FailedAuthorizationsPerName,
        Self::ConsecutiveFailuresPerName,
    ];

    /// The word for it in the API: `new_orders_per_account`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewAccountsPerIp => "new_accounts_per_ip",
            Self::NewOrdersPerAccount => "new_orders_per_account",
            Self::CertificatesPerRegisteredDomain => "certificates_per_registered_domain",
            Self::CertificatesPerExactSet => "certificates_per_exact_set",
            Self::FailedAuthorizationsPerName => "failed_authorizations_per_name",
            Self::ConsecutiveFailuresPerName => "consecutive_failures_per_name",
        }
    }

    /// What is counted, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::NewAccountsPerIp => "new accounts from one IP address",
            Self::NewOrdersPerAccount => "new orders of one account",
            Self::CertificatesPerRegisteredDomain => "certificates for one registered domain",
            Self::CertificatesPerExactSet => "certificates for exactly the same names",
            Self::FailedAuthorizationsPerName => "failed authorizations of one name",
            Self::ConsecutiveFailuresPerName => {
                "failed authorizations of one name without a success between"
            }
        }
    }
}
