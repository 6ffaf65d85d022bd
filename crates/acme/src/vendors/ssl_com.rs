//! SSL.com.

use super::{COMMON, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "ssl_com",
    name: "SSL.com",
    docs: "https://www.ssl.com/guide/ssl-tls-certificate-issuance-and-revocation-with-acme/",
    directories: &[
        VendorDirectory {
            label: "DV, ECDSA keys",
            url: "https://acme.ssl.com/sslcom-dv-ecc",
        },
        VendorDirectory {
            label: "DV, RSA keys",
            url: "https://acme.ssl.com/sslcom-dv-rsa",
        },
    ],
    ari: Support::No,
    key_change: Support::No,
    notes: &[
        "The free tier has one name and its www; prepaid funds are used when there are any.",
        "The account needs a contact e-mail address, else finalizing fails with badCSR.",
        "The account itself cannot be read.",
    ],
    ..COMMON
};
