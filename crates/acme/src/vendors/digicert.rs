//! DigiCert: `CertCentral` by region, and Trust Lifecycle Manager.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "digicert",
    name: "DigiCert",
    docs: "https://docs.digicert.com/",
    directories: &[
        VendorDirectory::new(
            "us",
            "CertCentral, United States",
            "https://one.us.digicert.com/mpki/api/v1/acme/v2/directory",
        ),
        VendorDirectory::new(
            "eu",
            "CertCentral, Europe",
            "https://one.nl.digicert.com/mpki/api/v1/acme/v2/directory",
        ),
        VendorDirectory::new(
            "ch",
            "CertCentral, Switzerland",
            "https://one.ch.digicert.com/mpki/api/v1/acme/v2/directory",
        ),
        VendorDirectory::new(
            "jp",
            "CertCentral, Japan",
            "https://one.digicert.co.jp/mpki/api/v1/acme/v2/directory",
        ),
        VendorDirectory::new(
            "tlm",
            "Trust Lifecycle Manager",
            "https://one.digicert.com/mpki/api/v1/acme/v2/directory",
        ),
        VendorDirectory::new(
            "tlm-demo",
            "Trust Lifecycle Manager, demonstration",
            "https://demo.one.digicert.com/mpki/api/v1/acme/v2/directory",
        ),
        VendorDirectory::new(
            "legacy",
            "CertCentral, credentials made before 30 January 2024",
            "https://acme.digicert.com/v2/acme/directory",
        ),
    ],
    issuers: &["DigiCert", "GeoTrust", "RapidSSL", "Thawte"],
    eab_help: Some(
        "CertCentral: Automation, ACME Directory URLs, Add ACME Directory URL. Trust Lifecycle Manager: the \
         ACME credentials of an enrollment profile. Key id and HMAC key are shown once.",
    ),
    ip_identifiers: Support::Depends,
    profiles: Support::Depends,
    prevalidated: Support::Yes,
    notes: &[
        "The EAB key id chooses product, organisation, validity and division: one CA vendor entry for each product.",
        "A wrong region or key often shows only when the order is finalized.",
        "Pre-validated names need no challenge: their authorizations are valid at once.",
        "Certificates last 199 days at most.",
        "Credentials made before 30 January 2024 issue no DV certificates, and need names validated beforehand.",
    ],
    ..COMMON
};
