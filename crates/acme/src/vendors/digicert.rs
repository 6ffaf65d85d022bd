//! DigiCert: `CertCentral` and Trust Lifecycle Manager.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "digicert",
    name: "DigiCert",
    docs: "https://docs.digicert.com/",
    directories: &[
        VendorDirectory {
            label: "CertCentral, United States",
            url: "https://one.us.digicert.com/mpki/api/v1/acme/v2/directory",
        },
        VendorDirectory {
            label: "CertCentral, Europe",
            url: "https://one.nl.digicert.com/mpki/api/v1/acme/v2/directory",
        },
        VendorDirectory {
            label: "CertCentral, Switzerland",
            url: "https://one.ch.digicert.com/mpki/api/v1/acme/v2/directory",
        },
        VendorDirectory {
            label: "CertCentral, Japan",
            url: "https://one.digicert.co.jp/mpki/api/v1/acme/v2/directory",
        },
        VendorDirectory {
            label: "Trust Lifecycle Manager",
            url: "https://one.digicert.com/mpki/api/v1/acme/v2/directory",
        },
        VendorDirectory {
            label: "Trust Lifecycle Manager, demonstration",
            url: "https://demo.one.digicert.com/mpki/api/v1/acme/v2/directory",
        },
        VendorDirectory {
            label: "CertCentral, credentials made before 30 January 2024",
            url: "https://acme.digicert.com/v2/acme/directory",
        },
    ],
    ip_identifiers: Support::Depends,
    profiles: Support::Depends,
    notes: &[
        "The EAB key id chooses product, organisation, validity and division: one CA vendor entry \
         for each product.",
        "A wrong region or key often shows only when the order is finalized.",
        "Pre-validated names need no challenge: their authorizations are valid at once.",
    ],
    ..COMMON
};
