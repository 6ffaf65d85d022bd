//! Sectigo, by ACME.

use std::time::Duration;

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "sectigo",
    name: "Sectigo",
    docs: "https://docs.sectigo.com/",
    directories: &[
        VendorDirectory::new("dv", "DV", "https://acme.sectigo.com/v2/DV"),
        VendorDirectory::new("ov", "OV", "https://acme.sectigo.com/v2/OV"),
        VendorDirectory::new("ev", "EV", "https://acme.sectigo.com/v2/EV"),
    ],
    issuers: &["Sectigo", "COMODO"],
    eab_help: Some(
        "Certificate Manager shows key id and HMAC key with the ACME account, under Enrollment, ACME.",
    ),
    prevalidated: Support::Yes,
    min_poll_interval: Duration::from_secs(2),
    finalize_limit: Duration::from_secs(900),
    notes: &[
        "Each customer may have a directory of their own: Certificate Manager lists it.",
        "Domains validated in Certificate Manager need no challenge.",
        "Issues asynchronously: finalizing may take up to 15 minutes.",
    ],
    ..COMMON
};
