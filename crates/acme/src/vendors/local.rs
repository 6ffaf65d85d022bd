//! A private CA: our Local CA, step-ca, EJBCA, Vault, or another ACME server in the house.

use std::time::Duration;

use super::{COMMON, EabRule, Support, Vendor};

pub(super) const VENDOR: Vendor = Vendor {
    code: "local",
    name: "Local or private CA",
    docs: "https://www.rfc-editor.org/rfc/rfc8555",
    directories: &[],
    eab: EabRule::Optional,
    profiles: Support::Depends,
    ip_identifiers: Support::Depends,
    not_after: Support::Depends,
    max_concurrent_requests: 32,
    finalize_limit: Duration::from_secs(60),
    notes: &[
        "Give the CA bundle (PEM) that signs the server's own HTTPS certificate.",
        "Lifetimes may be hours; CAA is seldom checked.",
    ],
    ..COMMON
};
