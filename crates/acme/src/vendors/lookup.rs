//! Finding the vendor: by code, by directory, by the issuer of a certificate.

use super::{VENDORS, Vendor};
use crate::directory::Directory;

/// What a certificate says about who issued it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Issuer<'a> {
    /// `O` of the issuer.
    pub organization: Option<&'a str>,
    /// `CN` of the issuer.
    pub common_name: Option<&'a str>,
}

/// The vendor with this code; `_` is taken for `-`, and case does not matter.
pub fn vendor(code: &str) -> Option<&'static Vendor> {
    let code = code.trim().to_ascii_lowercase().replace('_', "-");
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

/// The vendor whose CA this issuer is, as far as its name tells.
///
/// Names are written by whoever made the certificate, so this sorts a list and decides nothing else.
pub fn issued_by(issuer: Issuer<'_>) -> Option<&'static Vendor> {
    let parts: Vec<String> = [issuer.organization, issuer.common_name]
        .into_iter()
        .flatten()
        .map(str::to_lowercase)
        .collect();
    let is_of = |vendor: &&'static Vendor| {
        vendor.issuers.iter().any(|word| {
            let word = word.to_lowercase();
            parts.iter().any(|part| part.contains(&word))
        })
    };
    // An environment names itself beside the name of its family, so it is looked for first.
    let (environments, others): (Vec<&Vendor>, Vec<_>) = VENDORS
        .iter()
        .copied()
        .partition(|vendor| vendor.family.is_some());
    environments.into_iter().chain(others).find(is_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(organization: &str, common_name: &str) -> Option<&'static str> {
        let issuer = Issuer {
            organization: Some(organization),
            common_name: Some(common_name),
        };
        issued_by(issuer).map(|vendor| vendor.code)
    }

    #[test]
    fn an_unknown_code_or_url_is_no_vendor() {
        assert_eq!(vendor("buypass"), None);
        assert_eq!(vendor_of("https://ca.example/directory"), None);
    }

    #[test]
    fn codes_are_forgiving() {
        assert_eq!(vendor("Lets_Encrypt").unwrap().code, "lets-encrypt");
    }

    #[test]
    fn issuers_are_told_by_their_names() {
        let rows = [
            ("Let's Encrypt", "YR1", Some("lets-encrypt")),
            (
                "Let's Encrypt",
                "(STAGING) Ersatz Emmer YE1",
                Some("lets-encrypt-staging"),
            ),
            (
                "DigiCert Inc",
                "DigiCert Global G2 TLS RSA SHA256 2020 CA1",
                Some("digicert"),
            ),
            ("DigiCert, Inc.", "RapidSSL TLS RSA CA G1", Some("digicert")),
            (
                "ZeroSSL",
                "ZeroSSL ECC Domain Secure Site CA",
                Some("zerossl"),
            ),
            ("Google Trust Services", "WE1", Some("google")),
            (
                "SSL Corporation",
                "SSL.com TLS Issuing RSA CA R1",
                Some("ssl-com"),
            ),
            (
                "Sectigo Limited",
                "Sectigo Public Server Authentication CA DV R36",
                Some("sectigo"),
            ),
            (
                "GlobalSign nv-sa",
                "AlphaSSL CA - SHA256 - G4",
                Some("globalsign"),
            ),
            (
                "Actalis S.p.A.",
                "Actalis Domain Validation Server CA G3",
                Some("actalis"),
            ),
            (
                "Hellenic Academic and Research Institutions CA",
                "HARICA DV TLS RSA",
                Some("harica"),
            ),
            ("", "Evercert Local Issuing CA 1", Some("local")),
            ("", "Pebble Intermediate CA 3a4b5c", Some("pebble")),
            ("Example Ltd", "Example Issuing CA", None),
        ];

        for (organization, common_name, wanted) in rows {
            assert_eq!(by(organization, common_name), wanted, "{common_name}");
        }
        assert_eq!(issued_by(Issuer::default()), None);
    }
}
