//! HARICA.

use super::{COMMON, Support, Vendor};

pub(super) const VENDOR: Vendor = Vendor {
    code: "harica",
    name: "HARICA",
    docs: "https://www.harica.gr/",
    directories: &[],
    cname_followed: Support::No,
    notes: &[
        "The directory is the account's own: the portal cm.harica.gr shows it.",
        "Does not follow a CNAME at _acme-challenge.",
        "Domains validated for the enterprise need no challenge.",
    ],
    ..COMMON
};
