//! POST, PUT and DELETE: commands, one for each object of the body.

use evercert_ns::catalog;
use evercert_ns::command::{Command, Verb};
use evercert_ns::model::{Config, Effect};
use evercert_ns::nitro::{self, Method, Tree};
use evercert_ns::value::Value;
use evercert_ns::{NsError, codes, validate};
use serde_json::{Map, Value as Json, json};

use super::Call;
use super::envelope::{Reply, Success};
use super::url::Reading;
use super::who::Caller;
use crate::control::{Done, OnError};

type Outcome = Result<Done, NsError>;

impl Call {
    /// Carries out what a request asks for.
    ///
    /// # Errors
    /// What the one command meets; several are answered by 207.
    pub(super) async fn change(&self, caller: &Caller) -> Result<Reply, NsError> {
        if self.target.tree == Tree::Stat {
            return Err(NsError::about(&codes::INVALID_NITRO_ACTION, "stat"));
        }
        let kind = &self.target.kind;
        let is_known = catalog::resource_by_nitro(kind).is_some()
            || catalog::bindings_by_nitro(kind).next().is_some();
        if !is_known {
            return Err(NsError::about(&codes::INVALID_NITRO_TYPE, kind));
        }
        let outcomes = match self.parts()?.as_slice() {
            [part] => {
                let attempt = |reading| self.one(caller, part, reading);
                vec![Ok(self.twice_if_needed(attempt).await?)]
            }
            parts => self.several(caller, parts).await,
        };
        self.forget_removed_users();
        if outcomes.iter().any(Result::is_err) {
            let outcomes: Vec<_> = outcomes.into_iter().map(|o| o.map(|_| ())).collect();
            return Ok(Reply::bulk(&outcomes));
        }
        Ok(self.done(outcomes.into_iter().flatten().collect()))
    }

    /// The body once for each of its objects.
    fn parts(&self) -> Result<Vec<Option<Json>>, NsError> {
        let takes_body = matches!(self.method, Method::Post | Method::Put);
        let body = match (&self.body, takes_body) {
            (_, false) => return Ok(vec![None]),
            // `save` and the like need nothing.
            (None, true) => return Ok(vec![Some(json!({ self.target.kind.as_str(): {} }))]),
            (Some(body), true) => body,
        };
        let payload = body.as_object().and_then(|members| {
            let kind = &self.target.kind;
            members
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(kind))
        });
        let (name, payload) =
            payload.ok_or_else(|| NsError::about(&codes::INVALID_JSON, &self.target.kind))?;
        match payload {
            Json::Array(objects) if objects.is_empty() => {
                Err(NsError::about(&codes::INVALID_JSON, &self.target.kind))
            }
            Json::Array(objects) => Ok(objects
                .iter()
                .map(|object| Some(json!({ name.as_str(): object })))
                .collect()),
            object => Ok(vec![Some(json!({ name.as_str(): object }))]),
        }
    }

    async fn one(&self, caller: &Caller, part: &Option<Json>, reading: Reading) -> Outcome {
        let command = self.command(part, reading)?;
        if let Some(outcome) = self.own_command(caller, &command) {
            return outcome;
        }
        let control = &self.instance.control;
        let outcome = control.execute(&caller.actor, &command).await;
        outcome.or_else(|error| self.same_already(&command, error))
    }

    async fn several(&self, caller: &Caller, parts: &[Option<Json>]) -> Vec<Outcome> {
        let parsed = parts.iter().map(|part| self.command(part, Reading::Once));
        let parsed: Vec<_> = parsed.collect();
        if self.on_error == OnError::Continue {
            let mut outcomes = Vec::with_capacity(parsed.len());
            for command in parsed {
                outcomes.push(match command {
                    Ok(command) => self.of_several(caller, &command).await,
                    Err(error) => Err(error),
                });
            }
            return outcomes;
        }
        let first_bad = parsed.iter().position(Result::is_err);
        let commands: Vec<_> = parsed.iter().flatten().cloned().collect();
        let bad = parsed.into_iter().find_map(Result::err);
        match (self.on_error, first_bad, bad) {
            (OnError::Rollback, Some(_), Some(error)) => vec![Err(error)],
            (_, Some(first), Some(error)) => {
                let mut outcomes = self.all(caller, &commands[..first]).await;
                if outcomes.iter().all(Result::is_ok) {
                    outcomes.push(Err(error));
                }
                outcomes
            }
            _ => self.all(caller, &commands).await,
        }
    }

    async fn of_several(&self, caller: &Caller, command: &Command) -> Outcome {
        if let Some(outcome) = self.own_command(caller, command) {
            return outcome;
        }
        let outcome = self.instance.control.execute(&caller.actor, command).await;
        outcome.or_else(|error| self.same_already(command, error))
    }

    async fn all(&self, caller: &Caller, commands: &[Command]) -> Vec<Outcome> {
        // With `idempotent=yes` objects that are there already are no failures, so they are left out.
        let config = self.instance.control.config();
        let (there, wanted): (Vec<_>, Vec<_>) = commands
            .iter()
            .cloned()
            .partition(|command| self.query.idempotent && is_same(&config, command));
        let control = &self.instance.control;
        let done = control
            .execute_all(&caller.actor, &wanted, self.on_error)
            .await;
        let there = there.into_iter().map(|_| Ok(Done::new(Effect::Unchanged)));
        there.chain(done).collect()
    }

    fn command(&self, part: &Option<Json>, reading: Reading) -> Result<Command, NsError> {
        let request = nitro::Request {
            method: self.method,
            tree: self.target.tree,
            kind: self.target.kind.clone(),
            name: self.target.name.as_ref().map(|name| name.read(reading)),
            action: self.query.action.clone(),
            args: (self.query.args.iter())
                .map(|(key, value)| (key.clone(), value.read(reading)))
                .collect(),
            body: part.clone(),
        };
        let mut commands = nitro::from_request(&request)?.into_iter();
        commands
            .next()
            .ok_or_else(|| NsError::about(&codes::INVALID_JSON, &self.target.kind))
    }

    /// `?idempotent=yes`: an object that is there as it is wanted is no failure.
    fn same_already(&self, command: &Command, error: NsError) -> Outcome {
        let exists = command.resource().exists.code == error.code() || error.code() == 273;
        let config = self.instance.control.config();
        if self.query.idempotent && exists && is_same(&config, command) {
            return Ok(Done::new(Effect::Unchanged));
        }
        Err(error)
    }

    /// Commands about sessions are carried out here.
    fn own_command(&self, caller: &Caller, command: &Command) -> Option<Outcome> {
        let act: fn(&Self, &Caller, &Command) -> Result<(), NsError> =
            match (command.verb(), command.resource().name) {
                (Verb::Kill, "system session") => Self::kill,
                (Verb::Switch, "ns partition") => Self::switch_partition,
                _ => return None,
            };
        let allowed = self.instance.control.authorise(&caller.actor, command);
        let outcome = allowed.and_then(|()| act(self, caller, command));
        Some(outcome.map(|()| Done::new(Effect::Changed)))
    }

    fn kill(&self, caller: &Caller, command: &Command) -> Result<(), NsError> {
        let sessions = &self.instance.memory.sessions;
        let own = caller.session.as_ref().map(|session| session.sid);
        if command.has("all") {
            sessions.kill_others(own);
            return Ok(());
        }
        let sid = command
            .integer("sid")
            .ok_or_else(|| NsError::about(&codes::ARGUMENT_MISSING, "sid"))?;
        if own.map(u64::from) == Some(sid) {
            return Err(NsError::argument(
                &codes::SESSION_NOT_KILLABLE,
                "sid",
                &sid.to_string(),
            ));
        }
        sessions.kill(sid)
    }

    /// There is one partition.
    fn switch_partition(&self, _: &Caller, command: &Command) -> Result<(), NsError> {
        let name = command.key();
        match name.eq_ignore_ascii_case("default") {
            true => Ok(()),
            false => Err(NsError::argument(
                &codes::NO_SUCH_RESOURCE,
                "partitionName",
                &name,
            )),
        }
    }

    fn forget_removed_users(&self) {
        if self.target.kind == "systemuser" {
            let config = self.instance.control.config();
            let sessions = &self.instance.memory.sessions;
            sessions.retain_users(|user| config.object("system user", user).is_some());
        }
    }

    fn done(&self, done: Vec<Done>) -> Reply {
        let fields: Vec<Map<String, Json>> =
            done.iter().filter_map(|done| done.fields.clone()).collect();
        let mut members: Vec<(&str, Json)> = Vec::new();
        match fields.as_slice() {
            [] => {}
            [one] => members.push((&self.target.kind, Json::Object(one.clone()))),
            _ => members.push((
                &self.target.kind,
                fields.into_iter().map(Json::Object).collect(),
            )),
        }
        let warnings: Vec<_> = done.into_iter().flat_map(|done| done.warnings).collect();
        match self.warn && !warnings.is_empty() {
            true => Reply::warned(&warnings, &members),
            false => Reply::with(self.success(), &members),
        }
    }

    /// Creating and binding answer 201, everything else 200.
    fn success(&self) -> Success {
        let is_binding = self.target.kind.ends_with("_binding");
        match (self.method, &self.query.action) {
            (Method::Post, None) => Success::Created,
            (Method::Put, None) if is_binding => Success::Created,
            _ => Success::Ok,
        }
    }
}

/// Whether the object to be added is there, with these values and no others.
fn is_same(config: &Config, command: &Command) -> bool {
    if command.verb() != Verb::Add {
        return false;
    }
    let Some(object) = config.object(command.resource().name, &command.key()) else {
        return false;
    };
    let is_default = |name: &str, value: &Value| {
        let attribute = command.resource().attribute(name);
        let default = attribute.and_then(|a| validate::value(a, a.default?).ok());
        default.as_ref() == Some(value)
    };
    let given = |name: &str, value: &Value| match object.value(name) {
        Some(have) => have == value,
        None => is_default(name, value),
    };
    command
        .values()
        .iter()
        .all(|(name, value)| given(name, value))
        && (object.values().iter())
            .all(|(name, value)| command.has(name) || is_default(name, value))
}
