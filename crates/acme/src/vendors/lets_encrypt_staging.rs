//! Let's Encrypt's staging environment.

use super::{COMMON, EabRule, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "lets_encrypt_staging",
    name: "Let's Encrypt (staging)",
    docs: "https://letsencrypt.org/docs/staging-environment/",
    directories: &[VendorDirectory {
        label: "Staging",
        url: "https://acme-staging-v02.api.letsencrypt.org/directory",
    }],
    eab: EabRule::NotUsed,
    max_names: Some(100),
    ari: Support::Yes,
    profiles: Support::Yes,
    ip_identifiers: Support::Yes,
    key_change: Support::Yes,
    max_concurrent_requests: 8,
    notes: &[
        "For rehearsals: nobody trusts its roots, and its limits on certificates are far higher.",
        "Lower request rates than production.",
    ],
    ..COMMON
};
