//! Content switching: virtual servers that choose a load balancing virtual server by policy.

use crate::catalog::attribute::{
    choice, comment, expression, integer, name, new_name, on_off, reference, text, toggle,
};
use crate::catalog::basic::{
    DOWN_STATE_FLUSH, HTTP_PROFILE, NET_PROFILE, SERVICE_TYPES, TCP_PROFILE, TRAFFIC_DOMAIN,
};
use crate::catalog::lb::{
    APPFLOW_LOG, AUTHENTICATION, AUTHENTICATION_HOST, AUTHN_401, AUTHN_PROFILE, AUTHN_VSERVER,
    BACKUP_VSERVER, CACHEABLE, CLT_TIMEOUT, DNS_PROFILE, ICMP_RESPONSE, INSERT_VSERVER_IP_PORT,
    LISTEN_POLICY, LISTEN_PRIORITY, PUSH, PUSH_LABEL, PUSH_MULTI_CLIENTS, PUSH_VSERVER,
    REDIRECT_PORT_REWRITE, RHI_STATE, SO_BACKUP_ACTION, SO_METHOD, SO_PERSISTENCE,
    SO_PERSISTENCE_TIMEOUT, SO_THRESHOLD, STATE, VIP_ADDRESS, VIP_HEADER, VIP_PORT,
};
use crate::catalog::resource::{
    ADD, BindingType, DISABLE, ENABLE, RENAME, RM, ResourceType, SET, SHOW, STAT, UNSET,
};
use crate::catalog::responder::{INVOKE, LABEL_NAME, LABEL_TYPE};
use crate::codes;
use crate::verb::Verb::{Add, Unset};

/// What a content switching policy leads to.
pub static CS_ACTION: ResourceType = ResourceType::new("cs action", "csaction")
    .doc("Where a content switching policy sends requests.")
    .verbs(&[ADD, RENAME, RM, SET, SHOW, UNSET])
    .missing(&codes::NO_SUCH_ACTION)
    .attributes(&[
        name("name", 127, "Name of the action."),
        new_name(127),
        reference(
            "targetLBVserver",
            &["lb vserver"],
            "Load balancing virtual server.",
        )
        .excludes(&["targetVserver", "targetVserverExpr"]),
        reference(
            "targetVserver",
            &[
                "lb vserver",
                "vpn vserver",
                "authentication vserver",
                "cs vserver",
            ],
            "Virtual server of any kind.",
        )
        .excludes(&["targetVserverExpr"]),
        expression(
            "targetVserverExpr",
            "Expression that names the virtual server.",
        ),
        comment(),
    ]);

/// A rule and an action.
pub static CS_POLICY: ResourceType = ResourceType::new("cs policy", "cspolicy")
    .doc("Rule over requests, and the action when it is true.")
    .verbs(&[ADD, RENAME, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("policyName", 127, "Name of the policy."),
        new_name(127),
        expression("rule", "Expression over the request.")
            .required(&[Add])
            .never(&[Unset]),
        reference("action", &["cs action"], "Action when the rule is true."),
        text("logAction", "Log action.").stored(),
    ]);

/// An address and port that clients connect to, and the policies that choose.
pub static CS_VSERVER: ResourceType = ResourceType::new("cs vserver", "csvserver")
    .doc("Address and port that clients connect to; chooses a virtual server by policy.")
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
        TRAFFIC_DOMAIN,
        choice("targetType", &["GSLB"], "Kind of target.")
            .only(&[Add])
            .stored(),
        text("ipset", "Set of further addresses.").stored(),
        integer("range", 1, 254, "How many consecutive addresses.")
            .default("1")
            .only(&[Add])
            .stored(),
        STATE,
        choice(
            "stateUpdate",
            &["ENABLED", "DISABLED", "UPDATEONBACKENDUPDATE"],
            "Whether its state follows that of its targets.",
        )
        .default("DISABLED")
        .stored(),
        CACHEABLE,
        text("redirectURL", "Where clients are sent when it is down."),
        CLT_TIMEOUT,
        choice(
            "precedence",
            &["RULE", "URL"],
            "Which policies are looked at first.",
        )
        .default("RULE")
        .stored(),
        on_off("caseSensitive", "Upper and lower case differ in URLs.")
            .default("ON")
            .stored(),
        SO_METHOD,
        SO_PERSISTENCE,
        SO_PERSISTENCE_TIMEOUT,
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
        LISTEN_POLICY,
        LISTEN_PRIORITY,
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
        DNS_PROFILE,
        on_off("dtls", "DTLS on the same port.").stored(),
        choice(
            "persistenceType",
            &["SOURCEIP", "COOKIEINSERT", "SSLSESSION", "NONE"],
            "What keeps a client with its virtual server.",
        )
        .default("NONE")
        .stored(),
        integer("timeout", 0, 1440, "How long a client stays.")
            .unit("minutes")
            .default("2")
            .stored(),
        text("cookieName", "Name of the persistence cookie.").stored(),
    ])
    .bindings(&[
        BindingType::new(
            "csvserver_cspolicy_binding",
            &["policyName"],
            &[
                reference(
                    "policyName",
                    &["cs policy", "responder policy", "contentInspection policy"],
                    "Content switching, responder or content inspection policy.",
                ),
                reference(
                    "targetLBVserver",
                    &["lb vserver"],
                    "Virtual server for a policy without action.",
                ),
                integer(
                    "priority",
                    1,
                    4_294_967_295,
                    "Lower numbers are looked at first.",
                ),
                text("gotoPriorityExpression", "What follows a match."),
                choice("type", &["REQUEST", "RESPONSE"], "When it is looked at.")
                    .nitro("bindpoint"),
                INVOKE,
                LABEL_TYPE,
                LABEL_NAME,
            ],
        )
        .doc("Content switching, responder or content inspection policy.")
        .aliases(&[
            ("csvserver_responderpolicy_binding", "policyname"),
            ("csvserver_contentinspectionpolicy_binding", "policyname"),
        ]),
        BindingType::new(
            "csvserver_lbvserver_binding",
            &["lbvserver"],
            &[reference(
                "lbvserver",
                &["lb vserver"],
                "Virtual server for requests no policy matched.",
            )],
        )
        .doc("Default load balancing virtual server.")
        .identity(&[])
        .replaceable(),
    ]);
