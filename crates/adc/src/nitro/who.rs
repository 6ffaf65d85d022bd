//! Who sends a request: a session, a user with a password, or the owner of the status socket.

use std::net::IpAddr;

use evercert_ns::{NsError, codes};
use evercert_types::Secret;

use super::credentials::{Credentials, Login};
use super::{Peer, client_of};
use crate::control::{Actor, Via};
use crate::instance::Instance;

/// Who asks.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    pub(super) session: Option<OwnSession>,
}

/// The session of a caller.
#[derive(Debug)]
pub(super) struct OwnSession {
    pub(super) sid: u32,
    pub(super) token: Secret<String>,
}

/// Finds out who asks.
///
/// # Errors
/// 1027 for nobody, 444 for a session that has ended, 354 for a wrong password, 1244 when HTTP Basic is off.
pub(super) async fn caller(
    instance: &Instance,
    peer: Peer,
    credentials: Credentials,
) -> Result<Caller, NsError> {
    let Peer::Remote { client, .. } = peer else {
        return Ok(Caller {
            actor: Actor::local(),
            session: None,
        });
    };
    match credentials {
        Credentials::None => Err(NsError::new(&codes::NOT_LOGGED_IN)),
        Credentials::Session(tokens) => in_session(instance, client, tokens),
        Credentials::Headers(login) => user(instance, peer, login).await,
        Credentials::Basic(_) if !accepts_basic(instance) => {
            Err(NsError::new(&codes::BASIC_AUTH_DISABLED))
        }
        Credentials::Basic(login) => user(instance, peer, login).await,
    }
}

fn in_session(
    instance: &Instance,
    client: IpAddr,
    tokens: Vec<Secret<String>>,
) -> Result<Caller, NsError> {
    for token in tokens {
        let Ok(session) = instance.memory.sessions.resume(token.expose()) else {
            continue;
        };
        return Ok(Caller {
            actor: Actor {
                user: session.user,
                via: Via::Api,
                client: Some(client),
            },
            session: Some(OwnSession {
                sid: session.sid,
                token,
            }),
        });
    }
    Err(NsError::new(&codes::SESSION_EXPIRED))
}

async fn user(instance: &Instance, peer: Peer, login: Login) -> Result<Caller, NsError> {
    Ok(Caller {
        actor: authenticate(instance, peer, login).await?,
        session: None,
    })
}

/// Checks a name and a password, slowly for addresses that guess.
///
/// # Errors
/// 354, without telling what was wrong.
pub(super) async fn authenticate(
    instance: &Instance,
    peer: Peer,
    login: Login,
) -> Result<Actor, NsError> {
    let client = client_of(peer);
    let throttle = &instance.memory.throttle;
    if !throttle.wait(client).await {
        tracing::warn!(?client, "log-in refused: too many failures from there");
        return Err(NsError::new(&codes::INVALID_LOGIN));
    }
    let Login { user, password } = login;
    let control = instance.control.clone();
    // Hashing a password takes its time.
    let checked = tokio::task::spawn_blocking(move || control.authenticate(&user, &password));
    let checked = checked
        .await
        .unwrap_or_else(|_| Err(NsError::about(&codes::INTERNAL_ERROR, "login")));
    match checked {
        Ok(actor) => {
            throttle.succeeded(client);
            Ok(Actor { client, ..actor })
        }
        Err(error) => {
            throttle.failed(client);
            Err(error)
        }
    }
}

fn accepts_basic(instance: &Instance) -> bool {
    let config = instance.control.config();
    config
        .singleton("system parameter")
        .is_none_or(|settings| settings.is("basicAuth", "ENABLED"))
}
