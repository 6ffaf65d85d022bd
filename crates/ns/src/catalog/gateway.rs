//! Gateway and authentication virtual servers, kept as configuration: what they need of certificates is here.

use crate::catalog::attribute::{
    Attribute, choice, comment, integer, list, name, new_name, on_off, reference, text, toggle,
};
use crate::catalog::basic::{
    DOWN_STATE_FLUSH, HTTP_PROFILE, NET_PROFILE, TCP_PROFILE, TRAFFIC_DOMAIN,
};
use crate::catalog::lb::{
    APPFLOW_LOG, ICMP_RESPONSE, LISTEN_POLICY, LISTEN_PRIORITY, RHI_STATE, STATE, VIP_ADDRESS,
    VIP_PORT,
};
use crate::catalog::resource::{
    ADD, BindingType, DISABLE, ENABLE, RENAME, RM, ResourceType, SET, SHOW, STAT, UNSET,
};
use crate::codes;
use crate::verb::Verb::Add;

/// A virtual server that users log in at.
pub static AUTHENTICATION_VSERVER: ResourceType =
    ResourceType::new("authentication vserver", "authenticationvserver")
        .doc("Virtual server that users log in at (kept only, but for its certificates).")
        .verbs(&[ADD, DISABLE, ENABLE, RENAME, RM, SET, SHOW, STAT, UNSET])
        .attributes(&[
            name("name", 127, "Name of the virtual server."),
            new_name(127),
            choice("serviceType", &["SSL"], "Protocol clients speak.")
                .only(&[Add])
                .positional(&[Add])
                .required(&[Add])
                .stored(),
            VIP_ADDRESS.stored(),
            VIP_PORT.stored(),
            integer("range", 1, 254, "How many consecutive addresses.")
                .default("1")
                .only(&[Add])
                .stored(),
            STATE,
            on_off("authentication", "Users must log in.")
                .default("ON")
                .stored(),
            text("AuthenticationDomain", "Domain of the log-in cookie.").stored(),
            comment(),
            TRAFFIC_DOMAIN,
            APPFLOW_LOG,
            LOGIN_ATTEMPTS,
            LOGIN_TIMEOUT,
            CERTKEY_NAMES,
            SAME_SITE,
        ]);

/// What holds for all gateway virtual servers.
pub static VPN_GLOBAL: ResourceType = ResourceType::new("vpn global", "vpnglobal")
    .doc("What holds for all gateway virtual servers.")
    .verbs(&[SHOW])
    .bindings(&[
        certkey_binding(
            &["certkeyName"],
            &[
                reference(
                    "certkeyName",
                    &["ssl certKey"],
                    "Certificate that signs tokens.",
                )
                .stored(),
                GOTO,
            ],
        )
        .doc("Certificate that signs tokens."),
        certkey_binding(
            &["cacert"],
            &[
                reference("cacert", &["ssl certKey"], "Certificate of a CA.").stored(),
                choice(
                    "crlCheck",
                    &["Mandatory", "Optional"],
                    "Check the CA's CRL.",
                )
                .excludes(&["ocspCheck"])
                .stored(),
                choice("ocspCheck", &["Mandatory", "Optional"], "Check by OCSP.").stored(),
                GOTO,
            ],
        )
        .doc("Certificate of a CA."),
        certkey_binding(
            &["userDataEncryptionKey"],
            &[
                reference(
                    "userDataEncryptionKey",
                    &["ssl certKey"],
                    "Certificate that enciphers users' data.",
                )
                .stored(),
                GOTO,
            ],
        )
        .doc("Certificate that enciphers users' data."),
    ]);

/// A gateway virtual server.
pub static VPN_VSERVER: ResourceType = ResourceType::new("vpn vserver", "vpnvserver")
    .doc("Gateway virtual server (kept only, but for its certificates).")
    .verbs(&[ADD, DISABLE, ENABLE, RENAME, RM, SET, SHOW, STAT, UNSET])
    .attributes(&[
        name("name", 127, "Name of the virtual server."),
        new_name(127),
        choice(
            "serviceType",
            &["SSL", "DTLS", "HTTP"],
            "Protocol clients speak.",
        )
        .only(&[Add])
        .positional(&[Add])
        .required(&[Add])
        .stored(),
        VIP_ADDRESS.stored(),
        VIP_PORT.stored(),
        text("ipset", "Set of further addresses.").stored(),
        integer("range", 1, 254, "How many consecutive addresses.")
            .default("1")
            .only(&[Add])
            .stored(),
        STATE,
        on_off("authentication", "Users must log in.")
            .default("ON")
            .stored(),
        toggle("doubleHop", "Two gateways in a row.")
            .default("DISABLED")
            .stored(),
        integer(
            "maxAAAUsers",
            0,
            4_294_967_294,
            "Most users; 0 is as many as licensed.",
        )
        .default("0")
        .stored(),
        on_off("icaOnly", "ICA only, no VPN.")
            .default("OFF")
            .stored(),
        on_off("icaProxySessionMigration", "Sessions follow their users.")
            .default("OFF")
            .stored(),
        on_off("dtls", "DTLS on the same port.")
            .default("ON")
            .stored(),
        on_off("loginOnce", "Users log in once.")
            .default("OFF")
            .stored(),
        on_off("advancedEpa", "Advanced end point analysis.")
            .default("OFF")
            .stored(),
        on_off("deviceCert", "Demand a device certificate.")
            .default("OFF")
            .stored(),
        CERTKEY_NAMES,
        DOWN_STATE_FLUSH,
        LISTEN_POLICY,
        LISTEN_PRIORITY,
        TCP_PROFILE,
        HTTP_PROFILE,
        comment(),
        APPFLOW_LOG,
        ICMP_RESPONSE,
        RHI_STATE,
        NET_PROFILE,
        toggle("cginfraHomePageRedirect", "Send users to the home page.")
            .default("ENABLED")
            .stored(),
        LOGIN_ATTEMPTS,
        LOGIN_TIMEOUT,
        on_off("l2Conn", "Layer 2 data belong to a connection's identity.").stored(),
        choice(
            "deploymentType",
            &[
                "NONE",
                "ICA_WEBINTERFACE",
                "ICA_STOREFRONT",
                "MOBILITY",
                "WIONNS",
            ],
            "What it is for.",
        )
        .default("NONE")
        .stored(),
        text("rdpServerProfileName", "RDP server profile.").stored(),
        on_off(
            "logoutOnSmartcardRemoval",
            "Log out when the smart card is taken away.",
        )
        .default("OFF")
        .stored(),
        list("userDomains", &[], "Domains of the users.").stored(),
        text("authnProfile", "Log-in profile.").stored(),
        text("vserverFqdn", "Name clients know it by.").stored(),
        text("pcoipVserverProfileName", "PCoIP profile.").stored(),
        SAME_SITE,
        text("quicProfileName", "QUIC profile.").stored(),
        toggle("devicePosture", "Check the device's posture.")
            .default("DISABLED")
            .stored(),
    ]);

const fn certkey_binding(
    selectors: &'static [&'static str],
    attributes: &'static [Attribute],
) -> BindingType {
    BindingType::new("vpnglobal_sslcertkey_binding", selectors, attributes)
        .replaceable()
        .missing(&codes::CERTIFICATE_BINDING_MISSING)
}

const CERTKEY_NAMES: Attribute = text(
    "certkeyNames",
    "Certificate that signs device certificates.",
)
.stored();
const GOTO: Attribute = text("gotoPriorityExpression", "What follows a match.").stored();
const LOGIN_ATTEMPTS: Attribute = integer(
    "maxLoginAttempts",
    1,
    255,
    "Attempts before a user is locked out.",
)
.stored();
const LOGIN_TIMEOUT: Attribute = integer(
    "failedLoginTimeout",
    1,
    4_294_967_294,
    "How long a user is locked out.",
)
.unit("minutes")
.stored();
const SAME_SITE: Attribute = choice(
    "samesite",
    &["None", "LAX", "STRICT"],
    "SameSite of cookies.",
)
.stored();
