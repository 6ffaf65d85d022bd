//! Pebble: Let's Encrypt's test server.

use std::time::Duration;

use super::{COMMON, EabRule, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "pebble",
    name: "Pebble (test server)",
    docs: "https://github.com/letsencrypt/pebble",
    directories: &[VendorDirectory::new(
        "here",
        "On this machine",
        "https://localhost:14000/dir",
    )],
    new_order_ends: Some("/order-plz"),
    issuers: &["Pebble Intermediate CA"],
    eab: EabRule::Optional,
    ari: Support::Depends,
    profiles: Support::Depends,
    ip_identifiers: Support::Yes,
    key_change: Support::Yes,
    orders_list: Support::Yes,
    not_after: Support::Yes,
    // Version 2.4.0 locks itself up for ever when an order is placed while another is placed or an
    // authorization is read: FindValidAuthorization takes its two locks in the other order.
    max_concurrent_requests: 1,
    min_poll_interval: Duration::from_millis(50),
    notes: &[
        "Keeps everything in memory: a restart is another CA.",
        "Nobody trusts its roots, and they are new at every start.",
    ],
    ..COMMON
};
