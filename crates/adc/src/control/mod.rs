//! The one way to change the running configuration: every command of shell, NITRO and ns.conf goes through here.
//!
//! A command is applied to a copy, what it needs is built and opened, and only then the copy takes the place of the
//! running configuration: a refused command changes nothing, and no connection notices.

mod access;
mod certkey;
mod draft;
mod execute;
mod load;
mod make;
mod password;
mod save;
mod secrets;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use evercert_ns::model::{Config, Effect};
use evercert_ns::{Command, NsError, codes};
use evercert_types::Secret;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;

pub(crate) use self::load::{Loaded, load};
use self::password::Passwords;
pub(crate) use self::secrets::Secrets;
use crate::files::Files;
use crate::running::live::Live;
use crate::running::{Running, Surroundings};

/// The user that may do everything, and whom the status socket's owner is.
pub(crate) const SUPERUSER: &str = "nsroot";

/// The running configuration, and what changes it.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ArcSwap<Config>,
    /// Held while a command is carried out: one at a time.
    turn: Mutex<()>,
    running: ArcSwap<Running>,
    live: Arc<Live>,
    surroundings: Surroundings,
    files: Files,
    secrets: Secrets,
    passwords: Passwords,
    saved: ArcSwap<SavedState>,
    /// What of ns.conf could not be carried out.
    at_start: Vec<String>,
    /// Those lines, as they were read.
    unsupported: Vec<String>,
}

/// How the running configuration stands to ns.conf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SavedState {
    /// Whether it was changed since.
    pub(crate) is_changed: bool,
    /// When it was last changed, since the start.
    pub(crate) changed_at: Option<Timestamp>,
    /// When ns.conf was last written.
    pub(crate) saved_at: Option<Timestamp>,
}

/// Who gives a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) user: String,
    pub(crate) via: Via,
    /// Where the user is; `None` on the status socket.
    pub(crate) client: Option<IpAddr>,
}

/// The interface a command comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The status socket, whose owner needs no password.
    Cli,
    /// NITRO over the network.
    Api,
}

impl Actor {
    /// The owner of the status socket: `nsroot`, without a password.
    pub(crate) fn local() -> Self {
        Self {
            user: SUPERUSER.to_owned(),
            via: Via::Cli,
            client: None,
        }
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) effect: Effect,
    pub(crate) warnings: Vec<NsError>,
    /// What the command answers, where it answers anything (such as `diff ns config`).
    pub(crate) fields: Option<Map<String, Json>>,
}

impl Done {
    /// Done, with nothing to tell.
    pub(crate) const fn new(effect: Effect) -> Self {
        Self {
            effect,
            warnings: Vec::new(),
            fields: None,
        }
    }
}

/// What becomes of the other commands of a list when one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// They are not carried out.
    Exit,
    /// They are carried out.
    Continue,
    /// They are not carried out, and those before are undone.
    Rollback,
}

impl Control {
    /// Over what ns.conf loaded; the vservers are open already.
    ///
    /// # Errors
    /// When the system gives no random octets.
    pub(crate) fn new(
        loaded: Loaded,
        running: Running,
        live: Arc<Live>,
        with: Surroundings,
        secrets: Secrets,
    ) -> std::io::Result<Self> {
        let written = std::fs::metadata(&with.ns_conf).and_then(|file| file.modified());
        let saved_at = written.ok().and_then(|at| Timestamp::try_from(at).ok());
        Ok(Self {
            inner: Arc::new(Inner {
                config: ArcSwap::new(Arc::new(loaded.config)),
                turn: Mutex::new(()),
                files: loaded.certkeys.files().clone(),
                running: ArcSwap::new(Arc::new(running)),
                live,
                surroundings: with,
                secrets,
                passwords: Passwords::new()?,
                saved: ArcSwap::from_pointee(SavedState {
                    saved_at,
                    ..SavedState::default()
                }),
                at_start: loaded.warnings,
                unsupported: loaded.unsupported,
            }),
        })
    }

    /// The running configuration now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.inner.config.load_full()
    }

    /// What runs now: the vservers with their settings, and the certkeys as they were read.
    pub(crate) fn running(&self) -> Arc<Running> {
        self.inner.running.load_full()
    }

    /// NetScaler's directories.
    pub(crate) fn files(&self) -> &Files {
        &self.inner.files
    }

    /// The vservers and their sockets.
    pub(crate) fn live(&self) -> &Live {
        &self.inner.live
    }

    /// What is configured and has no effect.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let running = self.inner.running.load();
        let at_start = self.inner.at_start.iter();
        at_start.chain(&running.warnings).cloned().collect()
    }

    /// The running configuration's text, as `show ns runningConfig` shows it; secrets are encrypted.
    pub(crate) fn text(&self) -> String {
        save::text(&self.config(), &self.inner.secrets)
    }

    /// How the running configuration stands to ns.conf.
    pub(crate) fn saved(&self) -> SavedState {
        **self.inner.saved.load()
    }

    /// The file that `save ns config` writes.
    pub(crate) fn ns_conf(&self) -> &Path {
        &self.inner.surroundings.ns_conf
    }

    /// Who logs in over the network with this name and password. It takes a tenth of a second, on purpose: call it
    /// where that holds up nobody.
    ///
    /// # Errors
    /// 354 when there is no such user, the password is another or was never set, or the user may not use NITRO.
    pub(crate) fn authenticate(
        &self,
        user: &str,
        password: &Secret<String>,
    ) -> Result<Actor, NsError> {
        let config = self.config();
        let known = config
            .users()
            .find(|known| known.name.eq_ignore_ascii_case(user));
        let is_right = self.inner.passwords.verify(known.as_ref(), password);
        match known {
            Some(known) if is_right && access::may_use(&config, &known.name, Via::Api) => {
                Ok(Actor {
                    user: known.name,
                    via: Via::Api,
                    client: None,
                })
            }
            _ => {
                tracing::warn!(user.name = user, "log-in refused");
                Err(NsError::new(&codes::INVALID_LOGIN))
            }
        }
    }

    /// Whether the user may give the command; reads are asked for too.
    ///
    /// # Errors
    /// 2138 when a command policy or none says so, 371 for a user without any, 354 for one who is gone.
    pub(crate) fn authorise(&self, actor: &Actor, command: &Command) -> Result<(), NsError> {
        access::authorise(&self.config(), actor, command)
    }
}

#[cfg(test)]
mod tests;
