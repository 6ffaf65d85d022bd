//! Who may do what on the management plane: users, groups, command policies, sessions.

use crate::catalog::attribute::{
    Attribute, ENCRYPT_METHOD, ENCRYPTED, HASH_METHOD, KEK, SUFFIX, choice, flag, integer, list,
    name, reference, secret, text, toggle,
};
use crate::catalog::resource::{ADD, BindingType, KILL, OneOf, RM, ResourceType, SET, SHOW, UNSET};
use crate::catalog::system::{PROMPT, TIMEOUT};
use crate::codes;
use crate::verb::Verb::{Add, Bind, Kill, Set, Unbind};

/// What commands may be given.
pub static SYSTEM_CMD_POLICY: ResourceType =
    ResourceType::new("system cmdPolicy", "systemcmdpolicy")
        .doc("Command policy: allows or denies the commands its regular expression matches.")
        .verbs(&[ADD, RM, SET, SHOW])
        .missing(&codes::NO_SUCH_CMD_POLICY)
        .attributes(&[
            name("policyName", 127, "Name of the policy."),
            choice("action", &["ALLOW", "DENY"], "What it does.")
                .only(&[Add, Set])
                .positional(&[Add, Set])
                .required(&[Add, Set]),
            Attribute::new(
                "cmdSpec",
                crate::catalog::Kind::Text(1023),
                "Regular expression over the command line.",
            )
            .only(&[Add, Set])
            .positional(&[Add, Set])
            .required(&[Add, Set])
            .length(1, 1023),
        ]);

/// Users who share command policies.
pub static SYSTEM_GROUP: ResourceType = ResourceType::new("system group", "systemgroup")
    .doc("Group of users who share command policies.")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .missing(&codes::NO_SUCH_GROUP)
    .attributes(&[
        name("groupName", 127, "Name of the group."),
        PROMPT,
        TIMEOUT,
        INTERFACES,
        text("dailyRestrictedTime", "When its users may log in.").stored(),
    ])
    .bindings(&[
        BindingType::new(
            "systemgroup_systemuser_binding",
            &["userName"],
            &[reference("userName", &["system user"], "Member.")],
        )
        .doc("User who is a member."),
        BindingType::new(
            "systemgroup_systemcmdpolicy_binding",
            &["policyName"],
            &[
                reference("policyName", &["system cmdPolicy"], "Command policy.").tail("priority"),
                PRIORITY.required(&[Bind]),
            ],
        )
        .doc("Command policy of the members."),
    ]);

/// A session.
pub static SYSTEM_SESSION: ResourceType = ResourceType::new("system session", "systemsession")
    .doc("Session of the shell or of NITRO.")
    .verbs(&[KILL, SHOW])
    .outside()
    .missing(&codes::NO_SUCH_SESSION)
    .one_of(&[OneOf::new(Kill, &["sid", "all"])])
    .attributes(&[
        integer(
            "sid",
            1,
            18_446_744_073_709_551_615,
            "Number of the session.",
        )
        .key_unless_default(&[]),
        flag("all", "Every session but one's own.").only(&[Kill]),
    ]);

/// A user of the management plane.
pub static SYSTEM_USER: ResourceType = ResourceType::new("system user", "systemuser")
    .doc("User of the management plane.")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("userName", 127, "Name of the user."),
        secret("password", "Password, or its stored form with -encrypted.")
            .only(&[Add, Set])
            .positional(&[Add, Set])
            .required(&[Add]),
        ENCRYPTED.only(&[Add, Set]),
        HASH_METHOD.only(&[Add, Set]),
        ENCRYPT_METHOD.only(&[Add, Set]),
        KEK.only(&[Add, Set]),
        SUFFIX.only(&[Add, Set]),
        toggle("externalAuth", "Log in at external servers.")
            .default("ENABLED")
            .stored(),
        PROMPT,
        TIMEOUT,
        toggle("logging", "Log what the user does.")
            .default("DISABLED")
            .stored(),
        integer("maxsession", 1, 40, "Most sessions of the user.")
            .default("20")
            .stored(),
        INTERFACES,
    ])
    .bindings(&[BindingType::new(
        "systemuser_systemcmdpolicy_binding",
        &["policyName"],
        &[
            reference("policyName", &["system cmdPolicy"], "Command policy.")
                .positional(&[Bind, Unbind])
                .required(&[Bind, Unbind]),
            PRIORITY.positional(&[Bind]).required(&[Bind]),
        ],
    )
    .doc("Command policy.")]);

const PRIORITY: Attribute = integer(
    "priority",
    0,
    2_147_483_647,
    "Lower numbers are looked at first.",
);
const INTERFACES: Attribute = list(
    "allowedManagementInterface",
    &["API", "CLI"],
    "Interfaces the user may use.",
);
