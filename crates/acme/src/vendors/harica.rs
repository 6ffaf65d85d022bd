//! HARICA.

use super::{COMMON, Support, Vendor};

pub(super) const VENDOR: Vendor = Vendor {
    code: "harica",
    name: "HARICA",
    docs: "https://www.harica.gr/",
    issuers: &[
        "HARICA",
        "Hellenic Academic and Research Institutions",
        "GEANT TLS",
    ],
    eab_help: Some(
        "The portal cm.harica.gr shows key id and HMAC key with the account's directory URL.",
    ),
    cname_followed: Support::No,
    prevalidated: Support::Yes,
    notes: &[
        "The directory is the account's own: the portal cm.harica.gr shows it.",
        "Does not follow a CNAME at _acme-challenge: delegated names cannot be validated by DNS-01.",
        "Domains validated for the enterprise need no challenge; OV for another domain fails.",
        "Chains end in a cross-certificate to HARICA Root 2015.",
    ],
    ..COMMON
};
