//! GlobalSign Atlas.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "globalsign",
    name: "GlobalSign Atlas",
    docs: "https://support.globalsign.com/atlas/",
    directories: &[VendorDirectory {
        label: "Europe, Middle East, Africa",
        url: "https://emea.acme.atlas.globalsign.com/directory",
    }],
    ip_identifiers: Support::Depends,
    notes: &[
        "Other regions have other directories; the portal shows the customer's.",
        "The identity behind the EAB decides between DV and OV.",
    ],
    ..COMMON
};
