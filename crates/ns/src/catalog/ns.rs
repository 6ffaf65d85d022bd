//! The appliance itself: configuration, features, modes, addresses, name servers, routes.

use crate::catalog::attribute::{
    Attribute, ENCRYPT_METHOD, ENCRYPTED, KEK, Kind, SUFFIX, choice, flag, integer, ip, list, port,
    secret, text, toggle, yes_no,
};
use crate::catalog::resource::{
    ADD, CLEAR, DIFF, DISABLE, ENABLE, RM, ResourceType, SAVE, SET, SHOW, STAT, UNSET,
};
use crate::verb::Verb::{Add, Clear, Diff, Disable, Enable, Save, Set, Unset};

/// A name server.
pub static DNS_NAME_SERVER: ResourceType = ResourceType::new("dns nameServer", "dnsnameserver")
    .doc("Name server that is asked.")
    .verbs(&[ADD, DISABLE, ENABLE, RM, SET, SHOW, UNSET])
    .attributes(&[
        Attribute::new(
            "IP",
            Kind::Host { when_ip: "ip" },
            "Address of the name server.",
        )
        .nitro("dnsvservername")
        .key(),
        flag("local", "It is on this appliance.")
            .only(&[Add])
            .stored(),
        toggle("state", "Whether it is asked.")
            .default("ENABLED")
            .only(&[Add])
            .stored(),
        choice(
            "type",
            &["UDP", "TCP", "UDP_TCP"],
            "Protocol it is asked with.",
        )
        .default("UDP")
        .only(&[Add])
        .stored(),
        text("dnsProfileName", "DNS profile.").stored(),
    ]);

/// The configuration as a whole.
pub static NS_CONFIG: ResourceType = ResourceType::new("ns config", "nsconfig")
    .doc("The appliance's own address, and the configuration as a whole.")
    .verbs(&[CLEAR, DIFF, SAVE, SET, SHOW, UNSET])
    .attributes(&[
        choice(
            "level",
            &["basic", "extended", "full"],
            "How much is cleared.",
        )
        .only(&[Clear])
        .positional(&[Clear])
        .required(&[Clear])
        .unsaved(),
        flag("force", "Do not ask.").only(&[Clear]).unsaved(),
        yes_no("RBAconfig", "Clear users and policies too.")
            .only(&[Clear])
            .unsaved(),
        flag("all", "All partitions.").only(&[Save]).unsaved(),
        text("config1", "File, or the running configuration.")
            .only(&[Diff])
            .positional(&[Diff])
            .unsaved(),
        text("config2", "File, or the saved configuration.")
            .only(&[Diff])
            .positional(&[Diff])
            .unsaved(),
        choice("outType", &["cli", "xml"], "Form of the result.")
            .only(&[Diff])
            .unsaved(),
        flag("template", "The second file is a template.")
            .only(&[Diff])
            .unsaved(),
        flag(
            "ignoreDeviceSpecific",
            "Leave out what is of one appliance only.",
        )
        .only(&[Diff])
        .unsaved(),
        ip("IPAddress", "Address of the appliance.")
            .only(&[Set])
            .stored(),
        ip("netmask", "Mask of that address.").only(&[Set]).stored(),
        integer("nsvlan", 2, 4094, "VLAN of that address.")
            .only(&[Set, Unset])
            .stored(),
        list("ifnum", &[], "Interfaces of that VLAN.")
            .only(&[Set])
            .stored(),
        yes_no("tagged", "Packets of that VLAN are tagged.")
            .default("YES")
            .only(&[Set])
            .stored(),
        text("timezone", "Time zone.").only(&[Set, Unset]).stored(),
    ]);

/// The key that enciphers secrets in ns.conf.
pub static NS_ENCRYPTION_PARAMS: ResourceType =
    ResourceType::new("ns encryptionParams", "nsencryptionparams")
        .doc("Key that enciphers data of the appliance.")
        .verbs(&[SET, SHOW])
        .attributes(&[
            choice(
                "method",
                &[
                    "NONE",
                    "RC4",
                    "DES3",
                    "AES128",
                    "AES192",
                    "AES256",
                    "DES",
                    "DES-CBC",
                    "DES-CFB",
                    "DES-OFB",
                    "DES-ECB",
                    "DES3-CBC",
                    "DES3-CFB",
                    "DES3-OFB",
                    "DES3-ECB",
                    "AES128-CBC",
                    "AES128-CFB",
                    "AES128-OFB",
                    "AES128-ECB",
                    "AES192-CBC",
                    "AES192-CFB",
                    "AES192-OFB",
                    "AES192-ECB",
                    "AES256-CBC",
                    "AES256-CFB",
                    "AES256-OFB",
                    "AES256-ECB",
                ],
                "Cipher.",
            )
            .stored(),
            Attribute::new("keyValue", Kind::Secret, "The key, in its stored form.").stored(),
            ENCRYPTED,
            ENCRYPT_METHOD,
            KEK,
            SUFFIX,
        ]);

/// What is switched on.
pub static NS_FEATURE: ResourceType = ResourceType::new("ns feature", "nsfeature")
    .doc("Features that are switched on.")
    .verbs(&[DISABLE, ENABLE, SHOW])
    .attributes(&[list(
        "feature",
        &[
            "WL",
            "SP",
            "LB",
            "CS",
            "CR",
            "SC",
            "CMP",
            "PQ",
            "SSL",
            "GSLB",
            "HDOSP",
            "CF",
            "IC",
            "SSLVPN",
            "AAA",
            "OSPF",
            "RIP",
            "BGP",
            "REWRITE",
            "IPv6PT",
            "AppFw",
            "RESPONDER",
            "HTMLInjection",
            "PUSH",
            "AppFlow",
            "CloudBridge",
            "ISIS",
            "CH",
            "AppQoE",
            "ContentAccelerator",
            "RISE",
            "FEO",
            "LSN",
            "RDPProxy",
            "Rep",
            "URLFiltering",
            "VideoOptimization",
            "ForwardProxy",
            "SSLInterception",
            "AdaptiveTCP",
            "CQA",
            "CI",
            "Bot",
            "APIGateway",
        ],
        "Features.",
    )
    .only(&[Enable, Disable])
    .positional(&[Enable, Disable])
    .required(&[Enable, Disable])]);

/// The machine.
pub static NS_HARDWARE: ResourceType = ResourceType::new("ns hardware", "nshardware")
    .doc("The machine.")
    .verbs(&[SHOW]);

/// The appliance's name.
pub static NS_HOST_NAME: ResourceType = ResourceType::new("ns hostName", "nshostname")
    .doc("The appliance's name.")
    .verbs(&[SET, SHOW])
    .attributes(&[Attribute::new("hostName", Kind::Name(255), "Name.")
        .only(&[Set])
        .positional(&[Set])
        .required(&[Set])]);

/// An address of the appliance.
pub static NS_IP: ResourceType = ResourceType::new("ns ip", "nsip")
    .doc("Address of the appliance (kept only: addresses are the system's).")
    .verbs(&[ADD, DISABLE, ENABLE, RM, SET, SHOW, STAT, UNSET])
    .attributes(&[
        ip("IPAddress", "Address.").key(),
        ip("netmask", "Mask.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add])
            .stored(),
        choice(
            "type",
            &["MIP", "SNIP", "VIP", "NSIP", "GSLBsiteIP", "CLIP", "LSN"],
            "Role of the address.",
        )
        .default("SNIP")
        .only(&[Add])
        .stored(),
        toggle("arp", "Answer ARP.").default("ENABLED").stored(),
        toggle("icmp", "Answer pings.").default("ENABLED").stored(),
        toggle("vServer", "Virtual servers may use it.")
            .default("ENABLED")
            .stored(),
        toggle("telnet", "Telnet (never offered).").stored(),
        toggle("ftp", "FTP (never offered).").stored(),
        choice(
            "gui",
            &["ENABLED", "SECUREONLY", "DISABLED"],
            "Web interface.",
        )
        .stored(),
        toggle("ssh", "SSH.").stored(),
        toggle("snmp", "SNMP.").stored(),
        toggle("mgmtAccess", "Management.")
            .default("DISABLED")
            .stored(),
        toggle("restrictAccess", "Only management.")
            .default("DISABLED")
            .stored(),
        toggle("dynamicRouting", "Routing protocols.")
            .default("DISABLED")
            .stored(),
        toggle("hostRoute", "Announce a host route.").stored(),
        ip("hostRtGw", "Gateway of the host route.").stored(),
        integer("metric", 0, 16_777_215, "Metric of the host route.").stored(),
        choice(
            "vserverRHILevel",
            &["ONE_VSERVER", "ALL_VSERVERS", "NONE"],
            "When it is announced.",
        )
        .stored(),
        toggle("state", "Whether it is used.")
            .default("ENABLED")
            .only(&[Add])
            .stored(),
        integer("td", 0, 4094, "Traffic domain.")
            .default("0")
            .only(&[Add])
            .stored(),
    ]);

/// How packets are handled.
pub static NS_MODE: ResourceType = ResourceType::new("ns mode", "nsmode")
    .doc("Modes of packet handling (kept only).")
    .verbs(&[DISABLE, ENABLE, SHOW])
    .attributes(&[list(
        "mode",
        &[
            "FR",
            "L2",
            "USIP",
            "CKA",
            "TCPB",
            "MBF",
            "Edge",
            "USNIP",
            "L3",
            "PMTUD",
            "MediaClassification",
            "SRADV",
            "DRADV",
            "IRADV",
            "SRADV6",
            "DRADV6",
            "BridgeBPDUs",
            "RISE_APBR",
            "RISE_RHI",
            "ULFD",
        ],
        "Modes.",
    )
    .only(&[Enable, Disable])
    .positional(&[Enable, Disable])
    .required(&[Enable, Disable])
    .stored()]);

/// Settings of the appliance.
pub static NS_PARAM: ResourceType = ResourceType::new("ns param", "nsparam")
    .doc("Settings of the appliance.")
    .verbs(&[SET, SHOW, UNSET])
    .attributes(&[
        list("httpPort", &[], "Ports on which HTTP is recognised.").stored(),
        integer("maxConn", 0, 4_294_967_294, "Most connections to a server.")
            .default("0")
            .stored(),
        integer("maxReq", 0, 65535, "Most requests on a connection.")
            .default("0")
            .stored(),
        toggle("cip", "Tell servers the client's address in a header.")
            .default("DISABLED")
            .tail("cipHeader"),
        text("cipHeader", "Header with the client's address."),
        choice("cookieversion", &["0", "1"], "Version of inserted cookies.")
            .default("0")
            .stored(),
        toggle("secureCookie", "Inserted cookies are secure.")
            .default("ENABLED")
            .stored(),
        integer("pmtuMin", 168, 1500, "Smallest path MTU.")
            .unit("bytes")
            .default("576")
            .stored(),
        integer("pmtuTimeout", 1, 1440, "How long a path MTU is kept.")
            .unit("minutes")
            .default("10")
            .stored(),
        text("ftpPortRange", "Ports of FTP data connections.").stored(),
        text("crPortRange", "Ports of cache redirection.").stored(),
        text("timezone", "Time zone.").stored(),
        integer("grantQuotaMaxClient", 0, 100, "Quota of clients.")
            .default("10")
            .stored(),
        integer("exclusiveQuotaMaxClient", 0, 100, "Exclusive quota.")
            .default("80")
            .stored(),
        integer("grantQuotaSpillOver", 0, 100, "Quota of spill-over.")
            .default("10")
            .stored(),
        integer("exclusiveQuotaSpillOver", 0, 100, "Exclusive quota.")
            .default("80")
            .stored(),
        toggle("useproxyport", "Use an own source port towards servers.").stored(),
        toggle("internaluserlogin", "Internal user.").stored(),
        toggle("aftpAllowRandomSourcePort", "Any source port of FTP data.").stored(),
        list("icaPorts", &[], "Ports of ICA.").stored(),
        toggle(
            "tcpCIP",
            "Tell servers the client's address in a TCP option.",
        )
        .stored(),
        list("secureicaPorts", &[], "Ports of secure ICA.").stored(),
        port("mgmtHttpPort", "Port of management by HTTP.")
            .default("80")
            .stored(),
        port("mgmtHttpsPort", "Port of management by HTTPS.")
            .default("443")
            .stored(),
        toggle("proxyProtocol", "PROXY protocol.").stored(),
        toggle("advancedAnalyticsStats", "Analytics.").stored(),
        integer("ipttl", 1, 255, "TTL of packets.")
            .default("255")
            .stored(),
    ]);

/// Credentials for another node.
pub static NS_RPC_NODE: ResourceType = ResourceType::new("ns rpcNode", "nsrpcnode")
    .doc("Credentials for talking to another node (kept only).")
    .verbs(&[SET, SHOW, UNSET])
    .attributes(&[
        ip("IPAddress", "Address of the node.").key(),
        secret("password", "Password of the node.").stored(),
        ENCRYPTED,
        ENCRYPT_METHOD,
        KEK,
        SUFFIX,
        text("srcIP", "Own address used.").stored(),
        choice("secure", &["YES", "NO", "ON", "OFF"], "Use SSL.").stored(),
        yes_no("validateCert", "Verify the node's certificate.").stored(),
    ]);

/// The configuration in effect.
pub static NS_RUNNING_CONFIG: ResourceType =
    ResourceType::new("ns runningConfig", "nsrunningconfig")
        .doc("The configuration in effect, as ns.conf.")
        .verbs(&[SHOW])
        .attributes(&[flag("withDefaults", "Show default values too.")
            .only(&[crate::verb::Verb::Show])
            .unsaved()]);

/// The configuration as last saved.
pub static NS_SAVED_CONFIG: ResourceType = ResourceType::new("ns savedConfig", "nssavedconfig")
    .doc("The configuration as last saved.")
    .verbs(&[SHOW]);

/// The program's version.
pub static NS_VERSION: ResourceType = ResourceType::new("ns version", "nsversion")
    .doc("The program's version.")
    .verbs(&[SHOW])
    .attributes(&[flag("installedVersion", "The installed one.")
        .only(&[crate::verb::Verb::Show])
        .unsaved()]);

/// A route.
pub static ROUTE: ResourceType = ResourceType::new("route", "route")
    .doc("Route (kept only: routes are the system's).")
    .verbs(&[ADD, RM, SHOW])
    .attributes(&[
        ip("network", "Destination.").key(),
        ip("netmask", "Mask of the destination.").key(),
        ip("gateway", "Next hop.").key(),
        integer("distance", 0, 255, "Administrative distance.").stored(),
        integer("cost", 0, 65535, "Cost.").stored(),
        integer("weight", 1, 65535, "Weight among equal routes.").stored(),
        toggle("advertise", "Announce it.").stored(),
        toggle("msr", "Watch the next hop.").stored(),
        text("monitor", "Monitor of the next hop.").stored(),
        integer("td", 0, 4094, "Traffic domain.")
            .default("0")
            .stored(),
    ]);
