//! `ZeroSSL`.

use std::time::Duration;

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "zerossl",
    name: "ZeroSSL",
    docs: "https://zerossl.com/documentation/acme/",
    directories: &[VendorDirectory::new(
        "production",
        "90-day DV",
        "https://acme.zerossl.com/v2/DV90",
    )],
    issuers: &["ZeroSSL"],
    eab_help: Some("The Developer page at app.zerossl.com makes EAB credentials for ACME clients."),
    max_names: Some(100),
    ari: Support::No,
    key_change: Support::No,
    max_concurrent_requests: 2,
    max_orders_at_once: Some(4),
    requests_per_second: Some(5),
    min_poll_interval: Duration::from_secs(2),
    finalize_limit: Duration::from_secs(900),
    notes: &[
        "Refuses more than a few requests a second with 429.",
        "Orders may stay in processing for minutes, and Retry-After may be a whole day.",
        "A failed challenge is tried again by the CA itself.",
    ],
    ..COMMON
};
