//! Let's Encrypt's staging environment.

use super::lets_encrypt::PROFILES;
use super::limits::{Limit, LimitKind};
use super::{COMMON, EabRule, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "lets-encrypt-staging",
    name: "Let's Encrypt (staging)",
    docs: "https://letsencrypt.org/docs/staging-environment/",
    family: Some("lets-encrypt"),
    directories: &[VendorDirectory::new(
        "staging",
        "Staging",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    )],
    issuers: &["(STAGING)"],
    eab: EabRule::NotUsed,
    max_names: Some(100),
    ari: Support::Yes,
    profiles: Support::Yes,
    known_profiles: PROFILES,
    ip_identifiers: Support::Yes,
    key_change: Support::Yes,
    max_concurrent_requests: 8,
    requests_per_second: Some(15),
    limits: &[
        Limit::new(LimitKind::NewAccountsPerIp, 50, 216),
        Limit::new(LimitKind::NewOrdersPerAccount, 1_500, 8)
            .but_ari()
            .but_renewals(),
        Limit::new(LimitKind::CertificatesPerExactSet, 30_000, 21).but_ari(),
        Limit::new(LimitKind::FailedAuthorizationsPerName, 200, 18),
    ],
    notes: &[
        "For rehearsals: nobody trusts its roots, and its limits on certificates are far higher.",
        "Lower request rates than production.",
    ],
    ..COMMON
};
