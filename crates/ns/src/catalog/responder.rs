//! Responder: answers given without asking a service.

use crate::catalog::attribute::{
    Attribute, Kind, choice, comment, expression, flag, integer, list, name, new_name, reference,
    text, yes_no,
};
use crate::catalog::resource::{ADD, BindingType, RENAME, RM, ResourceType, SET, SHOW, UNSET};
use crate::codes;
use crate::verb::Verb::{Add, Bind, Set, Unbind};

/// What a responder policy answers.
pub static RESPONDER_ACTION: ResourceType =
    ResourceType::new("responder action", "responderaction")
        .doc("What a responder policy answers.")
        .verbs(&[ADD, RENAME, RM, SET, SHOW, UNSET])
        .missing(&codes::NO_SUCH_ACTION)
        .exists(&codes::ACTION_EXISTS)
        .attributes(&[
            name("name", 127, "Name of the action."),
            new_name(127),
            choice(
                "type",
                &[
                    "noop",
                    "respondwith",
                    "redirect",
                    "respondwithhtmlpage",
                    "sqlresponse_ok",
                    "sqlresponse_error",
                ],
                "Kind of answer.",
            )
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add]),
            expression(
                "target",
                "Expression for the whole answer, or for the URL of a redirect.",
            )
            .only(&[Add, Set])
            .positional(&[Add]),
            text("htmlPage", "Imported page."),
            yes_no("bypassSafetyCheck", "Accept unsafe expressions.")
                .default("NO")
                .stored(),
            comment(),
            integer(
                "responseStatusCode",
                100,
                599,
                "Status of a redirect or page.",
            ),
            text("reasonPhrase", "Reason phrase of the status."),
            list("headers", &[], "Headers of the answer: name(expression)."),
        ]);

/// The responder policies of all virtual servers.
pub static RESPONDER_GLOBAL: ResourceType =
    ResourceType::new("responder global", "responderglobal")
        .doc("Responder policies of all virtual servers, in banks before and after those of each.")
        .verbs(&[SHOW])
        .bindings(&[BindingType::new(
            "responderglobal_responderpolicy_binding",
            &["policyName"],
            &[
                reference("policyName", &["responder policy"], "Policy.")
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
                choice("type", RESPONDER_BANKS, "Bank of the policy.").default("REQ_DEFAULT"),
                INVOKE,
                LABEL_TYPE,
                LABEL_NAME,
            ],
        )
        .doc("Responder policy of all virtual servers.")
        .identity(&["policyName", "type"])]);

/// Settings of the responder.
pub static RESPONDER_PARAM: ResourceType = ResourceType::new("responder param", "responderparam")
    .doc("Settings of the responder.")
    .verbs(&[SET, SHOW, UNSET])
    .attributes(&[
        choice(
            "undefAction",
            &["NOOP", "RESET", "DROP"],
            "What happens when a policy has no result and names no action for that.",
        )
        .default("NOOP"),
        integer(
            "timeout",
            1,
            5000,
            "Longest evaluation of the policies of a request.",
        )
        .unit("milliseconds")
        .default("3900")
        .stored(),
    ]);

/// A rule and an action.
pub static RESPONDER_POLICY: ResourceType =
    ResourceType::new("responder policy", "responderpolicy")
        .doc("Rule over requests, and the action when it is true.")
        .verbs(&[ADD, RENAME, RM, SET, SHOW, UNSET])
        .attributes(&[
            name("name", 127, "Name of the policy."),
            new_name(127),
            expression("rule", "Expression over the request.")
                .only(&[Add, Set])
                .positional(&[Add])
                .required(&[Add]),
            Attribute::new(
                "action",
                Kind::Reference {
                    to: &["responder action"],
                    or: &["DROP", "NOOP", "RESET"],
                },
                "Action when the rule is true: an action's name, NOOP, RESET or DROP.",
            )
            .only(&[Add, Set])
            .positional(&[Add])
            .required(&[Add]),
            choice(
                "undefAction",
                &["NOOP", "RESET", "DROP"],
                "What happens without a result.",
            )
            .positional(&[Add]),
            comment(),
            text("logAction", "Log action.").stored(),
            text("appflowAction", "AppFlow action.").stored(),
        ]);

/// Banks of policies that all virtual servers have.
const RESPONDER_BANKS: &[&str] = &[
    "REQ_OVERRIDE",
    "REQ_DEFAULT",
    "OVERRIDE",
    "DEFAULT",
    "OTHERTCP_REQ_OVERRIDE",
    "OTHERTCP_REQ_DEFAULT",
    "SIPUDP_REQ_OVERRIDE",
    "SIPUDP_REQ_DEFAULT",
    "RADIUS_REQ_OVERRIDE",
    "RADIUS_REQ_DEFAULT",
    "MSSQL_REQ_OVERRIDE",
    "MSSQL_REQ_DEFAULT",
    "MYSQL_REQ_OVERRIDE",
    "MYSQL_REQ_DEFAULT",
    "HTTPQUIC_REQ_OVERRIDE",
    "HTTPQUIC_REQ_DEFAULT",
];

/// After a match, go on with the policies of a label or virtual server.
pub(super) const INVOKE: Attribute = flag("invoke", "After a match, go on with other policies.")
    .tail("labelType")
    .stored();
pub(super) const LABEL_TYPE: Attribute = choice(
    "labelType",
    &["reqvserver", "resvserver", "policylabel", "vserver"],
    "Where the other policies are.",
)
.tail("labelName")
.requires(&["invoke", "labelName"])
.stored();
pub(super) const LABEL_NAME: Attribute = text("labelName", "Name of that label or virtual server.")
    .requires(&["labelType"])
    .stored();
