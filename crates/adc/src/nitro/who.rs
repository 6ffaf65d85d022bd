//! Who sends a request: a session, a user with a password, or the owner of the status socket.

use std::net::IpAddr;

use evercert_ns::{NsError, codes};
use evercert_types::Secret;

use super::credentials::{Credentials, Login};
use super::{Call, Peer, client_of};
use crate::control::{Actor, Via};

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

impl Call {
    /// Finds out who asks.
    ///
    /// # Errors
    /// 1027 for nobody, 444 for a session that has ended, 354 for a wrong password, 1244 when HTTP Basic is off.
    pub(super) async fn caller(
        &self,
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
            Credentials::Session(tokens) => self.session(client, tokens),
            Credentials::Headers(login) => self.user(peer, login).await,
            Credentials::Basic(_) if !self.accepts_basic() => {
                Err(NsError::new(&codes::BASIC_AUTH_DISABLED))
            }
            Credentials::Basic(login) => self.user(peer, login).await,
        }
    }

    fn session(&self, client: IpAddr, tokens: Vec<Secret<String>>) -> Result<Caller, NsError> {
        let sessions = &self.instance.memory.sessions;
        for token in tokens {
            let Ok(session) = sessions.resume(token.expose()) else {
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

    async fn user(&self, peer: Peer, login: Login) -> Result<Caller, NsError> {
        let actor = self.authenticate(peer, login).await?;
        Ok(Caller {
            actor,
            session: None,
        })
    }

    /// Checks a name and a password, slowly for addresses that guess.
    ///
    /// # Errors
    /// 354, without telling what was wrong.
    pub(super) async fn authenticate(&self, peer: Peer, login: Login) -> Result<Actor, NsError> {
        let client = client_of(peer);
        let throttle = &self.instance.memory.throttle;
        if !throttle.wait(client).await {
            tracing::warn!(?client, "log-in refused: too many failures from there");
            return Err(NsError::new(&codes::INVALID_LOGIN));
        }
        let Login { user, password } = login;
        let control = self.instance.control.clone();
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

    fn accepts_basic(&self) -> bool {
        let config = self.instance.control.config();
        config
            .singleton("system parameter")
            .is_none_or(|settings| settings.is("basicAuth", "ENABLED"))
    }
}
