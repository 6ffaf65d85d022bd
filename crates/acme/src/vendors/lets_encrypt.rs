//! Let's Encrypt.

use super::{COMMON, EabRule, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "lets_encrypt",
    name: "Let's Encrypt",
    docs: "https://letsencrypt.org/docs/",
    directories: &[VendorDirectory {
        label: "Production",
        url: "https://acme-v02.api.letsencrypt.org/directory",
    }],
    eab: EabRule::NotUsed,
    max_names: Some(100),
    ari: Support::Yes,
    profiles: Support::Yes,
    ip_identifiers: Support::Yes,
    key_change: Support::Yes,
    notes: &[
        "Profiles: classic (100 names), tlsserver and shortlived (25 names each).",
        "IP addresses with the shortlived profile only, by HTTP-01 or TLS-ALPN-01.",
        "50 certificates per registered domain and 5 per exact set of names in 7 days; renewals \
         that ARI asked for are exempt.",
        "No clientAuth, no must-staple, no expiry mails.",
    ],
    ..COMMON
};
