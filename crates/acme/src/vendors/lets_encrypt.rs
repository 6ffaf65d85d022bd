//! Let's Encrypt.

use super::limits::{Limit, LimitKind};
use super::{COMMON, EabRule, KnownProfile, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "lets-encrypt",
    name: "Let's Encrypt",
    docs: "https://letsencrypt.org/docs/",
    directories: &[VendorDirectory::new(
        "production",
        "Production",
        "https://acme-v02.api.letsencrypt.org/directory",
    )],
    issuers: &["Let's Encrypt"],
    eab: EabRule::NotUsed,
    max_names: Some(100),
    ari: Support::Yes,
    profiles: Support::Yes,
    known_profiles: PROFILES,
    ip_identifiers: Support::Yes,
    key_change: Support::Yes,
    requests_per_second: Some(20),
    limits: &[
        Limit::new(LimitKind::NewAccountsPerIp, 10, 1_080),
        Limit::new(LimitKind::NewOrdersPerAccount, 300, 36)
            .but_ari()
            .but_renewals(),
        Limit::new(LimitKind::CertificatesPerRegisteredDomain, 50, 12_096)
            .but_ari()
            .but_renewals(),
        Limit::new(LimitKind::CertificatesPerExactSet, 5, 120_960).but_ari(),
        // Documented as exempt for orders that ARI asked for; not relied upon.
        Limit::new(LimitKind::FailedAuthorizationsPerName, 5, 720),
        Limit::new(LimitKind::ConsecutiveFailuresPerName, 1_152, 86_400),
    ],
    notes: &[
        "Profiles: classic (100 names), tlsserver and shortlived (25 names each).",
        "IP addresses with the shortlived profile only, by HTTP-01 or TLS-ALPN-01.",
        "50 certificates per registered domain and 5 per exact set of names in 7 days; renewals that ARI asked for are exempt.",
        "No clientAuth, no must-staple, no expiry mails; contacts are not kept.",
    ],
    ..COMMON
};

/// As of July 2026.
pub(super) const PROFILES: &[KnownProfile] = &[
    KnownProfile {
        name: "classic",
        lifetime_hours: 90 * 24,
        max_names: 100,
        ip_identifiers: Support::No,
    },
    KnownProfile {
        name: "tlsserver",
        lifetime_hours: 45 * 24,
        max_names: 25,
        ip_identifiers: Support::No,
    },
    KnownProfile {
        name: "shortlived",
        lifetime_hours: 160,
        max_names: 25,
        ip_identifiers: Support::Yes,
    },
];
