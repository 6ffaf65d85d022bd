//! SSL: certificates, profiles, and the SSL side of virtual servers, services and groups.

use crate::catalog::attribute::{
    Attribute, Kind, choice, flag, integer, list, name, reference, secret, text, toggle, yes_no,
};
use crate::catalog::attribute::{ENCRYPT_METHOD, ENCRYPTED, KEK, SUFFIX};
use crate::catalog::resource::{
    ADD, BindingType, CLEAR, FLUSH, LINK, RM, ResourceType, SET, SHOW, STAT, UNLINK, UNSET, UPDATE,
};
use crate::catalog::responder::{INVOKE, LABEL_NAME, LABEL_TYPE};
use crate::catalog::ssl_settings::*;
use crate::codes;
use crate::verb::Verb::{Add, Clear, Link, Rm, Set, Unset, Update};

/// Certificate and private-key pair.
pub static SSL_CERTKEY: ResourceType = ResourceType::new("ssl certKey", "sslcertkey")
    .doc("Certificate and private-key pair; relative file names are below /nsconfig/ssl/.")
    .verbs(&[ADD, CLEAR, LINK, RM, SET, SHOW, STAT, UNLINK, UNSET, UPDATE])
    .missing(&codes::CERTIFICATE_MISSING)
    .in_use(&codes::CERTIFICATE_IN_USE)
    .attributes(&[
        name("certkeyName", 63, "Name of the certificate.").nitro("certkey"),
        reference(
            "linkCertKeyName",
            &["ssl certKey"],
            "Certificate of the issuer.",
        )
        .only(&[Link])
        .positional(&[Link])
        .required(&[Link])
        .unsaved(),
        text("cert", "File with the certificate.")
            .only(&[Add, Update])
            .required(&[Add]),
        text(
            "key",
            "File with the private key; a CA certificate needs none.",
        )
        .only(&[Add, Update])
        .excludes(&["fipsKey", "hsmKey"]),
        text("fipsKey", "Key in a FIPS module.")
            .nitro("fipskey")
            .only(&[Add, Update])
            .stored(),
        text("hsmKey", "Key in a hardware security module.")
            .only(&[Add])
            .stored(),
        choice("inform", &["DER", "PEM", "PFX"], "Format of the files.")
            .default("PEM")
            .only(&[Add, Update]),
        Attribute::new(
            "password",
            Kind::OptionalSecret,
            "The key is encrypted; the pass phrase may follow.",
        )
        .only(&[Add, Update]),
        secret("passplain", "Pass phrase of the key or the PFX file.").only(&[Add, Update]),
        secret("passcrypt", "Pass phrase in its stored form.").only(&[Add, Update]),
        ENCRYPTED.only(&[Add, Update]),
        ENCRYPT_METHOD.only(&[Add, Update]),
        KEK.only(&[Add, Update]),
        SUFFIX.only(&[Add, Update]),
        toggle("expiryMonitor", "Warn before the certificate expires.")
            .default("ENABLED")
            .only(&[Add, Set, Unset]),
        integer(
            "notificationPeriod",
            10,
            100,
            "How long before expiry to warn.",
        )
        .unit("days")
        .default("30")
        .only(&[Add, Set, Unset]),
        yes_no("bundle", "The file holds intermediates too.")
            .default("NO")
            .only(&[Add, Update]),
        choice(
            "deleteCertKeyFilesOnRemoval",
            &["NO", "IF_EXPIRED", "ALWAYS"],
            "Whether `rm` deletes the files.",
        )
        .default("NO")
        .only(&[Add, Set, Unset, Update]),
        flag(
            "noDomainCheck",
            "Accept a certificate for other names than before.",
        )
        .only(&[Update])
        .unsaved(),
        flag("deleteFromDevice", "Delete the files too.")
            .only(&[Rm])
            .unsaved(),
        flag("ocspStaplingCache", "Empty the cache of OCSP responses.")
            .only(&[Clear])
            .required(&[Clear])
            .unsaved(),
    ])
    .bindings(&[BindingType::new(
        "sslcertkey_sslocspresponder_binding",
        &["ocspResponder"],
        &[
            reference("ocspResponder", &["ssl ocspResponder"], "OCSP responder."),
            integer(
                "priority",
                0,
                4_294_967_295,
                "Lower numbers are asked first.",
            ),
            flag("ca", "The certificate is that of a CA.").stored(),
        ],
    )
    .doc("OCSP responder that is asked about certificates the CA signed.")
    .identity(&["ocspResponder"])
    .replaceable()]);

/// Links between certificates.
pub static SSL_CERTLINK: ResourceType = ResourceType::new("ssl certLink", "sslcertlink")
    .doc("Links from certificates to their issuers'.")
    .verbs(&[SHOW]);

/// A group of ciphers made by the administrator.
pub static SSL_CIPHER: ResourceType = ResourceType::new("ssl cipher", "sslcipher")
    .doc("Group of ciphers made by the administrator.")
    .verbs(&[ADD, RM, SHOW])
    .missing(&codes::NO_SUCH_CIPHER_GROUP)
    .attributes(&[name("cipherGroupName", 39, "Name of the group.")])
    .bindings(&[BindingType::new(
        "sslcipher_sslciphersuite_binding",
        &["cipherName"],
        &[
            text("cipherName", "Cipher or group.").required(&[crate::verb::Verb::Bind]),
            integer("cipherPriority", 1, 1000, "Place in the group."),
        ],
    )
    .doc("Cipher of the group.")
    .replaceable()]);

/// The client certificates DC2G made.
pub static SSL_DYNAMIC_CLIENT_CERT_CACHE: ResourceType =
    ResourceType::new("ssl dynamicClientCertCache", "ssldynamicclientcertcache")
        .doc("Cache of client certificates generated for back-end handshakes.")
        .verbs(&[FLUSH, STAT]);

/// Settings of all SSL.
pub static SSL_PARAMETER: ResourceType = ResourceType::new("ssl parameter", "sslparameter")
    .doc("Settings for all SSL virtual servers and services.")
    .verbs(&[SET, SHOW, UNSET])
    .attributes(&[
        choice(
            "quantumSize",
            &["4", "8", "16"],
            "Kilobytes collected before encryption.",
        )
        .default("8")
        .stored(),
        integer("crlMemorySizeMB", 10, 1024, "Memory for CRLs.")
            .unit("megabytes")
            .default("256")
            .stored(),
        yes_no("strictCAChecks", "Check CA certificates strictly.")
            .default("NO")
            .stored(),
        integer(
            "sslTriggerTimeout",
            1,
            200,
            "Wait before encryption of slow data.",
        )
        .unit("milliseconds")
        .default("100")
        .stored(),
        SEND_CLOSE_NOTIFY,
        integer(
            "encryptTriggerPktCount",
            10,
            50,
            "Packets queued before encryption.",
        )
        .default("45")
        .stored(),
        DENY_SSL_RENEG,
        INSERTION_ENCODING,
        integer("ocspCacheSize", 0, 512, "Memory for OCSP responses.")
            .unit("megabytes")
            .default("10")
            .stored(),
        PUSH_FLAG,
        DROP_REQ_WITH_NO_HOST_HEADER,
        SNI_HTTP_HOST_MATCH,
        PUSH_ENC_TRIGGER_TIMEOUT,
        integer(
            "cryptodevDisableLimit",
            0,
            4_294_967_294,
            "Failures before a card is disabled.",
        )
        .default("0")
        .stored(),
        text(
            "undefActionControl",
            "Control policies: action of an undefined rule.",
        )
        .stored(),
        text(
            "undefActionData",
            "Data policies: action of an undefined rule.",
        )
        .stored(),
        toggle(
            "defaultProfile",
            "Use default SSL profiles everywhere; cannot be undone.",
        )
        .default("DISABLED"),
        flag("force", "Do not ask.").only(&[Set]).unsaved(),
        integer(
            "softwareCryptoThreshold",
            0,
            100,
            "Load at which software helps the card.",
        )
        .default("0")
        .stored(),
        toggle("hybridFIPSMode", "Use FIPS and software keys together.")
            .default("DISABLED")
            .stored(),
        list(
            "sigDigestType",
            &[
                "ALL",
                "RSA-MD5",
                "RSA-SHA1",
                "RSA-SHA224",
                "RSA-SHA256",
                "RSA-SHA384",
                "RSA-SHA512",
                "DSA-SHA1",
                "DSA-SHA224",
                "DSA-SHA256",
                "DSA-SHA384",
                "DSA-SHA512",
                "ECDSA-SHA1",
                "ECDSA-SHA224",
                "ECDSA-SHA256",
                "ECDSA-SHA384",
                "ECDSA-SHA512",
            ],
            "Signature algorithms offered.",
        )
        .stored(),
        toggle(
            "sslIErrorCache",
            "Remember origins that cannot be intercepted.",
        )
        .default("DISABLED")
        .stored(),
        integer(
            "sslIMaxErrorCacheMem",
            0,
            4_294_967_294,
            "Memory for such origins.",
        )
        .unit("bytes")
        .default("0")
        .stored(),
        yes_no("insertCertSpace", "Add a blank in inserted certificates.")
            .default("YES")
            .stored(),
        yes_no("ndcppComplianceCertCheck", "Check server names by NDcPP.")
            .default("NO")
            .stored(),
        toggle("heterogeneousSSLHW", "Cluster nodes have different cards.")
            .default("DISABLED")
            .stored(),
        integer(
            "operationQueueLimit",
            0,
            10000,
            "Length of the card's queue.",
        )
        .default("150")
        .stored(),
    ]);

/// A set of SSL settings for several entities.
pub static SSL_PROFILE: ResourceType = ResourceType::new("ssl profile", "sslprofile")
    .doc("SSL settings for virtual servers (FrontEnd) or services and groups (BackEnd).")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .in_use(&codes::PROFILE_IN_USE)
    .attributes(&[
        name("name", 127, "Name of the profile."),
        choice(
            "sslProfileType",
            &["BackEnd", "FrontEnd", "QUIC-FrontEnd"],
            "Which side the profile is for.",
        )
        .default("FrontEnd")
        .only(&[Add]),
        text("ssllogProfile", "SSL log profile.").stored(),
        DH_COUNT,
        DH,
        DH_FILE,
        ERSA,
        ERSA_COUNT,
        SESS_REUSE,
        SESS_TIMEOUT,
        CIPHER_REDIRECT,
        CIPHER_URL,
        CLIENT_AUTH,
        CLIENT_CERT,
        DH_KEY_EXP_SIZE_LIMIT,
        SSL_REDIRECT,
        REDIRECT_PORT_REWRITE,
        SSL3,
        TLS1,
        TLS11,
        TLS12,
        TLS13,
        SNI_ENABLE,
        toggle(
            "allowUnknownSNI",
            "Serve the default certificate to clients that ask for an unknown name.",
        )
        .default("DISABLED"),
        OCSP_STAPLING,
        SERVER_AUTH,
        COMMON_NAME,
        PUSH_ENC_TRIGGER,
        SEND_CLOSE_NOTIFY,
        CLEAR_TEXT_PORT,
        INSERTION_ENCODING,
        DENY_SSL_RENEG,
        integer("maxRenegRate", 0, 65535, "Renegotiations allowed a second.")
            .default("0")
            .stored(),
        choice(
            "quantumSize",
            &["4", "8", "16"],
            "Kilobytes collected before encryption.",
        )
        .default("8")
        .stored(),
        yes_no("strictCAChecks", "Check CA certificates strictly.")
            .default("NO")
            .stored(),
        integer(
            "encryptTriggerPktCount",
            10,
            50,
            "Packets queued before encryption.",
        )
        .default("45")
        .stored(),
        PUSH_FLAG,
        DROP_REQ_WITH_NO_HOST_HEADER,
        SNI_HTTP_HOST_MATCH,
        PUSH_ENC_TRIGGER_TIMEOUT,
        integer(
            "sslTriggerTimeout",
            1,
            200,
            "Wait before encryption of slow data.",
        )
        .unit("milliseconds")
        .default("100")
        .stored(),
        toggle(
            "clientAuthUseBoundCAChain",
            "Verify clients with bound certificates only.",
        )
        .default("DISABLED")
        .stored(),
        toggle("sslInterception", "Intercept SSL.")
            .default("DISABLED")
            .stored(),
        toggle("ssliReneg", "Interception: renegotiate as the origin asks.")
            .default("ENABLED")
            .stored(),
        toggle("ssliOCSPCheck", "Interception: check the origin by OCSP.")
            .default("ENABLED")
            .stored(),
        integer(
            "ssliMaxSessPerServer",
            1,
            1000,
            "Interception: sessions kept for an origin.",
        )
        .default("10")
        .stored(),
        toggle("sessionTicket", "Send session tickets (RFC 5077).").default("DISABLED"),
        integer(
            "sessionTicketLifeTime",
            0,
            172_800,
            "How long a session ticket is accepted.",
        )
        .unit("seconds")
        .default("300"),
        toggle("sessionTicketKeyRefresh", "Renew the ticket key by itself.")
            .default("ENABLED")
            .stored(),
        secret("sessionTicketKeyData", "Ticket key given by hand.").stored(),
        integer(
            "sessionKeyLifeTime",
            600,
            86_400,
            "Lifetime of the ticket key.",
        )
        .unit("seconds")
        .default("3000")
        .stored(),
        integer(
            "prevSessionKeyLifeTime",
            0,
            172_800,
            "How long the previous ticket key counts.",
        )
        .unit("seconds")
        .default("0")
        .stored(),
        HSTS,
        HSTS_MAX_AGE,
        HSTS_SUBDOMAINS,
        HSTS_PRELOAD,
        toggle(
            "skipClientCertPolicyCheck",
            "Ignore certificate policies of clients.",
        )
        .default("DISABLED")
        .stored(),
        ZERO_RTT,
        TLS13_TICKETS,
        DHE_WITH_PSK,
        yes_no(
            "allowExtendedMasterSecret",
            "Extended master secret (RFC 7627).",
        )
        .default("NO")
        .stored(),
        choice(
            "alpnProtocol",
            &["NONE", "HTTP1.1", "HTTP2"],
            "Protocol chosen by ALPN: HTTP2 in a back-end profile offers HTTP/2 to the server.",
        )
        .default("NONE"),
        STRICT_SIG_DIGEST,
        toggle("encryptedClientHello", "Encrypted ClientHello.")
            .default("DISABLED")
            .stored(),
        DEFAULT_SNI,
        SSL_CLIENT_LOGS,
        ZERO_TOUCH_CERT,
        yes_no("allowLegacyKDF", "Legacy key derivation.")
            .default("NO")
            .stored(),
        DYNAMIC_CLIENT_CERT[0],
        DYNAMIC_CLIENT_CERT[1],
        DYNAMIC_CLIENT_CERT[2],
        DYNAMIC_CLIENT_CERT[3],
        DYNAMIC_CLIENT_CERT[4],
        DYNAMIC_CLIENT_CERT[5],
        DYNAMIC_CLIENT_CERT[6],
        DYNAMIC_CLIENT_CERT[7],
        DYNAMIC_CLIENT_CERT[8],
        DYNAMIC_CLIENT_CERT[9],
        DYNAMIC_CLIENT_CERT[10],
        DYNAMIC_CLIENT_CERT[11],
        DYNAMIC_CLIENT_CERT[12],
        DYNAMIC_CLIENT_CERT[13],
        DYNAMIC_CLIENT_CERT[14],
        DYNAMIC_CLIENT_CERT[15],
        DYNAMIC_CLIENT_CERT[16],
    ])
    .bindings(&[
        cipher_binding("sslprofile_sslcipher_binding"),
        curve_binding("sslprofile_ecccurve_binding"),
        ca_bundle_binding("sslprofile_sslcacertbundle_binding"),
        BindingType::new(
            "sslprofile_sslcertkey_binding",
            &["certkeyName"],
            &[
                reference("certkeyName", &["ssl certKey"], "Certificate."),
                flag(
                    "forgingCACertkey",
                    "The certificate signs generated client certificates (DC2G).",
                )
                .required(&[crate::verb::Verb::Bind, crate::verb::Verb::Unbind]),
            ],
        )
        .doc("CA that signs generated client certificates.")
        .identity(&["forgingCACertkey"])
        .replaceable()
        .missing(&codes::CERTIFICATE_BINDING_MISSING),
        BindingType::new(
            "sslprofile_sslcertkey_binding",
            &["ssliCACertkey"],
            &[reference(
                "ssliCACertkey",
                &["ssl certKey"],
                "CA that signs certificates of intercepted origins.",
            )
            .stored()],
        )
        .doc("CA for SSL interception.")
        .replaceable()
        .missing(&codes::CERTIFICATE_BINDING_MISSING),
    ]);

/// SSL side of a service.
pub static SSL_SERVICE: ResourceType = ResourceType::new("ssl service", "sslservice")
    .doc("SSL settings of a service of type SSL or SSL_TCP.")
    .verbs(&[SET, SHOW, STAT, UNSET])
    .companion_of(&["service"])
    .missing(&codes::SSL_ENTITY_MISSING)
    .attributes(&[
        reference("serviceName", &["service"], "Name of the service.").key(),
        DH,
        DH_FILE,
        DH_COUNT,
        DH_KEY_EXP_SIZE_LIMIT,
        ERSA,
        ERSA_COUNT,
        SESS_REUSE,
        SESS_TIMEOUT,
        CIPHER_REDIRECT,
        CIPHER_URL,
        SSL2_REDIRECT,
        SSL2_URL,
        CLIENT_AUTH,
        CLIENT_CERT,
        SSL_REDIRECT,
        REDIRECT_PORT_REWRITE,
        SSL2,
        SSL3,
        TLS1,
        TLS11,
        TLS12,
        TLS13,
        DTLS1,
        DTLS12,
        SNI_ENABLE,
        OCSP_STAPLING,
        SERVER_AUTH,
        COMMON_NAME,
        PUSH_ENC_TRIGGER,
        SEND_CLOSE_NOTIFY,
        DTLS_PROFILE,
        SSL_PROFILE_NAME,
        STRICT_SIG_DIGEST,
        SSL_CLIENT_LOGS,
        ZERO_TOUCH_CERT,
    ])
    .bindings(&[
        certkey_binding("sslservice_sslcertkey_binding"),
        cipher_binding("sslservice_sslcipher_binding"),
        curve_binding("sslservice_ecccurve_binding"),
    ]);

/// SSL side of a service group.
pub static SSL_SERVICE_GROUP: ResourceType =
    ResourceType::new("ssl serviceGroup", "sslservicegroup")
        .doc("SSL settings of a service group of type SSL or SSL_TCP.")
        .verbs(&[SET, SHOW, UNSET])
        .companion_of(&["serviceGroup"])
        .missing(&codes::SSL_ENTITY_MISSING)
        .attributes(&[
            reference("serviceGroupName", &["serviceGroup"], "Name of the group.").key(),
            SSL_PROFILE_NAME,
            SESS_REUSE,
            SESS_TIMEOUT,
            SSL3,
            TLS1,
            TLS11,
            TLS12,
            TLS13,
            SNI_ENABLE,
            OCSP_STAPLING,
            SERVER_AUTH,
            COMMON_NAME,
            SEND_CLOSE_NOTIFY,
            STRICT_SIG_DIGEST,
            SSL_CLIENT_LOGS,
            ZERO_TOUCH_CERT,
        ])
        .bindings(&[
            certkey_binding("sslservicegroup_sslcertkey_binding"),
            cipher_binding("sslservicegroup_sslcipher_binding"),
            curve_binding("sslservicegroup_ecccurve_binding"),
        ]);

/// SSL side of a virtual server.
pub static SSL_VSERVER: ResourceType = ResourceType::new("ssl vserver", "sslvserver")
    .doc("SSL settings of a virtual server of type SSL or SSL_TCP.")
    .verbs(&[SET, SHOW, STAT, UNSET])
    .companion_of(&[
        "authentication vserver",
        "cs vserver",
        "lb vserver",
        "vpn vserver",
    ])
    .missing(&codes::SSL_ENTITY_MISSING)
    .attributes(&[
        reference(
            "vServerName",
            &[
                "authentication vserver",
                "cs vserver",
                "lb vserver",
                "vpn vserver",
            ],
            "Name of the virtual server.",
        )
        .key(),
        CLEAR_TEXT_PORT,
        DH,
        DH_FILE,
        DH_COUNT,
        DH_KEY_EXP_SIZE_LIMIT,
        ERSA,
        ERSA_COUNT,
        SESS_REUSE,
        SESS_TIMEOUT,
        CIPHER_REDIRECT,
        CIPHER_URL,
        SSL2_REDIRECT,
        SSL2_URL,
        CLIENT_AUTH,
        CLIENT_CERT,
        SSL_REDIRECT,
        REDIRECT_PORT_REWRITE,
        SSL2,
        SSL3,
        TLS1,
        TLS11,
        TLS12,
        TLS13,
        DTLS1,
        DTLS12,
        SNI_ENABLE,
        OCSP_STAPLING,
        PUSH_ENC_TRIGGER,
        SEND_CLOSE_NOTIFY,
        DTLS_PROFILE,
        SSL_PROFILE_NAME,
        HSTS,
        HSTS_MAX_AGE,
        HSTS_SUBDOMAINS,
        HSTS_PRELOAD,
        STRICT_SIG_DIGEST,
        ZERO_RTT,
        TLS13_TICKETS,
        DHE_WITH_PSK,
        DEFAULT_SNI,
        SSL_CLIENT_LOGS,
    ])
    .bindings(&[
        certkey_binding("sslvserver_sslcertkey_binding"),
        cipher_binding("sslvserver_sslcipher_binding"),
        curve_binding("sslvserver_ecccurve_binding"),
        ca_bundle_binding("sslvserver_sslcacertbundle_binding"),
        BindingType::new(
            "sslvserver_sslcertkeybundle_binding",
            &["certkeyBundleName"],
            &[
                reference("certkeyBundleName", &["ssl certKeyBundle"], "Bundle."),
                flag("SNICertkeybundle", "It is chosen by SNI."),
            ],
        )
        .doc("Bundle of certificate, private key and intermediates.")
        .identity(&["certkeyBundleName", "SNICertkeybundle"])
        .replaceable()
        .missing(&codes::CERTIFICATE_BINDING_MISSING),
        BindingType::new(
            "sslvserver_sslpolicy_binding",
            &["policyName"],
            &[
                reference("policyName", &["ssl policy"], "SSL policy.").stored(),
                integer("priority", 0, 64_000, "Lower numbers are looked at first.").stored(),
                text("gotoPriorityExpression", "What follows a match.").stored(),
                choice(
                    "type",
                    &["INTERCEPT_REQ", "REQUEST", "CLIENTHELLO_REQ"],
                    "When it is looked at.",
                )
                .stored(),
                INVOKE,
                LABEL_TYPE,
                LABEL_NAME,
            ],
        )
        .doc("SSL policy."),
    ]);

/// Settings of zero-touch certificate management.
pub static SSL_ZERO_TOUCH_PARAM: ResourceType =
    ResourceType::new("ssl zeroTouchParam", "sslzerotouchparam")
        .doc("Zero-touch certificate management: OCSP settings and state.")
        .verbs(&[SET, SHOW, UNSET])
        .attributes(&[
            integer(
                "ocspCacheTimeout",
                1,
                43_200,
                "How long an OCSP response is kept.",
            )
            .unit("minutes")
            .default("1"),
            integer(
                "ocspBatchingDepth",
                1,
                8,
                "Certificates asked about in one OCSP request.",
            ),
            integer(
                "ocspBatchingDelay",
                1,
                10_000,
                "How long to collect an OCSP request.",
            )
            .unit("milliseconds"),
            integer(
                "ocspRespTimeout",
                100,
                120_000,
                "How long to wait for an OCSP response.",
            )
            .unit("milliseconds"),
            integer(
                "ocspUrlResolveTimeout",
                100,
                2000,
                "How long to resolve the responder's name.",
            )
            .unit("milliseconds"),
            yes_no(
                "ocspTrustResponder",
                "Do not check the signature of OCSP responses.",
            )
            .default("NO"),
            integer(
                "ocspProducedAtTimeSkew",
                0,
                86_400,
                "Clock difference accepted.",
            )
            .unit("seconds")
            .default("300"),
            toggle("ocspUseNonce", "Send a nonce in OCSP requests.").default("ENABLED"),
            choice(
                "ocspHttpMethod",
                &["GET", "POST"],
                "HTTP method of OCSP requests.",
            )
            .default("POST"),
        ]);

const DENY_SSL_RENEG: Attribute = choice(
    "denySSLReneg",
    &[
        "NO",
        "FRONTEND_CLIENT",
        "FRONTEND_CLIENTSERVER",
        "ALL",
        "NONSECURE",
    ],
    "Which renegotiation is refused (all is, always).",
)
.default("ALL")
.stored();
const DROP_REQ_WITH_NO_HOST_HEADER: Attribute = yes_no(
    "dropReqWithNoHostHeader",
    "Refuse requests without Host header.",
)
.default("NO")
.stored();
const INSERTION_ENCODING: Attribute = choice(
    "insertionEncoding",
    &["Unicode", "UTF-8"],
    "Encoding of inserted names.",
)
.default("Unicode")
.stored();
const PUSH_ENC_TRIGGER_TIMEOUT: Attribute = integer(
    "pushEncTriggerTimeout",
    1,
    200,
    "Wait of the push trigger `Timer`.",
)
.unit("milliseconds")
.default("1")
.stored();
const PUSH_FLAG: Attribute = integer("pushFlag", 0, 3, "Where the PUSH flag is set.")
    .default("0")
    .stored();
const SNI_HTTP_HOST_MATCH: Attribute = choice(
    "sniHTTPHostMatch",
    &["NO", "CERT", "STRICT"],
    "How the Host header must match the SNI.",
)
.default("CERT")
.stored();

/// Certificates of a virtual server, service or group.
const fn certkey_binding(nitro: &'static str) -> BindingType {
    const ARGUMENTS: &[Attribute] = &[
        reference("certkeyName", &["ssl certKey"], "Certificate."),
        flag("CA", "It verifies the other side.").excludes(&["SNICert"]),
        choice(
            "crlCheck",
            &["Mandatory", "Optional"],
            "Check the CA's CRL.",
        )
        .requires(&["CA"])
        .excludes(&["ocspCheck"]),
        choice("ocspCheck", &["Mandatory", "Optional"], "Check by OCSP.").requires(&["CA"]),
        flag("skipCAName", "Do not name the CA to clients.").requires(&["CA"]),
        flag("SNICert", "It is chosen by SNI."),
    ];
    BindingType::new(
        nitro,
        &["certkeyName"],
        ARGUMENTS,
    )
    .doc("Certificate: the server's own, one chosen by SNI, or a CA that verifies the other side.")
    .identity(&["certkeyName", "CA", "SNICert"])
    .replaceable()
    .missing(&codes::CERTIFICATE_BINDING_MISSING)
}

/// Ciphers of an SSL entity.
const fn cipher_binding(nitro: &'static str) -> BindingType {
    const ARGUMENTS: &[Attribute] = &[
        text("cipherName", "Cipher or cipher group.").stored(),
        integer("cipherPriority", 1, 1000, "Place in the list.").stored(),
    ];
    BindingType::new(nitro, &["cipherName"], ARGUMENTS)
        .doc("Cipher or cipher group.")
        .replaceable()
        .implicit(&["DEFAULT"])
}

/// CA certificates of an SSL entity, several in one file.
const fn ca_bundle_binding(nitro: &'static str) -> BindingType {
    const ARGUMENTS: &[Attribute] = &[
        reference(
            "CACertBundleName",
            &["ssl caCertBundle"],
            "Bundle of CA certificates.",
        ),
        flag("skipCACertBundle", "Do not name its CAs to clients."),
    ];
    BindingType::new(nitro, &["CACertBundleName"], ARGUMENTS)
        .doc("CA certificates that verify the other side, several in one file.")
        .replaceable()
        .missing(&codes::CERTIFICATE_BINDING_MISSING)
}

/// Curves of an SSL entity.
const fn curve_binding(nitro: &'static str) -> BindingType {
    const ARGUMENTS: &[Attribute] = &[choice(
        "eccCurveName",
        &["ALL", "P_224", "P_256", "P_384", "P_521", "X_25519"],
        "Elliptic curve.",
    )
    .stored()];
    BindingType::new(nitro, &["eccCurveName"], ARGUMENTS)
        .doc("Elliptic curve.")
        .replaceable()
        .implicit(&["P_256", "P_384", "P_224", "P_521"])
}
