//! The CAs we know: where their directories are and what is peculiar to each. Data, not code.
//!
//! A vendor not listed works as well, as type `acme`: its directory says what matters. Everything here can be
//! overridden by the operator, and what a directory says comes first.

mod acme;
mod actalis;
mod digicert;
mod globalsign;
mod google;
mod harica;
mod lets_encrypt;
mod lets_encrypt_staging;
pub mod limits;
mod local;
mod lookup;
mod pebble;
mod sectigo;
mod ssl_com;
mod zerossl;

use std::time::Duration;

use evercert_types::KeyAlgorithm;

pub use self::limits::{Limit, LimitKind};
pub use self::lookup::{Issuer, issued_by, recognise, vendor, vendor_of};
use crate::key::SignatureAlgorithm;

/// A certificate authority that speaks ACME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The word for it in commands and the API: `lets-encrypt`.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Where it explains its ACME service.
    pub docs: &'static str,
    /// The code of the vendor whose other environment it is, with limits of its own.
    pub family: Option<&'static str>,
    /// Its directories, the usual one first; none where each customer has their own.
    pub directories: &'static [VendorDirectory],
    /// How its newOrder URLs end, for servers that run anywhere and still can be told.
    pub new_order_ends: Option<&'static str>,
    /// What stands in the organisation or common name of its issuing CAs, as little as tells it from others.
    pub issuers: &'static [&'static str],
    /// Whether accounts are bound to one at its portal.
    pub eab: EabRule,
    /// How to come by a binding, for an operator.
    pub eab_help: Option<&'static str>,
    /// Whether an account needs a contact.
    pub contact: ContactRule,
    /// The account keys it takes, the one to choose first.
    pub account_keys: &'static [SignatureAlgorithm],
    /// The certificate keys it takes; one of its directories may take fewer.
    pub key_types: &'static [KeyAlgorithm],
    /// The most names a certificate may have, where it is one number.
    pub max_names: Option<u16>,
    /// Whether it tells when to renew (RFC 9773).
    pub ari: Support,
    /// Whether it offers profiles.
    pub profiles: Support,
    /// The profiles it was seen to offer; which of them it offers today its directory says.
    pub known_profiles: &'static [KnownProfile],
    /// Whether it issues for wildcard names.
    pub wildcard: Support,
    /// Whether it issues for IP addresses.
    pub ip_identifiers: Support,
    /// Whether account keys can be changed.
    pub key_change: Support,
    /// Whether accounts list their orders.
    pub orders_list: Support,
    /// Whether notAfter in an order is honoured.
    pub not_after: Support,
    /// Whether it follows a CNAME at `_acme-challenge`.
    pub cname_followed: Support,
    /// Whether authorizations may be valid at once, for names validated at its portal.
    pub prevalidated: Support,
    /// How many requests it bears at once.
    pub max_concurrent_requests: usize,
    /// Orders it bears under way at once, where it breaks under more; `None` when it does not say.
    pub max_orders_at_once: Option<u32>,
    /// How many requests a second it bears; absent: not known to be few.
    pub requests_per_second: Option<u16>,
    /// The shortest time between two looks at something it works on, where it names none.
    pub min_poll_interval: Duration,
    /// How long finalizing may take before it is an error.
    pub finalize_limit: Duration,
    /// Its rate limits, as far as they are published.
    pub limits: &'static [Limit],
    /// What an operator should know.
    pub notes: &'static [&'static str],
}

/// One of a vendor's directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorDirectory {
    /// The word for it: an environment, region or product, such as `production`, `eu`, `dv`.
    pub code: &'static str,
    /// What it is for.
    pub label: &'static str,
    /// Its URL.
    pub url: &'static str,
    /// The certificate keys it takes, where they are fewer than the vendor's.
    pub key_types: Option<&'static [KeyAlgorithm]>,
}

/// A profile that a vendor was seen to offer (draft-ietf-acme-profiles).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownProfile {
    /// Its name.
    pub name: &'static str,
    /// The lifetime of its certificates when this was written, hours; a certificate's own dates count.
    pub lifetime_hours: u32,
    /// Most names in a certificate.
    pub max_names: u16,
    /// Whether it issues for IP addresses.
    pub ip_identifiers: Support,
}

/// Whether and how a vendor uses external account bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EabRule {
    /// Not used.
    NotUsed,
    /// Used where its operator switched it on.
    Optional,
    /// Needed to register.
    Required,
    /// Needed to register, and good for one account only.
    RequiredOnce,
}

/// Whether an account needs a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactRule {
    /// It may have one.
    Optional,
    /// It must have an e-mail address.
    Required,
}

/// Whether a vendor offers something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It depends on the product or account, or is not known: ask the directory or try.
    Depends,
}

/// Every vendor, by code.
pub static VENDORS: &[&Vendor] = &[
    &acme::VENDOR,
    &actalis::VENDOR,
    &digicert::VENDOR,
    &globalsign::VENDOR,
    &google::VENDOR,
    &harica::VENDOR,
    &lets_encrypt::VENDOR,
    &lets_encrypt_staging::VENDOR,
    &local::VENDOR,
    &pebble::VENDOR,
    &sectigo::VENDOR,
    &ssl_com::VENDOR,
    &zerossl::VENDOR,
];

/// What is assumed where a vendor says nothing else.
const COMMON: Vendor = Vendor {
    code: "",
    name: "",
    docs: "",
    family: None,
    directories: &[],
    new_order_ends: None,
    issuers: &[],
    eab: EabRule::Required,
    eab_help: None,
    contact: ContactRule::Optional,
    account_keys: &[
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Rs256,
    ],
    key_types: &[
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa3072,
        KeyAlgorithm::Rsa4096,
    ],
    max_names: None,
    ari: Support::Depends,
    profiles: Support::No,
    known_profiles: &[],
    wildcard: Support::Yes,
    ip_identifiers: Support::No,
    key_change: Support::Depends,
    orders_list: Support::No,
    not_after: Support::No,
    cname_followed: Support::Yes,
    prevalidated: Support::No,
    max_concurrent_requests: 16,
    max_orders_at_once: None,
    requests_per_second: None,
    min_poll_interval: Duration::from_millis(500),
    finalize_limit: Duration::from_secs(300),
    limits: &[],
    notes: &[],
};

impl VendorDirectory {
    pub(super) const fn new(code: &'static str, label: &'static str, url: &'static str) -> Self {
        Self {
            code,
            label,
            url,
            key_types: None,
        }
    }

    pub(super) const fn taking(mut self, key_types: &'static [KeyAlgorithm]) -> Self {
        self.key_types = Some(key_types);
        self
    }
}

impl EabRule {
    /// Whether an account cannot be had without a binding.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredOnce)
    }

    /// The word for it: `not_used`, `optional`, `required`, `required_once`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotUsed => "not_used",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::RequiredOnce => "required_once",
        }
    }
}

impl Support {
    /// The word for it: `yes`, `no`, `depends`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Depends => "depends",
        }
    }
}

impl Vendor {
    /// The URL of its usual directory.
    pub fn directory_url(&self) -> Option<&'static str> {
        self.directories.first().map(|directory| directory.url)
    }

    /// Its environments with the vendor each belongs to: its own first, then those of its family.
    pub fn environments(
        &'static self,
    ) -> impl Iterator<Item = (&'static Self, &'static VendorDirectory)> {
        let family = VENDORS
            .iter()
            .filter(|other| other.family == Some(self.code));
        std::iter::once(self)
            .chain(family.copied())
            .flat_map(|vendor| {
                let with = move |directory| (vendor, directory);
                vendor.directories.iter().map(with)
            })
    }

    /// The certificate keys that are taken at one of its directories.
    pub fn key_types_at(&self, directory_url: &str) -> &'static [KeyAlgorithm] {
        let url = directory_url.trim_end_matches('/');
        let directory = self.directories.iter().find(|known| known.url == url);
        directory
            .and_then(|directory| directory.key_types)
            .unwrap_or(self.key_types)
    }

    /// What it allows of this kind, if that is published.
    pub fn limit(&self, kind: LimitKind) -> Option<&'static Limit> {
        self.limits.iter().find(|limit| limit.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_in_the_order_of_their_codes() {
        assert!(VENDORS.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    /// Each row: code, EAB, whether a directory is known, ARI, CNAME, requested lifetime.
    #[test]
    fn every_vendor_of_the_requirement_is_described() {
        use EabRule::{NotUsed, Optional, Required, RequiredOnce};
        use Support::{Depends, No, Yes};
        let rows = [
            ("lets-encrypt", NotUsed, true, Yes, Yes, No),
            ("lets-encrypt-staging", NotUsed, true, Yes, Yes, No),
            ("digicert", Required, true, Depends, Yes, No),
            ("zerossl", Required, true, No, Yes, No),
            ("google", RequiredOnce, true, Yes, Yes, Yes),
            ("ssl-com", Required, true, No, Yes, No),
            ("sectigo", Required, true, Depends, Yes, No),
            ("globalsign", Required, true, Depends, Yes, No),
            ("actalis", Required, true, Yes, Yes, No),
            ("harica", Required, false, Depends, No, No),
            ("local", Optional, false, Yes, Yes, Yes),
            ("acme", Optional, false, Depends, Depends, Depends),
        ];

        for (code, eab, has_directory, ari, cname, not_after) in rows {
            let vendor = vendor(code).unwrap();
            assert_eq!(vendor.eab, eab, "{code}");
            assert_eq!(vendor.directory_url().is_some(), has_directory, "{code}");
            assert_eq!(vendor.ari, ari, "{code}");
            assert_eq!(vendor.cname_followed, cname, "{code}");
            assert_eq!(vendor.not_after, not_after, "{code}");
            assert!(!vendor.notes.is_empty(), "{code}");
            assert_eq!(vendor.eab_help.is_some(), eab.is_required(), "{code}");
        }
    }

    #[test]
    fn every_vendor_is_described_and_its_urls_are_https_and_its_own() {
        let mut urls = Vec::new();
        for vendor in VENDORS {
            assert!(!vendor.name.is_empty() && vendor.docs.starts_with("https://"));
            assert!(vendor.max_concurrent_requests > 0 && !vendor.finalize_limit.is_zero());
            assert!(!vendor.account_keys.is_empty() && !vendor.key_types.is_empty());
            assert_eq!(lookup::vendor(vendor.code), Some(*vendor));
            for directory in vendor.directories {
                assert!(reqwest::Url::parse(directory.url).unwrap().scheme() == "https");
                assert!(!directory.label.is_empty() && !directory.code.is_empty());
                assert_eq!(vendor_of(&format!("{}/", directory.url)), Some(*vendor));
                urls.push(directory.url);
            }
        }
        let count = urls.len();
        urls.sort_unstable();
        urls.dedup();
        assert_eq!(urls.len(), count);
    }

    #[test]
    fn the_words_of_environments_differ_within_a_vendor() {
        for vendor in VENDORS {
            let mut codes: Vec<&str> = vendor.environments().map(|(_, d)| d.code).collect();
            let count = codes.len();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), count, "{}", vendor.code);
        }
    }

    #[test]
    fn staging_is_an_environment_of_lets_encrypt_with_limits_of_its_own() {
        let production = vendor("lets-encrypt").unwrap();
        let (staging, directory) = production
            .environments()
            .find(|(_, directory)| directory.code == "staging")
            .unwrap();

        assert_eq!(staging.code, "lets-encrypt-staging");
        assert!(directory.url.contains("acme-staging-v02"));
        assert_eq!(
            production
                .limit(LimitKind::NewOrdersPerAccount)
                .unwrap()
                .burst,
            300
        );
        assert_eq!(
            staging.limit(LimitKind::NewOrdersPerAccount).unwrap().burst,
            1_500
        );
    }

    #[test]
    fn limits_are_those_that_lets_encrypt_publishes() {
        use LimitKind::*;
        let rows = [
            (NewAccountsPerIp, 10, 18 * 60, false, false),
            (NewOrdersPerAccount, 300, 36, true, true),
            (CertificatesPerRegisteredDomain, 50, 12_096, true, true),
            (CertificatesPerExactSet, 5, 120_960, true, false),
            (FailedAuthorizationsPerName, 5, 12 * 60, false, false),
            (ConsecutiveFailuresPerName, 1_152, 86_400, false, false),
        ];
        let vendor = vendor("lets-encrypt").unwrap();

        assert_eq!(vendor.limits.len(), rows.len());
        for (kind, burst, refill_every_secs, exempt_ari, exempt_renewal) in rows {
            let wanted = Limit {
                kind,
                burst,
                refill_every_secs,
                exempt_ari,
                exempt_renewal,
            };
            assert_eq!(vendor.limit(kind), Some(&wanted));
        }
    }

    #[test]
    fn no_vendor_has_a_limit_of_one_kind_twice_or_one_that_never_refills() {
        for vendor in VENDORS {
            for limit in vendor.limits {
                assert!(
                    limit.burst > 0 && limit.refill_every_secs > 0,
                    "{}",
                    vendor.code
                );
                assert_eq!(vendor.limit(limit.kind), Some(limit), "{}", vendor.code);
            }
        }
    }

    #[test]
    fn one_directory_of_a_vendor_may_take_fewer_keys() {
        let vendor = vendor("ssl-com").unwrap();

        let rsa = vendor.key_types_at("https://acme.ssl.com/sslcom-dv-rsa");

        assert!(rsa.contains(&KeyAlgorithm::Rsa2048) && !rsa.contains(&KeyAlgorithm::EcdsaP256));
        assert_eq!(
            vendor.key_types_at("https://elsewhere.example"),
            vendor.key_types
        );
    }
}
