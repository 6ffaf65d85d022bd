//! Actalis.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "actalis",
    name: "Actalis",
    docs: "https://guide.actalis.com/ssl/activation/acme",
    directories: &[VendorDirectory::new(
        "production",
        "Production",
        "https://acme-api.actalis.com/acme/directory",
    )],
    issuers: &["Actalis"],
    eab_help: Some("Key id and HMAC key are on the ACME page of the customer area at actalis.com."),
    ari: Support::Yes,
    ip_identifiers: Support::Depends,
    key_change: Support::Yes,
    orders_list: Support::Yes,
    notes: &[
        "The free tier has one name and its www.",
        "A failed challenge stays in processing; authorizations are not used again.",
        "IP addresses with OV products only.",
    ],
    ..COMMON
};
