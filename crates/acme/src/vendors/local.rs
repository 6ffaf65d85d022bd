//! The Local CA that comes with Evercert.

use std::time::Duration;

use super::{COMMON, EabRule, Support, Vendor};

pub(super) const VENDOR: Vendor = Vendor {
    code: "local",
    name: "Local CA",
    docs: "https://www.rfc-editor.org/rfc/rfc8555",
    issuers: &["Evercert Local"],
    eab: EabRule::Optional,
    ari: Support::Yes,
    profiles: Support::Depends,
    ip_identifiers: Support::Yes,
    key_change: Support::Yes,
    not_after: Support::Yes,
    max_concurrent_requests: 32,
    min_poll_interval: Duration::from_millis(50),
    finalize_limit: Duration::from_secs(60),
    notes: &[
        "`evercert ca` runs it: give its directory URL, and its root as CA bundle.",
        "Nobody but those who installed its root trusts its certificates.",
        "A restart without a data directory is another CA.",
    ],
    ..COMMON
};
