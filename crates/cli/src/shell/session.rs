//! One line executed: parsed here, sent as NITRO, its rows printed as NetScaler prints them.

use std::path::PathBuf;

use anyhow::Result;
use evercert_ns::catalog::{self, Kind, ResourceType};
use evercert_ns::grammar::{self, ParseError};
use evercert_ns::nitro::{self, Method, Request, Tree};
use evercert_ns::show::{self, Row};
use evercert_ns::{Command, Value, Verb, codes};
use evercert_types::Secret;
use serde_json::Value as Json;

use crate::output::Output;
use crate::password::read as read_password;
use crate::shell::builtin::{self, Builtin};
use crate::shell::wire::Reply;
use crate::shell::{Wire, filter};

/// Who can be asked for what a line leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// A person at a terminal.
    Person,
    /// Nobody: lines come from a file, a pipe or the command line.
    Nobody,
}

/// A command line at an ADC.
#[derive(Debug)]
pub(crate) struct Session {
    wire: Wire,
    output: Output,
    asking: Asking,
}

/// What a line led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Text to print.
    Text(String),
    /// The lines of this file are to be executed.
    Batch(PathBuf),
    /// The lines typed before are to be printed.
    History,
    /// The session is over.
    Leave,
}

/// Why a line was not executed, and the exit code for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `ERROR: …`, and what to do about it.
    pub(crate) text: String,
    /// Of the program, when nothing else is executed.
    pub(crate) exit: u8,
}

impl Failure {
    /// A failure that has no code of NetScaler's.
    pub(super) fn plain(message: &str) -> Self {
        Self {
            text: format!("{}\n", show::error(message)),
            exit: 1,
        }
    }

    fn usage(fault: &ParseError) -> Self {
        Self {
            text: format!("{}\n  → {}\n", fault.error().rendered(), fault.remedy()),
            exit: 2,
        }
    }

    fn refused(reply: &Reply) -> Self {
        Self {
            text: format!("{}\n", show::error(&reply.message)),
            exit: exit_code(reply.code),
        }
    }
}

/// By the kind of NetScaler's error: not allowed, not there, in the way, or anything else.
fn exit_code(code: u32) -> u8 {
    let is = |of: fn(&ResourceType) -> u32| catalog::RESOURCES.iter().any(|r| of(r) == code);
    match code {
        354 | 444 | 1027 | 2138 => 4,
        _ if is(|resource| resource.missing.code) => 3,
        _ if is(|resource| resource.exists.code) || is(|resource| resource.in_use.code) => 5,
        _ => 1,
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::plain(&format!("{error:#}"))
    }
}

impl Session {
    /// A session over a wire.
    pub(crate) const fn new(wire: Wire, output: Output, asking: Asking) -> Self {
        Self {
            wire,
            output,
            asking,
        }
    }

    /// Executes one line; comments and empty lines do nothing.
    pub(crate) async fn execute(&self, line: &str) -> Result<Answer, Failure> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Answer::Text(String::new()));
        }
        let (line, filters) = filter::split(line).map_err(|why| Failure::plain(&why))?;
        let answer = match builtin::of(line).map_err(|why| Failure::plain(&why))? {
            Some(Builtin::Text(text)) => Answer::Text(done(text)),
            Some(Builtin::WhoAmI) => {
                Answer::Text(done(format!("\tUserName: {}\n", self.wire.whoami())))
            }
            Some(Builtin::Batch(file)) => Answer::Batch(file),
            Some(Builtin::History) => Answer::History,
            Some(Builtin::Leave) => Answer::Leave,
            None => Answer::Text(self.command(line).await?),
        };
        Ok(match answer {
            Answer::Text(text) => Answer::Text(
                filters
                    .iter()
                    .fold(text, |text, filter| filter.apply(&text)),
            ),
            other => other,
        })
    }

    /// The names of the objects of a resource type; none when they cannot be told.
    pub(crate) async fn names(&self, resource: &str) -> Vec<String> {
        let Some(resource) = catalog::resource(resource) else {
            return Vec::new();
        };
        let Some(key) = resource.keys().next() else {
            return Vec::new();
        };
        if resource.rule(Verb::Show).is_none() {
            return Vec::new();
        }
        let request = Request {
            method: Method::Get,
            tree: Tree::Config,
            kind: resource.nitro.to_owned(),
            name: None,
            action: None,
            args: Vec::new(),
            body: None,
        };
        let Ok(reply) = self.wire.send(&request).await else {
            return Vec::new();
        };
        let field = key.field();
        let names = reply
            .rows(resource.nitro)
            .into_iter()
            .filter_map(|row| row.get(&field).and_then(Json::as_str).map(str::to_owned));
        names.collect()
    }

    /// Who asks, and where.
    pub(crate) fn whoami(&self) -> String {
        self.wire.whoami()
    }

    /// Ends what the ADC keeps of the session.
    pub(crate) async fn close(&self) -> Result<()> {
        match &self.wire {
            Wire::Local(_) => Ok(()),
            Wire::Remote(remote) => remote.log_out().await,
        }
    }

    /// A line may stand for several commands: `rm server a b`, `add server s[1-3] 192.0.2.[1-3]`.
    async fn command(&self, line: &str) -> Result<String, Failure> {
        let mut text = String::new();
        let mut rows = Vec::new();
        for command in self.parse(line)? {
            if self.asking == Asking::Person && !confirmed(&command)? {
                continue;
            }
            let (said, found) = self.one(&command).await?;
            text.push_str(&said);
            rows.extend(found);
        }
        match (self.output, rows.is_empty()) {
            (Output::Table, _) => Ok(done(text)),
            (Output::Json, true) if !text.is_empty() => Ok(text),
            (Output::Json, _) => serde_json::to_string_pretty(&rows)
                .map(|rows| rows + "\n")
                .map_err(|error| Failure::plain(&error.to_string())),
        }
    }

    /// One command's warnings and rows, as text and as they are.
    async fn one(&self, command: &Command) -> Result<(String, Vec<Row>), Failure> {
        let reply = self.wire.send(&nitro::to_request(command)).await?;
        let companion = show::companion(command);
        // Some types are nothing but what is bound to them.
        let only_bound = companion.is_some()
            && command.resource().is_singleton()
            && reply.code == codes::INVALID_NITRO_TYPE.code;
        if reply.code != 0 && !only_bound {
            return Err(Failure::refused(&reply));
        }
        let mut rows = match reply.rows(command.resource().nitro) {
            rows if rows.is_empty() && only_bound => vec![Row::new()],
            rows => rows,
        };
        let mut warnings = reply.warnings;
        if let (Some(request), [row]) = (companion, rows.as_mut_slice()) {
            warnings.extend(self.add_bound(&request, row).await?);
        }
        let warnings = warnings.iter();
        let mut text: String = warnings
            .map(|w| format!("{}\n", show::warning(w)))
            .collect();
        if self.output == Output::Table {
            text.push_str(&show::render(command, &rows));
        }
        Ok((text, rows))
    }

    /// Puts what is bound to an object into its row; a warning if it may not be seen.
    async fn add_bound(&self, request: &Request, row: &mut Row) -> Result<Option<String>> {
        let reply = self.wire.send(request).await?;
        if reply.code == codes::INVALID_NITRO_TYPE.code {
            return Ok(None);
        }
        if reply.code != 0 {
            let warning = format!("What is bound to it is not shown: {}", reply.message);
            return Ok(Some(warning));
        }
        for bound in reply.rows(&request.kind) {
            let arrays = bound.into_iter().filter(|(_, value)| value.is_array());
            row.extend(arrays.filter(|(kind, _)| kind.contains('_')));
        }
        Ok(None)
    }

    /// The line's commands; a secret it leaves out is asked for.
    fn parse(&self, line: &str) -> Result<Vec<Command>, Failure> {
        if self.asking == Asking::Person {
            if let Some(name) = grammar::secret_wanted(line) {
                let secret = asked_secret(how_often(line, name))?;
                let parsed = grammar::parse_all_with(line, &secret);
                return parsed.map_err(|fault| Failure::usage(&fault));
            }
            if let Some((command, name)) = without_secret(line) {
                let secret = asked_secret(Typed::Twice)?;
                return Ok(vec![command.with(name, Value::Secret(secret))]);
            }
        }
        grammar::parse_all(line).map_err(|fault| Failure::usage(&fault))
    }
}

/// The text of an answer that succeeded.
fn done(mut text: String) -> String {
    text.push_str(show::DONE);
    text.push('\n');
    text
}

/// How often a secret is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    Once,
    Twice,
}

/// A new password is typed twice, a file's pass phrase once.
fn how_often(line: &str, name: &str) -> Typed {
    let stand_in = Secret::new(STAND_IN.to_owned());
    let commands = grammar::parse_all_with(line, &stand_in).unwrap_or_default();
    let is_new = commands.iter().any(|command| {
        let attribute = command.attribute(name);
        attribute.is_some_and(|attribute| matches!(attribute.kind, Kind::Secret))
    });
    if is_new { Typed::Twice } else { Typed::Once }
}

const STAND_IN: &str = "stand-in";

/// `set system user u`: no command by itself, but one with a secret at its end; and the secret's name.
fn without_secret(line: &str) -> Option<(Command, &'static str)> {
    if grammar::parse_all(line).is_ok() {
        return None;
    }
    let command = grammar::parse_line(&format!("{line} {STAND_IN}")).ok()?;
    let name = command.attributes().find_map(|attribute| {
        let value = command.value(attribute.name)?;
        (*value == Value::Secret(Secret::new(STAND_IN.to_owned()))).then_some(attribute.name)
    })?;
    Some((command, name))
}

fn asked_secret(typed: Typed) -> Result<Secret<String>, Failure> {
    let first = read_password("Enter password:")?;
    if typed == Typed::Twice && first.expose() != read_password("Confirm password:")?.expose() {
        return Err(Failure::plain("Passwords do not match"));
    }
    Ok(first)
}

/// Whether a person wants what cannot be undone.
fn confirmed(command: &Command) -> Result<bool, Failure> {
    if command.verb() != Verb::Clear
        || command.resource().nitro != "nsconfig"
        || command.has("force")
    {
        return Ok(true);
    }
    crate::output::print("Are you sure you want to clear the configuration (Y/N)? [N]:")?;
    let mut typed = String::new();
    std::io::stdin()
        .read_line(&mut typed)
        .map_err(|error| Failure::plain(&error.to_string()))?;
    Ok(matches!(typed.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::stub::Stub;

    #[tokio::test]
    async fn rows_are_printed_as_netscaler_does() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let shown = session.execute("show server").await;

        let expected = "1)\tName:    s1\tState:ENABLED\n\tIPAddress:    10.0.0.1\n Done\n";
        assert_eq!(shown, Ok(Answer::Text(expected.to_owned())));
    }

    #[tokio::test]
    async fn what_is_bound_is_asked_for_and_shown_too() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let Ok(Answer::Text(text)) = session.execute("show ssl vserver vs").await else {
            panic!("not shown");
        };

        assert!(
            text.contains("1)\tCertKey Name: web1\tServer Certificate for SNI\n"),
            "{text}"
        );
        assert_eq!(
            stub.asked(),
            [
                "GET /nitro/v1/config/sslvserver/vs",
                "GET /nitro/v1/config/sslvserver_binding/vs"
            ]
        );
    }

    #[tokio::test]
    async fn refusals_are_errors_with_exit_codes() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let refused = session.execute("rm server nowhere").await;

        assert_eq!(
            refused,
            Err(Failure {
                text: "ERROR: No such resource [name, nowhere]\n".to_owned(),
                exit: 3
            })
        );
    }

    #[tokio::test]
    async fn warnings_stand_before_done() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let warned = session.execute("add lb vserver v HTTP").await;

        let expected = "Warning: Feature(s) not enabled [LB]\n Done\n";
        assert_eq!(warned, Ok(Answer::Text(expected.to_owned())));
    }

    #[tokio::test]
    async fn a_wrong_line_is_not_sent() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let refused = session.execute("shw server").await;

        assert_eq!(
            refused,
            Err(Failure {
                text: "ERROR: No such command [shw]\n  → Expected `show`.\n".to_owned(),
                exit: 2
            })
        );
        assert!(stub.asked().is_empty());
    }

    #[tokio::test]
    async fn json_is_the_rows() {
        let stub = Stub::start();
        let session = stub.session(Output::Json);

        let Ok(Answer::Text(text)) = session.execute("show server").await else {
            panic!("not shown");
        };

        let rows: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[0]["name"], "s1");
    }

    #[tokio::test]
    async fn names_are_read_for_completion() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        assert_eq!(session.names("server").await, ["s1"]);
        assert!(session.names("ns version").await.is_empty());
    }

    #[test]
    fn a_password_left_out_is_missed() {
        let missed = |line: &str| without_secret(line).map(|(_, name)| name);

        assert_eq!(missed("set system user nsroot"), Some("password"));
        assert_eq!(missed("set system user nsroot -timeout 900"), None);
        assert_eq!(missed("set lb vserver v"), None);
        assert_eq!(missed("add ssl certKey"), None);
    }

    #[tokio::test]
    async fn one_line_may_be_several_commands() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        session
            .execute("rm server nowhere other")
            .await
            .unwrap_err();

        assert_eq!(
            stub.asked(),
            ["DELETE /nitro/v1/config/server/nowhere?warning=yes"],
            "the first failure ends the line"
        );
    }

    #[tokio::test]
    async fn filters_pick_lines() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let picked = session.execute("show server | grep IPAddress").await;

        assert_eq!(
            picked,
            Ok(Answer::Text("\tIPAddress:    10.0.0.1\n".to_owned()))
        );
    }
}
