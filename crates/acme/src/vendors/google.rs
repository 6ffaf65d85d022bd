//! Google Trust Services.

use super::{COMMON, EabRule, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "google",
    name: "Google Trust Services",
    docs: "https://cloud.google.com/certificate-manager/docs/public-ca",
    directories: &[
        VendorDirectory::new(
            "production",
            "Production",
            "https://dv.acme-v02.api.pki.goog/directory",
        ),
        VendorDirectory::new(
            "staging",
            "Staging",
            "https://dv.acme-v02.test-api.pki.goog/directory",
        ),
    ],
    issuers: &["Google Trust Services"],
    eab: EabRule::RequiredOnce,
    eab_help: Some(
        "`gcloud publicca external-account-keys create` makes key id and HMAC key: for one registration, within \
         7 days.",
    ),
    max_names: Some(100),
    ari: Support::Yes,
    profiles: Support::Depends,
    ip_identifiers: Support::Depends,
    key_change: Support::Yes,
    not_after: Support::Yes,
    notes: &[
        "An EAB key is good for one account and dies 7 days after it was made, used or not.",
        "Lifetimes from 3 to 90 days can be asked for.",
        "Refuses CSRs that ask for clientAuth.",
    ],
    ..COMMON
};
