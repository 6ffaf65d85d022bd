//! The CAs we know: where their directories are and what is peculiar to each. Data, not code.
//!
//! A vendor not listed works as well: its directory says what matters. Everything here can be
//! overridden by the operator, and what a directory says comes first.

mod actalis;
mod digicert;
mod globalsign;
mod google;
mod harica;
mod lets_encrypt;
mod lets_encrypt_staging;
mod local;
mod pebble;
mod sectigo;
mod ssl_com;
mod zerossl;

use std::time::Duration;

use crate::directory::Directory;

/// A certificate authority that speaks ACME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The word for it in commands and the API: `lets_encrypt`.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Where it explains its ACME service.
    pub docs: &'static str,
    /// Its directories, the usual one first; none where each customer has their own.
    pub directories: &'static [VendorDirectory],
    /// How its newOrder URLs end, for servers that run anywhere and still can be told.
    pub new_order_ends: Option<&'static str>,
    /// Whether accounts are bound to one at its portal.
    pub eab: EabRule,
    /// The most names a certificate may have, where it is one number.
    pub max_names: Option<u16>,
    /// Whether it tells when to renew (RFC 9773).
    pub ari: Support,
    /// Whether it offers profiles.
    pub profiles: Support,
    /// Whether it issues for IP addresses.
    pub ip_identifiers: Support,
    /// Whether account keys can be changed.
    pub key_change: Support,
    /// Whether notAfter in an order is honoured.
    pub not_after: Support,
    /// Whether it follows a CNAME at `_acme-challenge`.
    pub cname_followed: Support,
    /// How many requests it bears at once.
    pub max_concurrent_requests: usize,
    /// How long finalizing may take before it is an error.
    pub finalize_limit: Duration,
    /// What an operator should know.
    pub notes: &'static [&'static str],
}

/// One of a vendor's directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorDirectory {
    /// What it is for.
    pub label: &'static str,
    /// Its URL.
    pub url: &'static str,
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
    directories: &[],
    new_order_ends: None,
    eab: EabRule::Required,
    max_names: None,
    ari: Support::Depends,
    profiles: Support::No,
    ip_identifiers: Support::No,
    key_change: Support::Depends,
    not_after: Support::No,
    cname_followed: Support::Yes,
    max_concurrent_requests: 16,
    finalize_limit: Duration::from_secs(300),
    notes: &[],
};

/// The vendor with this code.
pub fn vendor(code: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.code == code).copied()
}

/// The vendor one of whose directories has this URL.
pub fn vendor_of(directory_url: &str) -> Option<&'static Vendor> {
    let url = directory_url.trim_end_matches('/');
    VENDORS
        .iter()
        .find(|vendor| vendor.directories.iter().any(|known| known.url == url))
        .copied()
}

/// The vendor whose directory this is, by its URL or by what is in it.
pub fn recognise(directory: &Directory) -> Option<&'static Vendor> {
    let ends = |vendor: &&&Vendor| {
        vendor
            .new_order_ends
            .is_some_and(|end| directory.new_order.ends_with(end))
    };
    vendor_of(&directory.url).or_else(|| VENDORS.iter().find(ends).copied())
}

impl Vendor {
    /// The URL of its usual directory.
    pub fn directory_url(&self) -> Option<&'static str> {
        self.directories.first().map(|directory| directory.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_in_the_order_of_their_codes() {
        assert!(VENDORS.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn every_vendor_is_described_and_its_urls_are_https_and_its_own() {
        let mut urls = Vec::new();
        for vendor in VENDORS {
            assert!(!vendor.name.is_empty() && vendor.docs.starts_with("https://"));
            assert!(vendor.max_concurrent_requests > 0 && !vendor.finalize_limit.is_zero());
            assert_eq!(super::vendor(vendor.code), Some(*vendor));
            for directory in vendor.directories {
                assert!(reqwest::Url::parse(directory.url).unwrap().scheme() == "https");
                assert!(!directory.label.is_empty());
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
    fn an_unknown_code_or_url_is_no_vendor() {
        assert_eq!(vendor("buypass"), None);
        assert_eq!(vendor_of("https://ca.example/directory"), None);
        assert_eq!(local::VENDOR.directory_url(), None);
    }
}
