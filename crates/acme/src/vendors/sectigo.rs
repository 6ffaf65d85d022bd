//! Sectigo, by ACME.

use std::time::Duration;

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "sectigo",
    name: "Sectigo",
    docs: "https://docs.sectigo.com/",
    directories: &[
        VendorDirectory {
            label: "DV",
            url: "https://acme.sectigo.com/v2/DV",
        },
        VendorDirectory {
            label: "OV",
            url: "https://acme.sectigo.com/v2/OV",
        },
        VendorDirectory {
            label: "EV",
            url: "https://acme.sectigo.com/v2/EV",
        },
    ],
    key_change: Support::Depends,
    finalize_limit: Duration::from_secs(900),
    notes: &[
        "Each customer may have a directory of their own: Certificate Manager lists it.",
        "Domains validated in Certificate Manager need no challenge.",
        "Issues asynchronously: finalizing may take up to 15 minutes.",
    ],
    ..COMMON
};
