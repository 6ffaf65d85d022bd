//! Actalis.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "actalis",
    name: "Actalis",
    docs: "https://guide.actalis.com/ssl/activation/acme",
    directories: &[VendorDirectory {
        label: "Production",
        url: "https://acme-api.actalis.com/acme/directory",
    }],
    ari: Support::Yes,
    ip_identifiers: Support::Depends,
    key_change: Support::Yes,
    notes: &[
        "The free tier has one name and its www.",
        "A failed challenge stays in processing; authorizations are not used again.",
        "Lists an account's orders.",
    ],
    ..COMMON
};
