//! The SSL settings that vservers, services, groups and profiles share.

use crate::catalog::attribute::{
    Attribute, choice, integer, list, reference, text, toggle, yes_no,
};

pub(super) const CIPHER_REDIRECT: Attribute = toggle(
    "cipherRedirect",
    "Redirect clients without a common cipher.",
)
.default("DISABLED")
.stored();
pub(super) const CIPHER_URL: Attribute = text(
    "cipherURL",
    "Where to redirect clients without a common cipher.",
)
.stored();
pub(super) const CLEAR_TEXT_PORT: Attribute = integer(
    "cleartextPort",
    0,
    65535,
    "Port on which clear text is sent to the server.",
)
.default("0")
.stored();
pub(super) const CLIENT_AUTH: Attribute =
    toggle("clientAuth", "Ask clients for a certificate.").default("DISABLED");
pub(super) const CLIENT_CERT: Attribute = choice(
    "clientCert",
    &["Mandatory", "Optional"],
    "Whether a client without a certificate is refused.",
);
pub(super) const COMMON_NAME: Attribute = text(
    "commonName",
    "Name that the server's certificate must carry.",
);
pub(super) const DEFAULT_SNI: Attribute = text(
    "defaultSNI",
    "Name whose zero-touch certificate is served to clients that send no SNI.",
);
pub(super) const DH: Attribute = toggle("dh", "Diffie-Hellman with a parameter file.")
    .default("DISABLED")
    .stored();
pub(super) const DH_COUNT: Attribute = integer(
    "dhCount",
    0,
    65534,
    "Handshakes after which the DH key changes.",
)
.default("0")
.stored();
pub(super) const DH_FILE: Attribute = text("dhFile", "File with DH parameters.").stored();
pub(super) const DH_KEY_EXP_SIZE_LIMIT: Attribute = toggle(
    "dhKeyExpSizeLimit",
    "Limit the size of DH private exponents.",
)
.default("DISABLED")
.stored();
pub(super) const DHE_WITH_PSK: Attribute = yes_no(
    "dheKeyExchangeWithPsk",
    "Demand a key exchange when a TLS 1.3 session resumes.",
)
.default("NO")
.stored();
pub(super) const DTLS1: Attribute = toggle("dtls1", "DTLS 1.0.").stored();
pub(super) const DTLS12: Attribute = toggle("dtls12", "DTLS 1.2.").stored();
pub(super) const DTLS_PROFILE: Attribute = text("dtlsProfileName", "DTLS profile.").stored();
pub(super) const ERSA: Attribute = toggle("eRSA", "Ephemeral RSA for export ciphers.")
    .default("ENABLED")
    .stored();
pub(super) const ERSA_COUNT: Attribute = integer(
    "eRSACount",
    0,
    65534,
    "Handshakes after which the ephemeral RSA key changes.",
)
.default("0")
.stored();
pub(super) const HSTS: Attribute =
    toggle("HSTS", "Send the Strict-Transport-Security header.").default("DISABLED");
pub(super) const HSTS_MAX_AGE: Attribute = integer(
    "maxage",
    0,
    4_294_967_294,
    "Lifetime in the Strict-Transport-Security header.",
)
.unit("seconds")
.default("0");
pub(super) const HSTS_PRELOAD: Attribute = yes_no(
    "preload",
    "Add `preload` to the Strict-Transport-Security header.",
)
.default("NO");
pub(super) const HSTS_SUBDOMAINS: Attribute = yes_no(
    "IncludeSubdomains",
    "Add `includeSubDomains` to the Strict-Transport-Security header.",
)
.default("NO");
pub(super) const OCSP_STAPLING: Attribute = toggle(
    "ocspStapling",
    "Send OCSP responses of zero-touch certificates in the handshake.",
)
.default("DISABLED");
pub(super) const PUSH_ENC_TRIGGER: Attribute = choice(
    "pushEncTrigger",
    &["Always", "Merge", "Ignore", "Timer"],
    "What the PUSH flag does to encryption.",
)
.default("Always")
.stored();
pub(super) const REDIRECT_PORT_REWRITE: Attribute =
    toggle("redirectPortRewrite", "Rewrite the port of redirects.")
        .default("DISABLED")
        .stored();
pub(super) const SEND_CLOSE_NOTIFY: Attribute =
    yes_no("sendCloseNotify", "Send close-notify at the end.")
        .default("YES")
        .stored();
pub(super) const SERVER_AUTH: Attribute =
    toggle("serverAuth", "Verify the server's certificate.").default("DISABLED");
pub(super) const SESS_REUSE: Attribute =
    toggle("sessReuse", "Let clients resume sessions.").default("ENABLED");
pub(super) const SESS_TIMEOUT: Attribute = integer(
    "sessTimeout",
    0,
    4_294_967_294,
    "How long a session can be resumed.",
)
.unit("seconds")
.default("120");
pub(super) const SNI_ENABLE: Attribute = toggle(
    "SNIEnable",
    "Choose among bound certificates by SNI (zero touch does not need it).",
)
.default("DISABLED");
pub(super) const SSL2: Attribute = toggle("ssl2", "SSL 2.0.").default("DISABLED").stored();
pub(super) const SSL2_REDIRECT: Attribute = toggle("sslv2Redirect", "Redirect SSL 2.0 clients.")
    .default("DISABLED")
    .stored();
pub(super) const SSL2_URL: Attribute =
    text("sslv2URL", "Where to redirect SSL 2.0 clients.").stored();
pub(super) const SSL3: Attribute = toggle("ssl3", "SSL 3.0.").default("DISABLED").stored();
pub(super) const SSL_CLIENT_LOGS: Attribute = toggle("sslClientLogs", "Log client handshakes.")
    .default("DISABLED")
    .stored();
pub(super) const SSL_PROFILE_NAME: Attribute = reference(
    "sslProfile",
    &["ssl profile"],
    "SSL profile that replaces the settings here.",
);
pub(super) const SSL_REDIRECT: Attribute =
    toggle("sslRedirect", "Rewrite redirects from http to https.").default("DISABLED");
pub(super) const STRICT_SIG_DIGEST: Attribute = toggle(
    "strictSigDigestCheck",
    "Demand the digest of the client's list.",
)
.default("DISABLED")
.stored();
pub(super) const TLS1: Attribute = toggle("tls1", "TLS 1.0 (never spoken).")
    .default("ENABLED")
    .stored();
pub(super) const TLS11: Attribute = toggle("tls11", "TLS 1.1 (never spoken).")
    .default("ENABLED")
    .stored();
pub(super) const TLS12: Attribute = toggle("tls12", "TLS 1.2.").default("ENABLED");
pub(super) const TLS13: Attribute = toggle("tls13", "TLS 1.3.").default("DISABLED");
pub(super) const TLS13_TICKETS: Attribute = integer(
    "tls13SessionTicketsPerAuthContext",
    1,
    10,
    "Tickets sent after a TLS 1.3 handshake.",
)
.default("1");
pub(super) const ZERO_RTT: Attribute =
    toggle("zeroRttEarlyData", "TLS 1.3 early data (never accepted).")
        .default("DISABLED")
        .stored();

/// Dynamic client certificate generation (DC2G) of a back-end profile: NetScaler's switch, and what it leaves open.
pub(super) const DYNAMIC_CLIENT_CERT: [Attribute; 17] = [
    toggle(
        "dynamicClientCert",
        "Make a client certificate for the server from the client's (DC2G).",
    )
    .default("DISABLED"),
    integer(
        "dynamicClientCertLifetime",
        5,
        525_600,
        "Longest validity of a generated certificate; the client's and the CA's bound it too.",
    )
    .unit("minutes")
    .default("1440"),
    list(
        "dynamicClientCertExtensions",
        &[
            "subjectAltName",
            "extendedKeyUsage",
            "keyUsage",
            "certificatePolicies",
            "securityIdentifier",
            "basicConstraints",
        ],
        "Extensions taken over from the client's certificate; all of them unless set.",
    ),
    list(
        "dynamicClientCertCustomOids",
        &[],
        "Further extensions taken over, by object identifier.",
    ),
    text(
        "dynamicClientCertSubject",
        "Subject of generated certificates, such as DC=corp,CN={UPN}; the client's own unless set.",
    ),
    choice(
        "dynamicClientCertKeyAlgorithm",
        &["P_256", "P_384", "RSA_2048"],
        "Kind of key that generated certificates are for.",
    )
    .default("P_256"),
    choice(
        "dynamicClientCertKey",
        &["DAILY", "FRESH"],
        "One key a day for all generated certificates, or a new one for each.",
    )
    .default("DAILY"),
    reference(
        "dynamicClientCertFallback",
        &["ssl certKey"],
        "Certificate to generate from when the client showed none.",
    ),
    choice(
        "dynamicClientCertUnknownStatus",
        &["DROP", "IGNORE"],
        "What becomes of a client whose certificate's revocation status is not known.",
    )
    .default("DROP"),
    choice(
        "dynamicClientCertUnknownCritical",
        &["DROP", "IGNORE"],
        "What becomes of a client whose certificate has an unknown critical extension.",
    )
    .default("DROP"),
    list(
        "dynamicClientCertDeny",
        &[],
        "Names for which none is generated; * stands for any characters.",
    ),
    integer(
        "dynamicClientCertCacheSize",
        0,
        1_000_000,
        "Generated certificates kept.",
    )
    .default("100000"),
    integer(
        "dynamicClientCertCacheTimeout",
        1,
        86_400,
        "How long a generated certificate is used again.",
    )
    .unit("seconds")
    .default("3600"),
    integer(
        "dynamicClientCertRate",
        0,
        1_000_000,
        "Certificates generated a second, at most; 0 for any number.",
    )
    .default("2000"),
    text(
        "dynamicClientCertCrlUrl",
        "Where the forging CA's CRL is, for the generated certificates to tell.",
    ),
    toggle(
        "dynamicClientCertProvenance",
        "Tell in a private extension which certificate one was generated from.",
    )
    .default("DISABLED"),
    integer(
        "dynamicClientCertIdle",
        0,
        64,
        "Idle connections to the server kept for each client certificate.",
    )
    .default("2"),
];

/// Profile settings that only a `FrontEnd` profile takes.
pub static FRONT_END_ONLY: &[&str] = &[
    "allowUnknownSNI",
    "cipherRedirect",
    "cipherURL",
    "clientAuth",
    "clientAuthUseBoundCAChain",
    "clientCert",
    "defaultSNI",
    "HSTS",
    "IncludeSubdomains",
    "maxage",
    "ocspStapling",
    "preload",
    "skipClientCertPolicyCheck",
    "sslRedirect",
    "zeroRttEarlyData",
];

/// Profile settings that only a `BackEnd` profile takes.
pub static BACK_END_ONLY: &[&str] = &[
    "commonName",
    "dynamicClientCert",
    "dynamicClientCertCacheSize",
    "dynamicClientCertCacheTimeout",
    "dynamicClientCertCrlUrl",
    "dynamicClientCertCustomOids",
    "dynamicClientCertDeny",
    "dynamicClientCertExtensions",
    "dynamicClientCertFallback",
    "dynamicClientCertIdle",
    "dynamicClientCertKey",
    "dynamicClientCertKeyAlgorithm",
    "dynamicClientCertLifetime",
    "dynamicClientCertProvenance",
    "dynamicClientCertRate",
    "dynamicClientCertSubject",
    "dynamicClientCertUnknownCritical",
    "dynamicClientCertUnknownStatus",
    "serverAuth",
    "zeroTouchCert",
];

/// Ours: NetScaler documents no way to name a zero-touch certificate for the back end.
pub(super) const ZERO_TOUCH_CERT: Attribute = text(
    "zeroTouchCert",
    "Name whose zero-touch certificate is shown to servers that ask for a client certificate.",
);
