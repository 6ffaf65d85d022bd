//! Who may give which command: command policies, matched against the command's line.

use evercert_ns::model::{CmdPolicyView, Config};
use evercert_ns::{Command, NsError, Verb, codes, grammar};
use fancy_regex::{Regex, RegexBuilder};

use super::{Actor, SUPERUSER, Via};
use crate::files::Files;

/// Steps a regular expression may take on one line.
const MOST_STEPS: usize = 100_000;

/// Whether the user may give the command. The policies of the user come before those of the user's groups, lower
/// priorities first; the first that matches decides, and where none does the command is refused.
///
/// # Errors
/// 354 for a user who is not there any more, 371 for one without any policy, 2138 when the policies say no.
pub(super) fn authorise(config: &Config, actor: &Actor, command: &Command) -> Result<(), NsError> {
    if actor.user.eq_ignore_ascii_case(SUPERUSER) {
        return Ok(());
    }
    if config.object("system user", &actor.user).is_none() {
        return Err(NsError::new(&codes::INVALID_LOGIN));
    }
    let policies = config.cmd_policies_of(&actor.user);
    if policies.is_empty() {
        return Err(NsError::new(&codes::NO_COMMAND_POLICY));
    }
    // Secrets are of no concern to a policy, and a file's contents would make it slow.
    let line = grammar::print_masked(command);
    let decision = policies.iter().find_map(|policy| verdict(policy, &line));
    match decision {
        Some(true) => Ok(()),
        _ => {
            tracing::warn!(user.name = actor.user, client.address = ?actor.client, command = line, "not authorised");
            Err(NsError::new(&codes::NOT_AUTHORIZED))
        }
    }
}

/// What a policy says of a line; `None` where it does not match. One that cannot be evaluated denies what it might
/// deny, and allows nothing.
fn verdict(policy: &CmdPolicyView, line: &str) -> Option<bool> {
    let matches = regex(&policy.cmd_spec).and_then(|regex| regex.is_match(line));
    match matches {
        Ok(true) => Some(policy.allows),
        Ok(false) => None,
        Err(error) => {
            tracing::error!(policy.name, %error, "a command policy cannot be evaluated");
            (!policy.allows).then_some(false)
        }
    }
}

/// As NetScaler's: with look-ahead, found anywhere in the line, in any case, as commands are.
fn regex(text: &str) -> Result<Regex, fancy_regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .backtrack_limit(MOST_STEPS)
        .build()
}

/// Refuses a command policy whose expression is none.
///
/// # Errors
/// 1097.
pub(super) fn check(command: &Command) -> Result<(), NsError> {
    let is_about = command.resource().name == "system cmdPolicy"
        && matches!(command.verb(), Verb::Add | Verb::Set);
    let Some(text) = command.text("cmdSpec").filter(|_| is_about) else {
        return Ok(());
    };
    regex(text).map(|_| ()).map_err(|error| {
        tracing::info!(%error, "refused as a command policy");
        NsError::argument(&codes::INVALID_ARGUMENT_VALUE, "cmdSpec", text)
    })
}

/// Arguments that name files which a command reads or writes.
const FILES: &[&str] = &[
    "CAcert",
    "CAkey",
    "CAserial",
    "bundlefile",
    "cert",
    "certFile",
    "crlPath",
    "dhFile",
    "key",
    "keyFile",
    "outfile",
    "pkcs12File",
    "pkcs8File",
    "reqFile",
];

/// Over the network only NetScaler's own directories can be named, and nothing above them.
///
/// # Errors
/// 1647 for another file.
pub(super) fn check_files(actor: &Actor, command: &Command, files: &Files) -> Result<(), NsError> {
    if actor.via != Via::Api {
        return Ok(());
    }
    let named = FILES.iter().filter_map(|name| command.text(name));
    let mut outside = named.filter(|file| match file.starts_with('/') {
        true => files.mapped(file).is_none(),
        false => file.split('/').any(|part| part == ".."),
    });
    match outside.next() {
        Some(file) => Err(NsError::about(&codes::INPUT_FILE_MISSING, file)),
        None => Ok(()),
    }
}

/// Whether the user may use the interface: the user's own list, or else those of the user's groups, or else all.
pub(super) fn may_use(config: &Config, user: &str, via: Via) -> bool {
    let word = match via {
        Via::Api => "API",
        Via::Cli => "CLI",
    };
    let own = config
        .users()
        .find(|view| view.name.eq_ignore_ascii_case(user));
    let own = own.map(|view| view.interfaces).unwrap_or_default();
    let has_word = |list: &[String]| list.iter().any(|have| have.eq_ignore_ascii_case(word));
    if !own.is_empty() {
        return has_word(&own);
    }
    let is_member = |users: &[String]| users.iter().any(|name| name.eq_ignore_ascii_case(user));
    let lists: Vec<_> = config
        .groups()
        .filter(|group| is_member(&group.users) && !group.interfaces.is_empty())
        .map(|group| group.interfaces)
        .collect();
    lists.is_empty() || lists.iter().any(|list| has_word(list))
}

#[cfg(test)]
mod tests {
    use evercert_ns::grammar::parse_line;

    use super::*;

    fn config(lines: &str) -> Config {
        let mut config = Config::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            config.apply(&parse_line(line).unwrap()).unwrap();
        }
        config
    }

    fn code(config: &Config, user: &str, line: &str) -> u32 {
        let actor = Actor {
            user: user.to_owned(),
            via: Via::Api,
            client: None,
        };
        let command = parse_line(line).unwrap();
        let result = authorise(config, &actor, &command);
        result.err().map_or(0, |error| error.code())
    }

    #[test]
    fn the_first_policy_that_matches_decides_and_none_denies() {
        let config = config(
            r"add system user bob x -encrypted
              add system cmdPolicy files ALLOW '^(show|add|rm)\s+system\s+file.*-fileLocation.*nsconfig.*ssl.*'
              add system cmdPolicy no-rm DENY '^rm\s'
              bind system user bob no-rm 10
              bind system user bob files 20",
        );

        let file = "system file a.pem -fileLocation /nsconfig/ssl";
        assert_eq!(code(&config, "bob", &format!("show {file}")), 0);
        assert_eq!(
            code(&config, "bob", &format!("add {file} -fileContent aGk=")),
            0
        );
        assert_eq!(code(&config, "bob", &format!("rm {file}")), 2138);
        assert_eq!(
            code(&config, "bob", "show system file a -fileLocation /var/tmp"),
            2138
        );
        assert_eq!(code(&config, "bob", "save ns config"), 2138);
        assert_eq!(code(&config, "nsroot", "save ns config"), 0);
        assert_eq!(code(&config, "eve", "save ns config"), 354);
    }

    #[test]
    fn built_in_policies_say_what_they_say_on_a_netscaler() {
        let config = config(
            "add system user r x -encrypted\nbind system user r read-only 1
             add system user o x -encrypted\nbind system user o operator 1
             add system user n x -encrypted\nbind system user n network 1
             add system user a x -encrypted\nbind system user a sysadmin 1
             add system user s x -encrypted\nadd system group g\nbind system group g -userName s
             bind system group g -policyName superuser 1
             add system user nobody x -encrypted",
        );

        for (user, line, expected) in [
            ("r", "show lb vserver", 0),
            ("r", "show system user", 2138),
            ("r", "disable server s", 2138),
            ("o", "disable server s", 0),
            ("o", "add server s 192.0.2.1", 2138),
            ("n", "add server s 192.0.2.1", 0),
            ("n", "add system user x y", 2138),
            ("n", "clear ns config basic", 2138),
            ("a", "add server s 192.0.2.1", 0),
            ("a", "set system user nsroot x", 2138),
            ("s", "set system user nsroot x", 0),
            ("nobody", "show lb vserver", 371),
        ] {
            assert_eq!(code(&config, user, line), expected, "{user}: {line}");
        }
    }

    #[test]
    fn an_expression_that_is_none_is_refused_and_a_costly_one_allows_nothing() {
        let bad = parse_line("add system cmdPolicy p ALLOW '(unclosed'").unwrap();
        assert_eq!(check(&bad).unwrap_err().code(), 1097);
        let config = config(
            r"add system user bob x -encrypted
              add system cmdPolicy costly ALLOW '^(show|(?=s)(s+h*o*)+)+\1$x'
              bind system user bob costly 1",
        );

        assert_eq!(
            code(&config, "bob", &format!("show server {}", "s".repeat(100))),
            2138
        );
    }

    #[test]
    fn interfaces_are_those_of_the_user_or_else_of_the_groups() {
        let config = config(
            "add system user own x -encrypted -allowedManagementInterface CLI
             add system user shared x -encrypted
             add system group g -allowedManagementInterface API
             bind system group g -userName shared
             add system user free x -encrypted",
        );

        let may = |user: &str| [Via::Cli, Via::Api].map(|via| may_use(&config, user, via));
        assert_eq!(may("own"), [true, false]);
        assert_eq!(may("shared"), [false, true]);
        assert_eq!(may("free"), [true, true]);
    }
}
