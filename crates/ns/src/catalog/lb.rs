//! Load balancing: virtual servers and monitors.

use crate::catalog::attribute::{
    Attribute, choice, comment, expression, integer, ip, name, new_name, on_off, port, reference,
    text, toggle, yes_no,
};
use crate::catalog::basic::{
    DOWN_STATE_FLUSH, HTTP_PROFILE, NET_PROFILE, SERVICE_TYPES, TCP_PROFILE, TRAFFIC_DOMAIN,
};
use crate::catalog::resource::{
    ADD, BindingType, DISABLE, ENABLE, RENAME, RM, ResourceType, SET, SHOW, STAT, UNSET,
};
use crate::catalog::responder::{INVOKE, LABEL_NAME, LABEL_TYPE};
use crate::verb::Verb::{Add, Bind, Set, Unbind};

/// An address and port that clients connect to, and the services behind it.
pub static LB_VSERVER: ResourceType = ResourceType::new("lb vserver", "lbvserver")
    .doc("Address and port that clients connect to; spreads traffic over services.")
    .verbs(&[ADD, DISABLE, ENABLE, RENAME, RM, SET, SHOW, STAT, UNSET])
    .attributes(&[
        name("name", 127, "Name of the virtual server."),
        new_name(127),
        choice("serviceType", SERVICE_TYPES, "Protocol clients speak.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add]),
        VIP_ADDRESS,
        VIP_PORT,
        text("ipset", "Set of further addresses.").stored(),
        integer("range", 1, 254, "How many consecutive addresses.")
            .default("1")
            .only(&[Add])
            .stored(),
        choice(
            "persistenceType",
            &[
                "SOURCEIP",
                "COOKIEINSERT",
                "SSLSESSION",
                "RULE",
                "URLPASSIVE",
                "CUSTOMSERVERID",
                "DESTIP",
                "SRCIPDESTIP",
                "CALLID",
                "RTSPSID",
                "DIAMETER",
                "FIXSESSION",
                "USERSESSION",
                "NONE",
            ],
            "What keeps a client with its service.",
        )
        .default("NONE"),
        integer(
            "timeout",
            0,
            1440,
            "How long a client stays with its service.",
        )
        .unit("minutes")
        .default("2"),
        choice(
            "persistenceBackup",
            &["SOURCEIP", "NONE"],
            "Persistence when the first fails.",
        )
        .default("NONE")
        .stored(),
        integer(
            "backupPersistenceTimeout",
            2,
            1440,
            "How long the second persistence lasts.",
        )
        .unit("minutes")
        .default("2")
        .stored(),
        choice("lbMethod", LB_METHODS, "How the service is chosen.").default("LEASTCONNECTION"),
        integer(
            "hashLength",
            1,
            4096,
            "Bytes hashed by URL and domain methods.",
        )
        .default("80"),
        ip("netmask", "Bits of an IPv4 address that are hashed."),
        integer(
            "v6netmasklen",
            1,
            128,
            "Bits of an IPv6 address that are hashed.",
        )
        .default("128"),
        choice(
            "backupLBMethod",
            LB_METHODS,
            "Method when the first cannot be used.",
        )
        .default("ROUNDROBIN")
        .stored(),
        text("cookieName", "Name of the persistence cookie."),
        expression("rule", "Expression for rule persistence and token methods.").stored(),
        LISTEN_POLICY,
        LISTEN_PRIORITY,
        expression("resRule", "Expression over responses for rule persistence.").stored(),
        ip(
            "persistMask",
            "Bits of an IPv4 address that persistence looks at.",
        ),
        integer(
            "v6persistmasklen",
            1,
            128,
            "Bits of an IPv6 address that persistence looks at.",
        )
        .default("128"),
        on_off("rtspNat", "NAT for RTSP.").default("OFF").stored(),
        choice(
            "m",
            &["IP", "MAC", "IPTUNNEL", "TOS"],
            "How packets are redirected.",
        )
        .default("IP")
        .stored(),
        integer("tosId", 1, 63, "TOS identifier of redirection mode TOS.").stored(),
        integer("dataLength", 1, 100, "Length of the token.").stored(),
        integer("dataOffset", 0, 25_400, "Where the token begins.").stored(),
        toggle("sessionless", "Balance each packet.")
            .default("DISABLED")
            .stored(),
        toggle(
            "trofsPersistence",
            "Keep persistence to services that go out of service.",
        )
        .default("ENABLED")
        .stored(),
        STATE,
        choice(
            "connfailover",
            &["DISABLED", "STATEFUL", "STATELESS"],
            "Connection failover.",
        )
        .default("DISABLED")
        .stored(),
        text(
            "redirectURL",
            "Where clients are sent when no service is up.",
        )
        .nitro("redirurl"),
        CACHEABLE,
        CLT_TIMEOUT,
        SO_METHOD,
        SO_PERSISTENCE,
        SO_PERSISTENCE_TIMEOUT,
        integer(
            "healthThreshold",
            0,
            100,
            "Part of services that must be up.",
        )
        .unit("percent")
        .default("0")
        .stored(),
        SO_THRESHOLD,
        SO_BACKUP_ACTION,
        REDIRECT_PORT_REWRITE,
        DOWN_STATE_FLUSH,
        BACKUP_VSERVER,
        toggle(
            "disablePrimaryOnDown",
            "Stay with the backup once it was used.",
        )
        .default("DISABLED")
        .stored(),
        INSERT_VSERVER_IP_PORT,
        VIP_HEADER,
        AUTHENTICATION_HOST,
        AUTHENTICATION,
        AUTHN_401,
        AUTHN_VSERVER,
        AUTHN_PROFILE,
        PUSH,
        PUSH_VSERVER,
        PUSH_LABEL,
        PUSH_MULTI_CLIENTS,
        TCP_PROFILE,
        HTTP_PROFILE,
        text("dbProfileName", "Database profile.").stored(),
        comment(),
        on_off("l2Conn", "Layer 2 data belong to a connection's identity.").stored(),
        APPFLOW_LOG,
        NET_PROFILE,
        ICMP_RESPONSE,
        RHI_STATE,
        integer(
            "newServiceRequest",
            0,
            4_294_967_294,
            "Share given to a new service at first.",
        )
        .default("0")
        .stored(),
        choice(
            "newServiceRequestUnit",
            &["PER_SECOND", "PERCENT"],
            "Unit of that share.",
        )
        .default("PER_SECOND")
        .stored(),
        integer(
            "newServiceRequestIncrementInterval",
            0,
            3600,
            "How often that share grows.",
        )
        .unit("seconds")
        .default("0")
        .stored(),
        integer(
            "minAutoscaleMembers",
            0,
            5000,
            "Fewest members of an automatic group.",
        )
        .default("0")
        .stored(),
        integer(
            "maxAutoscaleMembers",
            0,
            5000,
            "Most members of an automatic group.",
        )
        .default("0")
        .stored(),
        choice(
            "skippersistency",
            &["Bypass", "ReLb", "None"],
            "What happens without persistence.",
        )
        .default("None")
        .stored(),
        TRAFFIC_DOMAIN,
        toggle("macmodeRetainvlan", "Keep the VLAN in MAC mode.")
            .default("DISABLED")
            .stored(),
        toggle("processLocal", "Cluster: do not steer packets.")
            .default("DISABLED")
            .stored(),
        DNS_PROFILE,
        text("lbprofilename", "Load balancing profile.").stored(),
        port(
            "redirectFromPort",
            "Port whose HTTP clients are redirected to https.",
        ),
        text(
            "httpsRedirectUrl",
            "Where clients of that port are redirected.",
        ),
        yes_no("retainConnectionsOnCluster", "Cluster: keep connections.")
            .default("NO")
            .stored(),
        text("quicProfileName", "QUIC profile.").stored(),
        integer(
            "tcpProbePort",
            1,
            65535,
            "Port for TCP probes of the virtual server.",
        )
        .stored(),
        choice(
            "probeProtocol",
            &["TCP", "HTTP"],
            "Protocol of such probes.",
        )
        .stored(),
        port("probePort", "Port of such probes.").stored(),
        text("apiProfile", "API profile.").stored(),
    ])
    .bindings(&[
        BindingType::new(
            "lbvserver_service_binding",
            &["serviceName"],
            &[
                reference(
                    "serviceName",
                    &["service", "serviceGroup"],
                    "Service or group.",
                )
                .nitro("servicename")
                .positional(&[Bind, Unbind])
                .required(&[Bind, Unbind]),
                integer("weight", 1, 100, "Share of traffic compared with others.").default("1"),
                integer("order", 1, 8192, "Order of preference.").stored(),
            ],
        )
        .doc("Service or service group that takes traffic.")
        .aliases(&[("lbvserver_servicegroup_binding", "servicegroupname")]),
        responder_binding("lbvserver_responderpolicy_binding")
            .aliases(&[("lbvserver_contentinspectionpolicy_binding", "policyname")]),
    ]);

const LB_METHODS: &[&str] = &[
    "ROUNDROBIN",
    "LEASTCONNECTION",
    "LEASTRESPONSETIME",
    "URLHASH",
    "DOMAINHASH",
    "DESTINATIONIPHASH",
    "SOURCEIPHASH",
    "SRCIPDESTIPHASH",
    "LEASTBANDWIDTH",
    "LEASTPACKETS",
    "TOKEN",
    "SRCIPSRCPORTHASH",
    "LRTM",
    "CALLIDHASH",
    "CUSTOMLOAD",
    "LEASTREQUEST",
    "AUDITLOGHASH",
    "STATICPROXIMITY",
    "USER_TOKEN",
];

/// Responder policies of a virtual server.
pub(super) const fn responder_binding(nitro: &'static str) -> BindingType {
    const ARGUMENTS: &[Attribute] = &[
        reference(
            "policyName",
            &["responder policy", "contentInspection policy"],
            "Responder or content inspection policy.",
        ),
        integer(
            "priority",
            1,
            4_294_967_295,
            "Lower numbers are looked at first.",
        ),
        text("gotoPriorityExpression", "What follows a match."),
        choice("type", &["REQUEST", "RESPONSE"], "When it is looked at.").nitro("bindpoint"),
        INVOKE,
        LABEL_TYPE,
        LABEL_NAME,
        integer("order", 1, 8192, "Order of preference.").stored(),
    ];
    BindingType::new(nitro, &["policyName"], ARGUMENTS)
        .doc("Responder or content inspection policy.")
}

pub(super) const APPFLOW_LOG: Attribute = toggle("appflowLog", "Log flows.")
    .default("ENABLED")
    .stored();
pub(super) const AUTHENTICATION: Attribute = on_off("Authentication", "Users must log in.")
    .default("OFF")
    .stored();
pub(super) const AUTHENTICATION_HOST: Attribute =
    text("AuthenticationHost", "Host name of the log-in server.").stored();
pub(super) const AUTHN_401: Attribute = on_off("authn401", "Users log in by HTTP 401.")
    .default("OFF")
    .stored();
pub(super) const AUTHN_PROFILE: Attribute = text("authnProfile", "Log-in profile.").stored();
pub(super) const AUTHN_VSERVER: Attribute = text("authnVsName", "Log-in virtual server.").stored();
pub(super) const BACKUP_VSERVER: Attribute = reference(
    "backupVServer",
    &["lb vserver", "cs vserver"],
    "Virtual server that takes over when this one is down.",
)
.saved_after();
pub(super) const CACHEABLE: Attribute = yes_no("cacheable", "Send requests to a cache first.")
    .default("NO")
    .stored();
pub(super) const CLT_TIMEOUT: Attribute = crate::catalog::basic::CLT_TIMEOUT;
pub(super) const DNS_PROFILE: Attribute = text("dnsProfileName", "DNS profile.").stored();
pub(super) const ICMP_RESPONSE: Attribute = choice(
    "icmpVsrResponse",
    &["PASSIVE", "ACTIVE"],
    "When the address answers a ping.",
)
.default("PASSIVE")
.stored();
pub(super) const INSERT_VSERVER_IP_PORT: Attribute = choice(
    "insertVserverIPPort",
    &["OFF", "VIPADDR", "V6TOV4MAPPING"],
    "Tell the server this address and port in a header.",
)
.tail("vipHeader")
.stored();
pub(super) const LISTEN_POLICY: Attribute =
    expression("Listenpolicy", "Which traffic is accepted.").stored();
pub(super) const LISTEN_PRIORITY: Attribute =
    integer("Listenpriority", 0, 101, "Priority of the listen policy.").stored();
pub(super) const PUSH: Attribute = toggle("push", "Use a push server.")
    .default("DISABLED")
    .stored();
pub(super) const PUSH_LABEL: Attribute =
    expression("pushLabel", "Expression for the push label.").stored();
pub(super) const PUSH_MULTI_CLIENTS: Attribute =
    yes_no("pushMultiClients", "Several push connections of a client.")
        .default("NO")
        .stored();
pub(super) const PUSH_VSERVER: Attribute = text("pushVserver", "Push virtual server.").stored();
pub(super) const REDIRECT_PORT_REWRITE: Attribute =
    toggle("redirectPortRewrite", "Rewrite the port of redirects.")
        .default("DISABLED")
        .stored();
pub(super) const RHI_STATE: Attribute = choice(
    "RHIstate",
    &["PASSIVE", "ACTIVE"],
    "When the route is announced.",
)
.default("PASSIVE")
.stored();
pub(super) const SO_BACKUP_ACTION: Attribute = choice(
    "soBackupAction",
    &["DROP", "ACCEPT", "REDIRECT"],
    "What happens to spill-over without backup.",
)
.stored();
pub(super) const SO_METHOD: Attribute = choice(
    "soMethod",
    &[
        "CONNECTION",
        "DYNAMICCONNECTION",
        "BANDWIDTH",
        "HEALTH",
        "NONE",
    ],
    "What makes traffic spill over to the backup.",
)
.stored();
pub(super) const SO_PERSISTENCE: Attribute =
    toggle("soPersistence", "Keep clients where they spilled over to.")
        .default("DISABLED")
        .stored();
pub(super) const SO_PERSISTENCE_TIMEOUT: Attribute =
    integer("soPersistenceTimeOut", 2, 1440, "How long they stay there.")
        .unit("minutes")
        .default("2")
        .stored();
pub(super) const SO_THRESHOLD: Attribute =
    integer("soThreshold", 1, 4_294_967_287, "When traffic spills over.").stored();
pub(super) const STATE: Attribute = toggle("state", "Whether it takes traffic.")
    .default("ENABLED")
    .only(&[Add]);
pub(super) const VIP_ADDRESS: Attribute = ip(
    "IPAddress",
    "Address; 0.0.0.0 is not reachable from outside.",
)
.nitro("ipv46")
.default("0.0.0.0")
.only(&[Add, Set])
.positional(&[Add]);
pub(super) const VIP_HEADER: Attribute =
    text("vipHeader", "Header with this address and port.").stored();
pub(super) const VIP_PORT: Attribute = port("port", "Port.")
    .default("0")
    .only(&[Add])
    .positional(&[Add]);
