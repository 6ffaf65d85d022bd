//! SSL policies and actions, ciphers that are built in, and Diffie-Hellman parameters.

use crate::catalog::attribute::{
    Attribute, Kind, choice, comment, expression, integer, name, new_name, text, toggle,
};
use crate::catalog::resource::{ADD, CREATE, RENAME, RM, ResourceType, SET, SHOW, UNSET};
use crate::codes;
use crate::verb::Verb::{Add, Create, Set};

/// What an SSL policy does.
pub static SSL_ACTION: ResourceType = ResourceType::new("ssl action", "sslaction")
    .doc("What an SSL policy does (kept only).")
    .verbs(&[ADD, RM, SHOW])
    .missing(&codes::NO_SUCH_ACTION)
    .attributes(&[
        name("name", 127, "Name of the action."),
        choice(
            "clientAuth",
            &["DOCLIENTAUTH", "NOCLIENTAUTH"],
            "Ask for a client certificate.",
        )
        .stored(),
        choice(
            "clientCertVerification",
            &["Mandatory", "Optional"],
            "Whether the client certificate is needed.",
        )
        .stored(),
        text("ssllogProfile", "SSL log profile.").stored(),
        toggle("clientCert", "Put the client certificate into a header.").stored(),
        text("certHeader", "Name of that header.").stored(),
        toggle(
            "clientCertSerialNumber",
            "Put its serial number into a header.",
        )
        .stored(),
        text("certSerialHeader", "Name of that header.").stored(),
        toggle("clientCertSubject", "Put its subject into a header.").stored(),
        text("certSubjectHeader", "Name of that header.").stored(),
        toggle("clientCertHash", "Put its hash into a header.").stored(),
        text("certHashHeader", "Name of that header.").stored(),
        toggle(
            "clientCertFingerprint",
            "Put its fingerprint into a header.",
        )
        .stored(),
        text("certFingerprintHeader", "Name of that header.").stored(),
        choice(
            "certFingerprintDigest",
            &["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"],
            "Digest of the fingerprint.",
        )
        .stored(),
        toggle("clientCertIssuer", "Put its issuer into a header.").stored(),
        text("certIssuerHeader", "Name of that header.").stored(),
        toggle("sessionID", "Put the session identifier into a header.").stored(),
        text("sessionIDHeader", "Name of that header.").stored(),
        toggle("cipher", "Put the cipher into a header.").stored(),
        text("cipherHeader", "Name of that header.").stored(),
        toggle(
            "clientCertNotBefore",
            "Put its begin of validity into a header.",
        )
        .stored(),
        text("certNotBeforeHeader", "Name of that header.").stored(),
        toggle(
            "clientCertNotAfter",
            "Put its end of validity into a header.",
        )
        .stored(),
        text("certNotAfterHeader", "Name of that header.").stored(),
        toggle("OWASupport", "Outlook Web Access.").stored(),
        text("forward", "Virtual server the connection is handed to.").stored(),
        text("caCertGrpName", "Group of CA certificates.").stored(),
    ]);

/// A cipher suite.
pub static SSL_CIPHER_SUITE: ResourceType = ResourceType::new("ssl ciphersuite", "sslciphersuite")
    .doc("Cipher suite that is built in.")
    .verbs(&[SHOW])
    .outside()
    .attributes(&[Attribute::new("cipherName", Kind::Text(63), "Name of the suite.").key()]);

/// Diffie-Hellman parameters.
pub static SSL_DH_PARAM: ResourceType = ResourceType::new("ssl dhParam", "ssldhparam")
    .doc(
        "Diffie-Hellman parameters, made on the appliance (refused: no cipher we speak uses them).",
    )
    .verbs(&[CREATE])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        text("dhFile", "File the parameters are written to.")
            .only(&[Create])
            .positional(&[Create])
            .required(&[Create])
            .length(1, 63),
        integer("bits", 512, 2048, "Length of the prime.")
            .only(&[Create])
            .positional(&[Create]),
        choice("gen", &["2", "5"], "Generator.")
            .default("2")
            .only(&[Create]),
    ]);

/// A rule and an SSL action.
pub static SSL_POLICY: ResourceType = ResourceType::new("ssl policy", "sslpolicy")
    .doc("Rule over connections, and the SSL action when it is true (kept only).")
    .verbs(&[ADD, RENAME, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("name", 127, "Name of the policy."),
        new_name(127),
        expression("rule", "Expression over the connection.")
            .only(&[Add, Set])
            .required(&[Add])
            .stored(),
        text("reqAction", "Action for requests, the older way.")
            .only(&[Add])
            .stored(),
        Attribute::new(
            "action",
            Kind::Reference {
                to: &["ssl action"],
                or: &[
                    "CLIENTAUTH",
                    "DROP",
                    "INTERCEPT",
                    "BYPASS",
                    "NOCLIENTAUTH",
                    "NOOP",
                    "RESET",
                ],
            },
            "Action when the rule is true.",
        )
        .only(&[Add, Set])
        .stored(),
        text("undefAction", "What happens without a result.").stored(),
        comment(),
    ]);
