//! `login` and `logout`.

use evercert_ns::catalog::SYSTEM_USER;
use evercert_ns::value::Value;
use evercert_ns::{Command, NsError, Verb, codes};
use evercert_types::Secret;
use http::HeaderValue;
use jiff::SignedDuration;
use serde_json::{Map, Value as Json, json};

use super::credentials::Login;
use super::envelope::{Reply, Success};
use super::sessions::Opening;
use super::who::{Caller, authenticate};
use super::{Call, Peer, client_of};
use crate::control::Actor;

/// How long a session may stay unused, seconds, when nobody says otherwise.
const USUAL: u64 = 30 * 60;
/// The same under `-restrictedTimeout ENABLED`.
const RESTRICTED: u64 = 15 * 60;
/// The longest anybody may ask for, seconds; also what 0, without end, stands for.
const LONGEST: u64 = 24 * 60 * 60;
/// Sessions of one user at once.
const USUAL_SESSIONS: u64 = 20;

impl Call {
    /// Starts a session.
    ///
    /// # Errors
    /// 354 for a wrong name or password, 446 when the user has too many sessions, 1095 without a name.
    pub(super) async fn log_in(&self, peer: Peer) -> Result<Reply, NsError> {
        let fields = login_of(self.body.as_ref())?;
        let login = Login {
            user: text(&fields, "username")
                .ok_or_else(|| NsError::about(&codes::ARGUMENT_MISSING, "username"))?,
            password: Secret::new(text(&fields, "password").unwrap_or_default()),
        };
        let name = login.user.clone();
        let actor = match authenticate(&self.instance, peer, login).await {
            Ok(actor) => actor,
            Err(error) => {
                tracing::info!(user.name = name, client = ?client_of(peer), "log-in failed");
                return Err(error);
            }
        };
        if let Some(password) = text(&fields, "new_password") {
            self.change_password(&actor, Secret::new(password)).await?;
        }
        let token = self.open(peer, &actor.user, number(&fields, "timeout"))?;
        tracing::info!(user.name = actor.user, client = ?client_of(peer), "logged in");
        let reply = Reply::with(Success::Created, &[("sessionid", json!(token.expose()))]);
        Ok(reply.cookie(cookie(&token, peer)?))
    }

    /// Ends the caller's session.
    pub(super) fn log_out(&self, caller: &Caller) -> Reply {
        if let Some(session) = &caller.session {
            self.instance.memory.sessions.close(session.token.expose());
            tracing::info!(user.name = caller.actor.user, "logged out");
        }
        Reply::done(Success::Created)
    }

    fn open(&self, peer: Peer, user: &str, wanted: Option<u64>) -> Result<Secret<String>, NsError> {
        let config = self.instance.control.config();
        let settings = config.singleton("system parameter");
        let object = config.object("system user", user);
        let own = object.and_then(|object| object.value("timeout")?.as_integer());
        let everybodys = settings.and_then(|settings| settings.value("timeout")?.as_integer());
        let is_restricted = settings.is_some_and(|s| s.is("restrictedTimeout", "ENABLED"));
        let seconds = match is_restricted {
            true => {
                let most = own.unwrap_or(RESTRICTED);
                wanted.map_or(most, |wanted| wanted.min(most))
            }
            false => wanted.or(own).or(everybodys).unwrap_or(USUAL),
        };
        let seconds = match seconds {
            0 => LONGEST,
            seconds => seconds.min(LONGEST),
        };
        let most = object.and_then(|object| object.integer("maxsession"));
        self.instance.memory.sessions.open(&Opening {
            user,
            client: client_of(peer),
            timeout: SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
            most: usize::try_from(most.unwrap_or(USUAL_SESSIONS)).unwrap_or(usize::MAX),
        })
    }

    /// The first log-in of an appliance may have to set another password.
    async fn change_password(&self, actor: &Actor, new: Secret<String>) -> Result<(), NsError> {
        let command = Command::new(Verb::Set, &SYSTEM_USER)
            .with("userName", Value::Text(actor.user.clone()))
            .with("password", Value::Secret(new));
        // Everybody may change the own password.
        let control = &self.instance.control;
        control.execute(&Actor::local(), &command).await.map(|_| ())
    }
}

fn login_of(body: Option<&Json>) -> Result<Map<String, Json>, NsError> {
    let malformed = || NsError::about(&codes::INVALID_JSON, "login");
    let members = body.and_then(Json::as_object).ok_or_else(malformed)?;
    let login = members
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("login"));
    let login = match login.map(|(_, login)| login).ok_or_else(malformed)? {
        Json::Array(logins) => logins.first(),
        login => Some(login),
    };
    login
        .and_then(Json::as_object)
        .cloned()
        .ok_or_else(malformed)
}

fn text(fields: &Map<String, Json>, name: &str) -> Option<String> {
    let field = fields
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    field.and_then(|(_, value)| value.as_str().map(str::to_owned))
}

fn number(fields: &Map<String, Json>, name: &str) -> Option<u64> {
    let field = fields
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    match field.map(|(_, value)| value)? {
        Json::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

/// Browsers send it nowhere but here, and scripts in pages cannot read it.
fn cookie(token: &Secret<String>, peer: Peer) -> Result<HeaderValue, NsError> {
    let secure = match peer {
        Peer::Remote {
            is_secure: true, ..
        } => "; Secure",
        _ => "",
    };
    let token = token.expose();
    let text =
        format!("NITRO_AUTH_TOKEN={token}; path=/nitro/v1; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| NsError::about(&codes::INTERNAL_ERROR, "cookie"))?;
    value.set_sensitive(true);
    Ok(value)
}
