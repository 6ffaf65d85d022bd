//! GlobalSign Atlas.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "globalsign",
    name: "GlobalSign Atlas",
    docs: "https://support.globalsign.com/atlas/",
    directories: &[VendorDirectory::new(
        "emea",
        "Europe, Middle East, Africa",
        "https://emea.acme.atlas.globalsign.com/directory",
    )],
    issuers: &["GlobalSign", "AlphaSSL"],
    eab_help: Some("The Atlas portal shows key id and HMAC key with the ACME identity."),
    ip_identifiers: Support::Depends,
    prevalidated: Support::Depends,
    notes: &[
        "Other regions have other directories: the portal shows the customer's; give it as directory URL.",
        "The identity behind the EAB decides between DV and OV.",
    ],
    ..COMMON
};
