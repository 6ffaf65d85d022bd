//! Monitors: probes that tell whether a service is up.

use crate::catalog::attribute::{
    Attribute, ENCRYPT_METHOD, ENCRYPTED, KEK, Kind, SUFFIX, choice, expression, flag, integer, ip,
    list, name, port, reference, secret, text, toggle, yes_no,
};
use crate::catalog::basic::NET_PROFILE;
use crate::catalog::resource::{
    ADD, BindingType, DISABLE, ENABLE, RM, ResourceType, SET, SHOW, UNSET,
};
use crate::codes;
use crate::verb::Verb::{Add, Bind, Rm, Set, Unbind, Unset};

/// A probe that tells whether a service is up.
pub static LB_MONITOR: ResourceType = ResourceType::new("lb monitor", "lbmonitor")
    .doc("Probe that tells whether a service is up.")
    .verbs(&[ADD, DISABLE, ENABLE, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("monitorName", 127, "Name of the monitor."),
        choice("type", MONITOR_TYPES, "Kind of probe.")
            .only(&[Add, Rm, Set, Unset])
            .positional(&[Add, Rm, Set, Unset])
            .required(&[Add]),
        choice(
            "action",
            &["NONE", "LOG", "DOWN"],
            "What a failed inline probe does.",
        )
        .default("DOWN")
        .stored(),
        list("respCode", &[], "Response codes that mean up."),
        text("httpRequest", "Request line sent: `HEAD /`."),
        text("rtspRequest", "RTSP request sent.").stored(),
        text("customHeaders", "Headers sent."),
        integer("maxForwards", 0, 255, "SIP hops.")
            .default("1")
            .stored(),
        choice(
            "sipMethod",
            &["OPTIONS", "INVITE", "REGISTER"],
            "SIP method.",
        )
        .stored(),
        text("sipURI", "SIP URI.").stored(),
        text("sipregURI", "SIP user registered.").stored(),
        Attribute::new("send", Kind::Text(511), "Text sent."),
        Attribute::new("recv", Kind::Text(511), "Text that must come back."),
        text("query", "Name asked of a DNS server.").stored(),
        choice(
            "queryType",
            &["Address", "Zone", "AAAA"],
            "Record type asked.",
        )
        .stored(),
        text("scriptName", "Script run.").stored(),
        Attribute::new("scriptArgs", Kind::Text(511), "Arguments of the script.").stored(),
        secret("secureargs", "Secret arguments of the script.").stored(),
        ip("dispatcherIP", "Address of the script dispatcher.").stored(),
        port("dispatcherPort", "Port of the script dispatcher.").stored(),
        text("userName", "User the probe logs in as.").stored(),
        secret("password", "Password the probe logs in with.").stored(),
        secret("secondaryPassword", "Second password.").stored(),
        text("logonpointName", "Logon point.").stored(),
        text("lasVersion", "Version of the logon agent.").stored(),
        secret("radKey", "RADIUS secret.").stored(),
        ENCRYPTED,
        ENCRYPT_METHOD,
        KEK,
        SUFFIX,
        text("radNASid", "RADIUS NAS identifier.").stored(),
        ip("radNASip", "RADIUS NAS address.").stored(),
        toggle("LRTM", "Learn response times.").stored(),
        Attribute::new(
            "deviation",
            Kind::Interval {
                unit_field: "units1",
            },
            "Added to the learned response time.",
        )
        .stored(),
        Attribute::new(
            "interval",
            Kind::Interval {
                unit_field: "units3",
            },
            "Time between two probes.",
        ),
        Attribute::new(
            "resptimeout",
            Kind::Interval {
                unit_field: "units4",
            },
            "How long to wait for the answer.",
        ),
        integer(
            "resptimeoutThresh",
            0,
            100,
            "Part of it after which a trap is sent.",
        )
        .unit("percent")
        .stored(),
        integer("retries", 1, 127, "Probes made before a decision.").default("3"),
        integer(
            "failureRetries",
            0,
            32,
            "How many of them must fail; 0 is all.",
        )
        .default("0"),
        integer(
            "alertRetries",
            0,
            32,
            "Failures after which a trap is sent.",
        )
        .stored(),
        integer("successRetries", 1, 32, "Successes needed to be up again.").default("1"),
        Attribute::new(
            "downTime",
            Kind::Interval {
                unit_field: "units2",
            },
            "Wait before a service that is down is probed again.",
        ),
        ip("destIP", "Address probed instead of the service's."),
        port("destPort", "Port probed instead of the service's."),
        toggle("state", "Whether it probes.").default("ENABLED"),
        yes_no("reverse", "An answer means down.").default("NO"),
        yes_no("transparent", "Probe through a transparent device.")
            .default("NO")
            .stored(),
        yes_no("ipTunnel", "Probe through an IP tunnel.")
            .default("NO")
            .stored(),
        yes_no("tos", "Probe with a TOS identifier.").stored(),
        integer("tosId", 1, 63, "That identifier.").stored(),
        yes_no("secure", "Probe over SSL.").default("NO"),
        yes_no(
            "validateCred",
            "Check credentials at the desktop controller.",
        )
        .default("NO")
        .stored(),
        text("domain", "Domain of the account.").stored(),
        list("IPAddress", &[], "Addresses expected in the DNS answer.").stored(),
        text("group", "Newsgroup asked for.").stored(),
        text("fileName", "File asked for by FTP.").stored(),
        text("baseDN", "LDAP base.").stored(),
        text("bindDN", "LDAP bind name.").stored(),
        text("filter", "LDAP filter.").stored(),
        text("attribute", "LDAP attribute.").stored(),
        text("database", "Database.").stored(),
        text("oracleSid", "Oracle service identifier.").stored(),
        text("sqlQuery", "SQL query.").stored(),
        expression("evalRule", "Expression over the database's answer.").stored(),
        text("Snmpoid", "SNMP object asked for.")
            .nitro("snmpoid")
            .stored(),
        secret("snmpCommunity", "SNMP community.").stored(),
        text("snmpThreshold", "Value above which it is down.").stored(),
        choice("snmpVersion", &["V1", "V2"], "SNMP version.").stored(),
        text("application", "Application asked for.").stored(),
        text("sitePath", "URL of the site.").stored(),
        text("storename", "StoreFront store.").stored(),
        yes_no("storefrontacctservice", "Check the account service.")
            .default("YES")
            .stored(),
        text("hostName", "Host name sent.").stored(),
        NET_PROFILE,
        text("sslProfile", "SSL profile of secure probes.").stored(),
        text("radAccountType", "RADIUS account type.").stored(),
        ip("radFramedIP", "RADIUS framed address.").stored(),
        text("radAPN", "RADIUS called station.").stored(),
        text("radMSISDN", "RADIUS calling station.").stored(),
        text("radAccountSession", "RADIUS session.").stored(),
        text("metricTable", "Metric table.").stored(),
        choice(
            "mssqlProtocolVersion",
            &[
                "70", "2000", "2000SP1", "2005", "2008", "2008R2", "2012", "2014",
            ],
            "TDS version.",
        )
        .default("70")
        .stored(),
        toggle("storedb", "Store the database list of the answer.")
            .default("DISABLED")
            .stored(),
        yes_no(
            "storefrontcheckbackendservices",
            "Check the services behind StoreFront.",
        )
        .default("NO")
        .stored(),
        integer(
            "trofsCode",
            100,
            599,
            "Response code that takes a service out of service.",
        )
        .stored(),
        text("trofsString", "Answer that takes a service out of service.").stored(),
        text("originHost", "Diameter origin host.").stored(),
        text("originRealm", "Diameter origin realm.").stored(),
        ip("hostIPAddress", "Diameter host address.").stored(),
        integer("vendorId", 0, 4_294_967_295, "Diameter vendor.").stored(),
        text("productName", "Diameter product.").stored(),
        integer(
            "firmwareRevision",
            0,
            4_294_967_295,
            "Diameter firmware revision.",
        )
        .stored(),
        list(
            "authApplicationId",
            &[],
            "Diameter authentication applications.",
        )
        .stored(),
        list(
            "acctApplicationId",
            &[],
            "Diameter accounting applications.",
        )
        .stored(),
        choice(
            "inbandSecurityId",
            &["NO_INBAND_SECURITY", "TLS"],
            "Diameter security.",
        )
        .stored(),
        list("supportedVendorIds", &[], "Diameter vendors supported.").stored(),
        text("kcdAccount", "Account of Kerberos delegation.").stored(),
        yes_no("grpcHealthCheck", "gRPC health check.")
            .default("NO")
            .stored(),
        list("grpcStatusCode", &[], "gRPC status codes that mean up.").stored(),
        text("grpcServiceName", "gRPC service asked for.").stored(),
        text("mqttClientIdentifier", "MQTT client identifier.").stored(),
        integer("mqttVersion", 3, 5, "MQTT version.")
            .default("4")
            .stored(),
    ])
    .bindings(&[
        BindingType::new(
            "lbmonitor_metric_binding",
            &["metric"],
            &[
                text("metric", "Metric of the metric table.").stored(),
                integer(
                    "metricThreshold",
                    0,
                    4_294_967_295,
                    "Value above which it is down.",
                )
                .stored(),
                integer("metricWeight", 1, 100, "How much the metric counts.").stored(),
            ],
        )
        .doc("Metric of a load monitor.")
        .replaceable(),
        BindingType::new(
            "lbmonitor_sslcertkey_binding",
            &["certkeyName"],
            &[
                reference(
                    "certkeyName",
                    &["ssl certKey"],
                    "Certificate of secure probes.",
                )
                .stored(),
                flag("CA", "It verifies the server.").stored(),
                choice(
                    "crlCheck",
                    &["Mandatory", "Optional"],
                    "Check the CA's CRL.",
                )
                .requires(&["CA"])
                .excludes(&["ocspCheck"])
                .stored(),
                choice("ocspCheck", &["Mandatory", "Optional"], "Check by OCSP.")
                    .requires(&["CA"])
                    .stored(),
            ],
        )
        .doc("Certificate of secure probes, or a CA that verifies the server.")
        .identity(&["certkeyName", "CA"])
        .replaceable()
        .missing(&codes::CERTIFICATE_BINDING_MISSING),
        BindingType::new(
            "lbmonitor_service_binding",
            &["serviceName"],
            &[
                reference(
                    "serviceName",
                    &["service", "serviceGroup"],
                    "Service or group.",
                )
                .positional(&[Bind, Unbind])
                .required(&[Bind, Unbind]),
                toggle("state", "Whether it probes this service.").default("ENABLED"),
                integer("weight", 1, 100, "How much it counts.").default("1"),
            ],
        )
        .doc("Service or group the monitor probes.")
        .aliases(&[("lbmonitor_servicegroup_binding", "servicegroupname")]),
    ]);

const MONITOR_TYPES: &[&str] = &[
    "PING",
    "TCP",
    "HTTP",
    "TCP-ECV",
    "HTTP-ECV",
    "UDP-ECV",
    "DNS",
    "FTP",
    "LDNS-PING",
    "LDNS-TCP",
    "LDNS-DNS",
    "RADIUS",
    "USER",
    "HTTP-INLINE",
    "SIP-UDP",
    "SIP-TCP",
    "LOAD",
    "FTP-EXTENDED",
    "SMTP",
    "SNMP",
    "NNTP",
    "MYSQL",
    "MYSQL-ECV",
    "MSSQL-ECV",
    "ORACLE-ECV",
    "LDAP",
    "POP3",
    "CITRIX-XML-SERVICE",
    "CITRIX-WEB-INTERFACE",
    "DNS-TCP",
    "RTSP",
    "ARP",
    "CITRIX-AG",
    "CITRIX-AAC-LOGINPAGE",
    "CITRIX-AAC-LAS",
    "CITRIX-XD-DDC",
    "ND6",
    "CITRIX-WI-EXTENDED",
    "DIAMETER",
    "RADIUS_ACCOUNTING",
    "STOREFRONT",
    "APPC",
    "SMPP",
    "CITRIX-XNC-ECV",
    "CITRIX-XDM",
    "CITRIX-STA-SERVICE",
    "CITRIX-STA-SERVICE-NHOP",
    "MQTT",
    "HTTP2",
];
