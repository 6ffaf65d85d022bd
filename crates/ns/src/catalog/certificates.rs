//! Certificates beyond pairs: bundles, chains, groups of CAs, and files that were imported.

use crate::catalog::attribute::{Attribute, Kind, choice, name, reference, secret, text};
use crate::catalog::resource::{
    ADD, APPLY, BindingType, EXPORT, IMPORT, RM, ResourceType, SHOW, UPDATE,
};
use crate::codes;
use crate::verb::Verb::{Add, Export, Import, Show, Update};

/// Several CA certificates in one file.
pub static SSL_CA_CERT_BUNDLE: ResourceType =
    ResourceType::new("ssl caCertBundle", "sslcacertbundle")
        .doc("Several CA certificates in one file.")
        .verbs(&[ADD, RM, SHOW])
        .missing(&codes::CERTIFICATE_MISSING)
        .in_use(&codes::CERTIFICATE_IN_USE)
        .attributes(&[
            name("CACertBundleName", 31, "Name of the bundle."),
            text("bundleFile", "File with the certificates.")
                .only(&[Add])
                .required(&[Add]),
        ]);

/// Several CA certificates under one name.
pub static SSL_CA_CERT_GROUP: ResourceType = ResourceType::new("ssl caCertGroup", "sslcacertgroup")
    .doc("Several CA certificates under one name.")
    .verbs(&[ADD, RM, SHOW])
    .missing(&codes::CERTIFICATE_MISSING)
    .in_use(&codes::CERTIFICATE_IN_USE)
    .attributes(&[name("CACertGroupName", 31, "Name of the group.")])
    .bindings(&[BindingType::new(
        "sslcacertgroup_sslcertkey_binding",
        &["certkeyName"],
        &[
            reference("certkeyName", &["ssl certKey"], "Certificate of a CA."),
            choice(
                "crlCheck",
                &["Mandatory", "Optional"],
                "Check the CA's CRL.",
            )
            .excludes(&["ocspCheck"]),
            choice("ocspCheck", &["Mandatory", "Optional"], "Check by OCSP."),
        ],
    )
    .doc("Certificate of a CA.")
    .replaceable()
    .missing(&codes::CERTIFICATE_BINDING_MISSING)]);

/// A bundle that was imported, the older way.
pub static SSL_CERT_BUNDLE: ResourceType = ResourceType::new("ssl certBundle", "sslcertbundle")
    .doc("Bundle of certificates that was imported (refused: use ssl certKeyBundle).")
    .verbs(&[APPLY, EXPORT, IMPORT, RM, SHOW])
    .outside()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        name("name", 31, "Name of the bundle."),
        source()
            .also(&[Export])
            .positional(&[Export, Import])
            .required(&[Export, Import]),
    ]);

/// How a certificate can be linked.
pub static SSL_CERT_CHAIN: ResourceType = ResourceType::new("ssl certChain", "sslcertchain")
    .doc("The chain a certificate is linked to, and the one it could be linked to.")
    .verbs(&[SHOW])
    .outside()
    .missing(&codes::CERTIFICATE_MISSING)
    .attributes(&[
        reference("certkeyName", &["ssl certKey"], "Name of the certificate.")
            .key()
            .only(&[Show]),
    ]);

/// A file with a certificate that was imported.
pub static SSL_CERT_FILE: ResourceType = ResourceType::new("ssl certFile", "sslcertfile")
    .doc("File with a certificate that was imported (refused: use system file).")
    .verbs(&[IMPORT, RM, SHOW])
    .outside()
    .named_in_args()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[name("name", 63, "Name of the file."), source()]);

/// A certificate's chain, built by itself.
pub static SSL_CERTIFICATE_CHAIN: ResourceType =
    ResourceType::new("ssl certificateChain", "sslcertificatechain")
        .doc(
            "Builds the chain of a certificate: links it, and its issuers, to those that are here.",
        )
        .verbs(&[ADD, SHOW])
        .outside()
        .missing(&codes::CERTIFICATE_MISSING)
        .attributes(&[
            reference("certkeyName", &["ssl certKey"], "Name of the certificate.").key(),
        ]);

/// Certificate, private key and intermediates in one file.
pub static SSL_CERT_KEY_BUNDLE: ResourceType =
    ResourceType::new("ssl certKeyBundle", "sslcertkeybundle")
        .doc("Certificate, private key and intermediates in one file; linked by themselves.")
        .verbs(&[ADD, RM, SHOW, UPDATE])
        .missing(&codes::CERTIFICATE_MISSING)
        .in_use(&codes::CERTIFICATE_IN_USE)
        .attributes(&[
            name("certkeyBundleName", 31, "Name of the bundle."),
            text(
                "bundleFile",
                "File with certificate, private key and intermediates.",
            )
            .only(&[Add, Update])
            .required(&[Add]),
            secret("passplain", "Pass phrase of the private key.").only(&[Add, Update]),
        ]);

/// A file with a revocation list that was imported.
pub static SSL_CRL_FILE: ResourceType = ResourceType::new("ssl crlFile", "sslcrlfile")
    .doc("File with a revocation list that was imported (refused: use system file).")
    .verbs(&[IMPORT, RM, SHOW])
    .outside()
    .named_in_args()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[name("name", 63, "Name of the file."), source()]);

/// A file with Diffie-Hellman parameters that was imported.
pub static SSL_DH_FILE: ResourceType = ResourceType::new("ssl dhFile", "ssldhfile")
    .doc("File with Diffie-Hellman parameters that was imported (refused: use system file).")
    .verbs(&[IMPORT, RM, SHOW])
    .outside()
    .named_in_args()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[name("name", 63, "Name of the file."), source()]);

/// A file with a private key that was imported.
pub static SSL_KEY_FILE: ResourceType = ResourceType::new("ssl keyFile", "sslkeyfile")
    .doc("File with a private key that was imported (refused: use system file).")
    .verbs(&[IMPORT, RM, SHOW])
    .outside()
    .named_in_args()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        name("name", 63, "Name of the file."),
        source(),
        secret("password", "Pass phrase of the private key.").only(&[Import]),
    ]);

const fn source() -> Attribute {
    Attribute::new(
        "src",
        Kind::Text(2047),
        "URL the file is fetched from, or a local file.",
    )
    .only(&[Import])
    .positional(&[Import])
    .required(&[Import])
}
