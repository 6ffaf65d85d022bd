//! Settings of the management plane.

use crate::catalog::attribute::{Attribute, choice, integer, text, toggle};
use crate::catalog::resource::{ResourceType, SET, SHOW, UNSET};

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
pub(super) const PROMPT: Attribute = text("promptString", "Prompt of the shell.").stored();
pub(super) const TIMEOUT: Attribute =
    integer("timeout", 0, 4_294_967_294, "Idle time of a session.")
        .unit("seconds")
        .stored();
