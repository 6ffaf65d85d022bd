//! Any other ACME server: its directory says what it can.

use super::{COMMON, EabRule, Support, Vendor};

pub(super) const VENDOR: Vendor = Vendor {
    code: "acme",
    name: "Another ACME server",
    docs: "https://www.rfc-editor.org/rfc/rfc8555",
    eab: EabRule::Optional,
    profiles: Support::Depends,
    wildcard: Support::Depends,
    ip_identifiers: Support::Depends,
    orders_list: Support::Depends,
    not_after: Support::Depends,
    cname_followed: Support::Depends,
    prevalidated: Support::Depends,
    notes: &[
        "Give the directory's URL and, for a CA in the house (step-ca, EJBCA, Vault), the PEM bundle that signs its HTTPS certificate.",
        "A CA in the house may give lifetimes of hours and seldom looks at CAA.",
    ],
    ..COMMON
};
