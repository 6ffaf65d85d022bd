//! Users and the settings of the management plane.

use crate::catalog::attribute::{
    Attribute, ENCRYPT_METHOD, ENCRYPTED, HASH_METHOD, KEK, SUFFIX, choice, integer, list, name,
    secret, text, toggle,
};
use crate::catalog::resource::{ADD, BindingType, RM, ResourceType, SET, SHOW, UNSET};
use crate::verb::Verb::{Add, Bind, Set, Unbind};

/// Settings of the management plane.
pub static SYSTEM_PARAMETER: ResourceType =
    ResourceType::new("system parameter", "systemparameter")
        .doc("Settings of the management plane.")
        .verbs(&[SET, SHOW, UNSET])
        .attributes(&[
            toggle(
                "rbaOnResponse",
                "Check reads of objects by command policies.",
            )
            .stored(),
            PROMPT,
            toggle("natPcbForceFlushLimit", "Flush NAT sessions.").stored(),
            toggle("natPcbRstOnTimeout", "Reset timed-out NAT sessions.").stored(),
            TIMEOUT,
            toggle("localAuth", "Log in local users when servers fail.").stored(),
            integer("minPasswordLen", 1, 127, "Shortest password.").stored(),
            choice(
                "strongPassword",
                &["enableall", "enablelocal", "disabled"],
                "Who needs strong passwords.",
            )
            .default("disabled")
            .stored(),
            toggle("restrictedTimeout", "Users may not have longer timeouts.")
                .default("DISABLED")
                .stored(),
            toggle("fipsUserMode", "FIPS mode.")
                .default("DISABLED")
                .stored(),
            toggle("doppler", "Send usage data (never done).").stored(),
            toggle("googleAnalytics", "Send usage data (never done).").stored(),
            integer("totalAuthTimeout", 5, 120, "Longest log-in.")
                .unit("seconds")
                .default("20")
                .stored(),
            choice("cliLogLevel", LOG_LEVELS, "Level of the command log.").stored(),
            toggle(
                "forcePasswordChange",
                "Users must change initial passwords.",
            )
            .stored(),
            toggle("basicAuth", "NITRO accepts HTTP Basic.")
                .default("ENABLED")
                .stored(),
            toggle(
                "reauthOnAuthParamChange",
                "Log out when log-in settings change.",
            )
            .default("DISABLED")
            .stored(),
            toggle("removeSensitiveFiles", "Remove sensitive files.")
                .default("DISABLED")
                .stored(),
            integer("maxClient", 1, 40, "Most sessions.").stored(),
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
        list(
            "allowedManagementInterface",
            &["API", "CLI"],
            "Interfaces the user may use.",
        ),
    ])
    .bindings(&[BindingType::new(
        "systemuser_systemcmdpolicy_binding",
        &["policyName"],
        &[
            text("policyName", "Command policy.")
                .positional(&[Bind, Unbind])
                .required(&[Bind, Unbind]),
            integer(
                "priority",
                0,
                2_147_483_647,
                "Lower numbers are looked at first.",
            )
            .positional(&[Bind])
            .required(&[Bind]),
        ],
    )
    .doc("Command policy.")]);

const LOG_LEVELS: &[&str] = &[
    "EMERGENCY",
    "ALERT",
    "CRITICAL",
    "ERROR",
    "WARNING",
    "NOTICE",
    "INFORMATIONAL",
    "DEBUG",
];
const PROMPT: Attribute = text("promptString", "Prompt of the shell.").stored();
const TIMEOUT: Attribute = integer("timeout", 0, 4_294_967_294, "Idle time of a session.")
    .unit("seconds")
    .stored();
