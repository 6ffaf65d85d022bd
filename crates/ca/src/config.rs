//! What a Local CA can be told before it starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evercert_types::{DomainName, KeyAlgorithm, Secret, SharedClock, SystemClock};
use jiff::SignedDuration;

/// The settings of a [`LocalCa`](crate::LocalCa); start from [`CaConfig::default`].
#[derive(Clone, Debug)]
pub struct CaConfig {
    /// Where to listen for HTTPS; default `127.0.0.1:0`, a free port.
    pub listen: SocketAddr,
    /// What the URLs in the directory begin with, such as `https://ca.internal:14000`; default: the
    /// first of [`names`](Self::names), else the listening address, else `localhost`.
    pub external_url: Option<String>,
    /// DNS names and IP addresses its HTTPS certificate has besides `localhost`, `127.0.0.1`, `::1`
    /// and the listening address.
    pub names: Vec<String>,
    /// Where keys, accounts, orders and certificates are kept; without it, in memory only, and a
    /// restart is another CA.
    pub state_dir: Option<PathBuf>,
    /// Whom to ask when validating.
    pub resolver: ValidationDns,
    /// Port of http-01 validation; default 80.
    pub http01_port: u16,
    /// Port of tls-alpn-01 validation; default 443.
    pub tls_alpn01_port: u16,
    /// Longest time one validation may take; default 10 s.
    pub validation_timeout: Duration,
    /// Lifetime of certificates of the default profile, `classic`; default 90 days.
    pub validity: SignedDuration,
    /// Profiles besides `classic`; default `shortlived` with 160 hours and no common name.
    pub profiles: Vec<Profile>,
    /// Tells the time for everything but its own HTTPS certificate.
    pub clock: SharedClock,
    /// Algorithm of the root's and the intermediate's keys; default ECDSA P-256.
    pub key_algorithm: KeyAlgorithm,
    /// Whether a second root cross-signs the intermediate, offered as an alternate chain.
    pub alternate_root: bool,
    /// External account binding (RFC 8555 §7.3.4).
    pub external_accounts: ExternalAccounts,
    /// URL of the terms of service; when given, accounts must agree to it.
    pub terms_of_service: Option<String>,
    /// Domains below which nothing is issued (`rejectedIdentifier`).
    pub rejected_domains: Vec<DomainName>,
    /// Whether IP addresses are issued for (RFC 8738); default yes.
    pub ip_identifiers: bool,
    /// Whether a valid authorization is used again for the account's next orders; default yes.
    pub reuse_authorizations: bool,
    /// How long orders and pending authorizations live; default 1 day.
    pub order_lifetime: SignedDuration,
    /// How long a valid authorization may be used again; default 30 days.
    pub authorization_lifetime: SignedDuration,
    /// Of 100 requests with a good nonce, how many are refused with `badNonce`; for tests.
    pub nonce_reject_percent: u8,
    /// How long a poll of something in `processing` is held until it changes; default 2 s, zero
    /// answers at once with `Retry-After`.
    pub poll_hold: Duration,
    /// How long an order stays in `processing` after finalize; default zero: finalize answers with
    /// a valid order.
    pub issuance_delay: Duration,
    /// `Retry-After` of renewal information; default 6 h.
    pub renewal_info_retry: Duration,
    /// How many order URLs one page of an account's list has; default 100.
    pub orders_per_page: usize,
}

/// Which DNS server validation asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidationDns {
    /// The name servers of `/etc/resolv.conf`.
    #[default]
    System,
    /// One server, recursive or authoritative for all that is asked.
    Server(SocketAddr),
}

/// A kind of certificate an order can ask for (draft-ietf-acme-profiles).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name in `meta.profiles` and in orders.
    pub name: String,
    /// What people read about it.
    pub description: String,
    /// Lifetime of its certificates.
    pub validity: SignedDuration,
    /// Whether the subject's common name is the CSR's; else the subject is empty.
    pub common_name: bool,
}

/// Whether accounts are bound to accounts elsewhere: key ids and their MAC keys.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ExternalAccounts {
    /// A binding is ignored.
    #[default]
    None,
    /// A binding is checked when given.
    Optional(BTreeMap<String, Secret<Vec<u8>>>),
    /// An account without binding is refused (`externalAccountRequired`).
    Required(BTreeMap<String, Secret<Vec<u8>>>),
}

impl ExternalAccounts {
    /// The MAC key of a key id.
    pub(crate) fn key(&self, kid: &str) -> Option<&Secret<Vec<u8>>> {
        match self {
            Self::None => None,
            Self::Optional(keys) | Self::Required(keys) => keys.get(kid),
        }
    }

    /// Whether `meta.externalAccountRequired` is true.
    pub(crate) const fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }
}

impl CaConfig {
    /// The default profile first, then the others.
    pub(crate) fn all_profiles(&self) -> Vec<Profile> {
        let classic = Profile {
            name: "classic".to_owned(),
            description: "Server certificates of the usual lifetime".to_owned(),
            validity: self.validity,
            common_name: true,
        };
        let mut all = vec![classic];
        all.extend(
            self.profiles
                .iter()
                .filter(|profile| profile.name != "classic")
                .cloned(),
        );
        all
    }
}

impl Default for CaConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            external_url: None,
            names: Vec::new(),
            state_dir: None,
            resolver: ValidationDns::System,
            http01_port: 80,
            tls_alpn01_port: 443,
            validation_timeout: Duration::from_secs(10),
            validity: SignedDuration::from_hours(90 * 24),
            profiles: vec![Profile {
                name: "shortlived".to_owned(),
                description: "Server certificates of a few days, without common name".to_owned(),
                validity: SignedDuration::from_hours(160),
                common_name: false,
            }],
            clock: Arc::new(SystemClock),
            key_algorithm: KeyAlgorithm::EcdsaP256,
            alternate_root: false,
            external_accounts: ExternalAccounts::None,
            terms_of_service: None,
            rejected_domains: Vec::new(),
            ip_identifiers: true,
            reuse_authorizations: true,
            order_lifetime: SignedDuration::from_hours(24),
            authorization_lifetime: SignedDuration::from_hours(30 * 24),
            nonce_reject_percent: 0,
            poll_hold: Duration::from_secs(2),
            issuance_delay: Duration::ZERO,
            renewal_info_retry: Duration::from_hours(6),
            orders_per_page: 100,
        }
    }
}
