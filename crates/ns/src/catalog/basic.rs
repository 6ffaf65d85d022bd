//! Servers, services and service groups.

use crate::catalog::attribute::{
    Attribute, Kind, choice, comment, flag, integer, name, new_name, on_off, port, reference, text,
    toggle, yes_no,
};
use crate::catalog::resource::{
    ADD, BindingType, DISABLE, ENABLE, RENAME, RM, ResourceType, SET, SHOW, STAT, UNSET,
};
use crate::codes;
use crate::verb::Verb::{Add, Bind, Disable, Enable, Set, Unbind};

/// Protocols of virtual servers, services and groups.
pub(super) const SERVICE_TYPES: &[&str] = &[
    "ADNS",
    "ADNS_TCP",
    "ANY",
    "DHCPRA",
    "DIAMETER",
    "DNS",
    "DNS_TCP",
    "DTLS",
    "FIX",
    "FTP",
    "GRE",
    "HTTP",
    "HTTP_QUIC",
    "IPFIX",
    "LOGSTREAM",
    "LOGSTREAM_SSL",
    "MONGO",
    "MONGO_TLS",
    "MQTT",
    "MQTT_TLS",
    "MSSQL",
    "MYSQL",
    "NNTP",
    "ORACLE",
    "PPTP",
    "PROXY",
    "QUIC",
    "QUIC_BRIDGE",
    "RADIUS",
    "RADIUSListener",
    "RDP",
    "RPCSVR",
    "RTSP",
    "SIP_SSL",
    "SIP_TCP",
    "SIP_UDP",
    "SMPP",
    "SNMP",
    "SSL",
    "SSL_BRIDGE",
    "SSL_DIAMETER",
    "SSL_FIX",
    "SSL_TCP",
    "SYSLOGTCP",
    "SYSLOGUDP",
    "TCP",
    "TFTP",
    "UDP",
    "USER_SSL_TCP",
    "USER_TCP",
];

/// A machine that hosts services.
pub static SERVER: ResourceType = ResourceType::new("server", "server")
    .doc("Machine that hosts services, by address or domain.")
    .verbs(&[ADD, DISABLE, ENABLE, RENAME, RM, SET, SHOW, UNSET])
    .missing(&codes::NO_SUCH_SERVER)
    .attributes(&[
        name("name", 255, "Name of the server."),
        new_name(255),
        Attribute::new(
            "IPAddress",
            Kind::Host {
                when_ip: "ipaddress",
            },
            "Address, or domain to be resolved.",
        )
        .nitro("domain")
        .only(&[Add, Set])
        .positional(&[Add])
        .required(&[Add]),
        text("translationIp", "Address the resolved one is turned into.").stored(),
        text("translationMask", "Which bits of it count.").stored(),
        integer("domainResolveRetry", 5, 20_939, "Wait between resolutions.")
            .unit("seconds")
            .default("5")
            .stored(),
        toggle("state", "Whether it takes traffic.")
            .default("ENABLED")
            .only(&[Add]),
        yes_no("ipv6Address", "Resolve to IPv6.")
            .default("NO")
            .only(&[Add])
            .stored(),
        comment(),
        TRAFFIC_DOMAIN,
        choice("queryType", &["A", "AAAA", "SRV"], "DNS query type.")
            .default("A")
            .only(&[Add])
            .stored(),
        DELAY,
        GRACEFUL,
    ]);

/// A program on a server, at one port.
pub static SERVICE: ResourceType = ResourceType::new("service", "service")
    .doc("Program on a server, reached at one port with one protocol.")
    .verbs(&[ADD, DISABLE, ENABLE, RENAME, RM, SET, SHOW, STAT, UNSET])
    .missing(&codes::NO_SERVICE)
    .attributes(&[
        name("name", 127, "Name of the service."),
        new_name(127),
        Attribute::new(
            "serverName",
            Kind::Host { when_ip: "ip" },
            "Server, or the address of one.",
        )
        .only(&[Add])
        .positional(&[Add])
        .required(&[Add]),
        choice("serviceType", SERVICE_TYPES, "Protocol.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add]),
        port("port", "Port of the program.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add]),
        crate::catalog::attribute::ip("IPAddress", "New address.")
            .only(&[Set])
            .unsaved(),
        choice("gslb", &["REMOTE", "LOCAL", "NONE"], "Role in GSLB.")
            .default("NONE")
            .only(&[Add])
            .stored(),
        CLEAR_TEXT_PORT,
        CACHE_TYPE,
        MAX_CLIENT,
        HEALTH_MONITOR,
        MAX_REQ,
        CACHEABLE,
        CIP,
        CIP_HEADER,
        USIP,
        PATH_MONITOR,
        PATH_MONITOR_INDV,
        USE_PROXY_PORT,
        SP,
        RTSP_SESSION_REMAP,
        CLT_TIMEOUT,
        SVR_TIMEOUT,
        CUSTOM_SERVER_ID,
        SERVER_ID,
        CKA,
        TCPB,
        CMP,
        MAX_BANDWIDTH,
        yes_no("accessDown", "Bridge packets while it is down.")
            .default("NO")
            .stored(),
        MON_THRESHOLD,
        STATE,
        DOWN_STATE_FLUSH,
        TCP_PROFILE,
        HTTP_PROFILE,
        text(
            "contentInspectionProfileName",
            "Content inspection profile.",
        )
        .stored(),
        HASH_ID,
        comment(),
        APPFLOW_LOG,
        NET_PROFILE,
        TRAFFIC_DOMAIN,
        PROCESS_LOCAL,
        text("dnsProfileName", "DNS profile.").stored(),
        MON_CONNECTION_CLOSE,
        DELAY,
        GRACEFUL,
    ])
    .bindings(&[MONITOR_OF_SERVICE]);

/// Several servers that offer the same program.
pub static SERVICE_GROUP: ResourceType = ResourceType::new("serviceGroup", "servicegroup")
    .doc("Several servers that offer the same program with one protocol.")
    .verbs(&[ADD, DISABLE, ENABLE, RENAME, RM, SET, SHOW, STAT, UNSET])
    .missing(&codes::NO_SUCH_RESOURCE)
    .attributes(&[
        name("serviceGroupName", 127, "Name of the group."),
        new_name(127),
        Attribute::new(
            "serverName",
            Kind::Host { when_ip: "ip" },
            "Server of the one member meant.",
        )
        .only(&[Enable, Disable])
        .positional(&[Enable, Disable])
        .requires(&["port"])
        .unsaved(),
        port("port", "Port of the one member meant.")
            .only(&[Enable, Disable])
            .positional(&[Enable, Disable])
            .requires(&["serverName"])
            .unsaved(),
        choice("serviceType", SERVICE_TYPES, "Protocol.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add]),
        CACHE_TYPE,
        TRAFFIC_DOMAIN,
        MAX_CLIENT,
        MAX_REQ,
        CACHEABLE,
        CIP,
        CIP_HEADER,
        USIP,
        PATH_MONITOR,
        PATH_MONITOR_INDV,
        USE_PROXY_PORT,
        HEALTH_MONITOR,
        SP,
        RTSP_SESSION_REMAP,
        CLT_TIMEOUT,
        SVR_TIMEOUT,
        CKA,
        TCPB,
        CMP,
        MAX_BANDWIDTH,
        MON_THRESHOLD,
        STATE,
        DOWN_STATE_FLUSH,
        TCP_PROFILE,
        HTTP_PROFILE,
        comment(),
        APPFLOW_LOG,
        NET_PROFILE,
        choice(
            "autoScale",
            &["DISABLED", "DNS", "POLICY", "CLOUD", "API"],
            "Where members come from.",
        )
        .default("DISABLED")
        .stored(),
        port("memberPort", "Port of members that come by themselves.").stored(),
        yes_no("autoDisablegraceful", "Let members finish before they go.")
            .default("NO")
            .stored(),
        integer(
            "autoDisabledelay",
            0,
            4_294_967_294,
            "How long members may finish.",
        )
        .unit("seconds")
        .stored(),
        MON_CONNECTION_CLOSE,
        DELAY,
        GRACEFUL,
    ])
    .bindings(&[
        BindingType::new(
            "servicegroup_servicegroupmember_binding",
            &["serverName"],
            &[
                Attribute::new(
                    "serverName",
                    Kind::Host { when_ip: "ip" },
                    "Server, or the address of one.",
                )
                .positional(&[Bind, Unbind])
                .required(&[Bind, Unbind]),
                port("port", "Port of the program.")
                    .positional(&[Bind, Unbind])
                    .required(&[Bind, Unbind]),
                WEIGHT,
                CUSTOM_SERVER_ID,
                SERVER_ID,
                toggle("state", "Whether it takes traffic.").default("ENABLED"),
                HASH_ID,
                text("nameServer", "Name server for its domain.").stored(),
                integer("dbsTTL", 0, 4_294_967_294, "TTL of its domain.")
                    .unit("seconds")
                    .stored(),
                integer("order", 1, 8192, "Order of preference.").stored(),
            ],
        )
        .doc("Member: a server and port.")
        .identity(&["serverName", "port"]),
        BindingType::new(
            "servicegroup_lbmonitor_binding",
            &["monitorName"],
            &[
                MONITOR_NAME,
                MON_STATE,
                integer("weight", 1, 100, "How much the monitor counts.").default("1"),
                PASSIVE,
            ],
        )
        .doc("Monitor that probes the members."),
    ]);

const MONITOR_OF_SERVICE: BindingType = BindingType::new(
    "service_lbmonitor_binding",
    &["monitorName"],
    &[
        MONITOR_NAME,
        MON_STATE,
        integer("weight", 1, 100, "How much the monitor counts.").default("1"),
        PASSIVE,
    ],
)
.doc("Monitor that probes the service.");

const MONITOR_NAME: Attribute =
    reference("monitorName", &["lb monitor"], "Monitor.").nitro("monitor_name");
const MON_STATE: Attribute = toggle("monState", "Whether it probes.")
    .default("ENABLED")
    .nitro("monstate");
const PASSIVE: Attribute = flag("passive", "It counts load and does not decide.");
const APPFLOW_LOG: Attribute = toggle("appflowLog", "Log flows.")
    .default("ENABLED")
    .stored();
const CACHEABLE: Attribute = yes_no("cacheable", "Send requests to a cache first.")
    .default("NO")
    .stored();
const CACHE_TYPE: Attribute = choice(
    "cacheType",
    &["TRANSPARENT", "REVERSE", "FORWARD"],
    "Kind of cache server.",
)
.only(&[Add])
.stored();
const CIP: Attribute =
    toggle("cip", "Tell the server the client's address in a header.").tail("cipHeader");
const CIP_HEADER: Attribute = text("cipHeader", "Header with the client's address.");
const CKA: Attribute = yes_no("CKA", "Keep client connections open.").stored();
const CLEAR_TEXT_PORT: Attribute = port("clearTextPort", "Port for clear text.")
    .only(&[Add])
    .stored();
pub(super) const CLT_TIMEOUT: Attribute = integer(
    "cltTimeout",
    0,
    31_536_000,
    "Idle time after which a client connection is closed.",
)
.unit("seconds");
const CMP: Attribute = yes_no("CMP", "Compress.").stored();
const CUSTOM_SERVER_ID: Attribute =
    text("CustomServerID", "Identifier for custom persistence.").stored();
const DELAY: Attribute = integer(
    "delay",
    0,
    4_294_967_294,
    "How long connections may finish.",
)
.unit("seconds")
.only(&[Disable])
.unsaved();
pub(super) const DOWN_STATE_FLUSH: Attribute =
    toggle("downStateFlush", "Close connections when it goes down.")
        .default("ENABLED")
        .stored();
const GRACEFUL: Attribute = yes_no("graceFul", "Wait for connections to finish.")
    .only(&[Disable])
    .unsaved();
const HASH_ID: Attribute = integer(
    "hashId",
    1,
    4_294_967_294,
    "Identifier for hashing methods.",
)
.stored();
const HEALTH_MONITOR: Attribute = yes_no("healthMonitor", "Probe it.").default("YES");
pub(super) const HTTP_PROFILE: Attribute =
    reference("httpProfileName", &["ns httpProfile"], "HTTP profile.");
const MAX_BANDWIDTH: Attribute = integer("maxBandwidth", 0, 4_294_967_287, "Bandwidth limit.")
    .unit("Kbps")
    .stored();
const MAX_CLIENT: Attribute = integer(
    "maxClient",
    0,
    4_294_967_294,
    "Most connections at a time; 0 is no limit.",
)
.default("0");
const MAX_REQ: Attribute = integer(
    "maxReq",
    0,
    65535,
    "Most requests on a connection; 0 is no limit.",
)
.default("0");
const MON_CONNECTION_CLOSE: Attribute = choice(
    "monConnectionClose",
    &["RESET", "FIN", "NONE"],
    "How monitoring connections are closed.",
)
.default("NONE")
.stored();
const MON_THRESHOLD: Attribute = integer(
    "monThreshold",
    0,
    65535,
    "Weight of monitors needed to be up.",
)
.default("0");
pub(super) const NET_PROFILE: Attribute = text("netProfile", "Network profile.").stored();
const PATH_MONITOR: Attribute = yes_no("pathMonitor", "Cluster: monitor paths.").stored();
const PATH_MONITOR_INDV: Attribute =
    yes_no("pathMonitorIndv", "Cluster: monitor each path.").stored();
const PROCESS_LOCAL: Attribute = toggle("processLocal", "Cluster: do not steer packets.")
    .default("DISABLED")
    .stored();
const RTSP_SESSION_REMAP: Attribute = on_off("rtspSessionidRemap", "Map RTSP session identifiers.")
    .default("OFF")
    .stored();
const SERVER_ID: Attribute = integer(
    "serverID",
    0,
    4_294_967_294,
    "Numeric identifier for custom persistence.",
)
.stored();
const SP: Attribute = on_off("sp", "Surge protection.").stored();
const STATE: Attribute = toggle("state", "Whether it takes traffic.")
    .default("ENABLED")
    .only(&[Add]);
const SVR_TIMEOUT: Attribute = integer(
    "svrTimeout",
    0,
    31_536_000,
    "Idle time after which a server connection is closed.",
)
.unit("seconds");
const TCPB: Attribute = yes_no("TCPB", "Buffer the server's data.").stored();
pub(super) const TCP_PROFILE: Attribute =
    reference("tcpProfileName", &["ns tcpProfile"], "TCP profile.");
pub(super) const TRAFFIC_DOMAIN: Attribute = integer("td", 0, 4094, "Traffic domain.")
    .default("0")
    .only(&[Add])
    .stored();
const USE_PROXY_PORT: Attribute =
    yes_no("useproxyport", "Use an own source port towards the server.").stored();
const USIP: Attribute = yes_no("usip", "Use the client's address towards the server.").stored();
const WEIGHT: Attribute =
    integer("weight", 1, 100, "Share of traffic compared with others.").default("1");
