//! Responder: answers given without asking a service.

use crate::catalog::attribute::{
    Attribute, Kind, choice, comment, expression, integer, list, name, text, yes_no,
};
use crate::catalog::resource::{ADD, RM, ResourceType, SET, SHOW, UNSET};
use crate::codes;
use crate::verb::Verb::{Add, Set};

/// What a responder policy answers.
pub static RESPONDER_ACTION: ResourceType =
    ResourceType::new("responder action", "responderaction")
        .doc("What a responder policy answers.")
        .verbs(&[ADD, RM, SET, SHOW, UNSET])
        .missing(&codes::NO_SUCH_ACTION)
        .exists(&codes::ACTION_EXISTS)
        .attributes(&[
            name("name", 127, "Name of the action."),
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
            text("htmlPage", "Imported page.").stored(),
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
            list("headers", &[], "Headers of the answer: name(expression).").stored(),
        ]);

/// A rule and an action.
pub static RESPONDER_POLICY: ResourceType =
    ResourceType::new("responder policy", "responderpolicy")
        .doc("Rule over requests, and the action when it is true.")
        .verbs(&[ADD, RM, SET, SHOW, UNSET])
        .attributes(&[
            name("name", 127, "Name of the policy."),
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
