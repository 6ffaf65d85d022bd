//! SSL.com.

use evercert_types::KeyAlgorithm;

use super::{COMMON, ContactRule, Support, Vendor, VendorDirectory};

pub(super) const VENDOR: Vendor = Vendor {
    code: "ssl-com",
    name: "SSL.com",
    docs: "https://www.ssl.com/guide/ssl-tls-certificate-issuance-and-revocation-with-acme/",
    directories: &[
        VendorDirectory::new(
            "ecc",
            "DV, ECDSA keys",
            "https://acme.ssl.com/sslcom-dv-ecc",
        )
        .taking(&[KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384]),
        VendorDirectory::new("rsa", "DV, RSA keys", "https://acme.ssl.com/sslcom-dv-rsa").taking(
            &[
                KeyAlgorithm::Rsa2048,
                KeyAlgorithm::Rsa3072,
                KeyAlgorithm::Rsa4096,
            ],
        ),
    ],
    issuers: &["SSL.com", "SSL Corp"],
    eab_help: Some(
        "The dashboard at ssl.com shows them under API and integrations, ACME credentials.",
    ),
    contact: ContactRule::Required,
    ari: Support::No,
    key_change: Support::No,
    notes: &[
        "The free tier has one name and its www; prepaid funds are used when there are any.",
        "The account needs a contact e-mail address, else finalizing fails with badCSR.",
        "The account itself cannot be read.",
    ],
    ..COMMON
};
