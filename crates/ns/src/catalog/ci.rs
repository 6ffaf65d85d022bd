//! Content inspection: which requests and answers an ICAP server sees.

use crate::catalog::attribute::{
    Attribute, Kind, choice, comment, expression, integer, name, port, reference, text, toggle,
};
use crate::catalog::resource::{ADD, BindingType, RM, ResourceType, SET, SHOW, UNSET};
use crate::codes;
use crate::verb::Verb::{Add, Bind, Set, Unbind};

/// How to speak to an ICAP server.
pub static NS_ICAP_PROFILE: ResourceType = ResourceType::new("ns icapProfile", "nsicapprofile")
    .doc("How to speak to an ICAP server (RFC 3507).")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("name", 127, "Name of the profile."),
        toggle("preview", "Send the beginning of a body first.").default("DISABLED"),
        integer(
            "previewLength",
            0,
            4_294_967_294,
            "Most bytes of that beginning.",
        )
        .unit("bytes")
        .default("4096"),
        Attribute::new(
            "uri",
            Kind::Text(511),
            "Service at the ICAP server: `/avscan`.",
        )
        .required(&[Add]),
        text(
            "hostHeader",
            "Host named to the ICAP server, if not its address.",
        ),
        text("userAgent", "User-Agent named to the ICAP server."),
        choice(
            "mode",
            &["REQMOD", "RESPMOD"],
            "Whether it sees requests or answers.",
        )
        .required(&[Add]),
        Attribute::new(
            "queryParams",
            Kind::Text(511),
            "Query added to the URI: `key=value`.",
        ),
        toggle(
            "connectionKeepAlive",
            "Keep connections for further messages.",
        )
        .default("ENABLED"),
        toggle(
            "allow204",
            "Let the ICAP server say that a message may pass as it is.",
        )
        .default("ENABLED"),
        Attribute::new(
            "insertICAPHeaders",
            Kind::Expression,
            "Headers added to ICAP requests, or an expression for them.",
        ),
        expression(
            "insertHTTPRequest",
            "HTTP request sent along with an answer, instead of its own.",
        )
        .stored(),
        integer(
            "reqTimeout",
            0,
            86_400,
            "How long the ICAP server may take; 0 is without limit.",
        )
        .unit("seconds")
        .default("0"),
        choice(
            "reqTimeoutAction",
            &["BYPASS", "DROP", "RESET"],
            "What happens when it took longer.",
        )
        .default("RESET"),
        text("logAction", "Log action.").stored(),
    ]);

/// Where inspected messages go.
pub static CI_ACTION: ResourceType =
    ResourceType::new("contentInspection action", "contentinspectionaction")
        .doc("Where messages are inspected, and what happens when nobody is there.")
        .verbs(&[ADD, RM, SET, SHOW, UNSET])
        .missing(&codes::NO_SUCH_ACTION)
        .exists(&codes::ACTION_EXISTS)
        .attributes(&[
            name("name", 127, "Name of the action."),
            choice(
                "type",
                &["ICAP", "INLINEINSPECTION", "MIRROR", "NOINSPECTION"],
                "Kind of inspection; ICAP and NOINSPECTION are carried out.",
            )
            .only(&[Add])
            .required(&[Add]),
            reference(
                "serverName",
                &["service", "lb vserver"],
                "Service or virtual server of the ICAP servers, of type TCP or SSL_TCP.",
            )
            .only(&[Add, Set])
            .excludes(&["serverIP"]),
            Attribute::new("serverIP", Kind::Ip, "Address of the ICAP server.").only(&[Add, Set]),
            port("serverPort", "Its port.").default("1344"),
            choice(
                "ifserverdown",
                &["CONTINUE", "DROP", "RESET"],
                "What happens when no ICAP server can be used.",
            )
            .default("RESET"),
            reference(
                "icapProfileName",
                &["ns icapProfile"],
                "How to speak to it.",
            ),
        ]);

/// A rule and an action.
pub static CI_POLICY: ResourceType =
    ResourceType::new("contentInspection policy", "contentinspectionpolicy")
        .doc("Rule over requests or answers, and the inspection when it is true.")
        .verbs(&[ADD, RM, SET, SHOW, UNSET])
        .attributes(&[
            name("name", 127, "Name of the policy."),
            expression("rule", "Expression over the request or answer.")
                .only(&[Add, Set])
                .required(&[Add]),
            Attribute::new(
                "action",
                Kind::Reference {
                    to: &["contentInspection action"],
                    or: &["DROP", "NOINSPECTION", "RESET"],
                },
                "Action when the rule is true: an action's name, NOINSPECTION, RESET or DROP.",
            )
            .only(&[Add, Set])
            .required(&[Add]),
            choice(
                "undefAction",
                &["NOINSPECTION", "RESET", "DROP"],
                "What happens without a result.",
            ),
            comment(),
            text("logAction", "Log action.").stored(),
        ]);

/// The inspection of all virtual servers.
pub static CI_GLOBAL: ResourceType =
    ResourceType::new("contentInspection global", "contentinspectionglobal")
        .doc("Content inspection policies of all virtual servers.")
        .verbs(&[SHOW])
        .bindings(&[BindingType::new(
            "contentinspectionglobal_contentinspectionpolicy_binding",
            &["policyName"],
            &[
                reference("policyName", &["contentInspection policy"], "Policy.")
                    .positional(&[Bind, Unbind])
                    .required(&[Bind, Unbind]),
                integer(
                    "priority",
                    1,
                    2_147_483_647,
                    "Lower numbers are looked at first.",
                )
                .positional(&[Bind])
                .required(&[Bind]),
                text("gotoPriorityExpression", "What follows a match.").positional(&[Bind]),
                choice(
                    "type",
                    &["REQ_OVERRIDE", "REQ_DEFAULT", "RES_OVERRIDE", "RES_DEFAULT"],
                    "Bank of the policy.",
                )
                .default("REQ_DEFAULT"),
            ],
        )
        .doc("Content inspection policy of all virtual servers.")
        .identity(&["policyName", "type"])]);
