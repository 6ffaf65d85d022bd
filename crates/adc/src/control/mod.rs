//! The one way to change the running configuration: every command of shell, NITRO and ns.conf goes through here.
//!
//! A command is applied to a copy, what it needs is built and opened, and only then the copy takes the place of the
//! running configuration: a refused command changes nothing, and no connection notices.

mod load;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use evercert_ns::model::{Config, Effect};
use evercert_ns::{Command, NsError, codes};
use evercert_types::Secret;
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;

pub(crate) use self::load::{Loaded, load};
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
    /// What of ns.conf could not be carried out.
    at_start: Vec<String>,
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
    pub(crate) fn new(
        loaded: Loaded,
        running: Running,
        live: Arc<Live>,
        with: Surroundings,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                config: ArcSwap::new(Arc::new(loaded.config)),
                turn: Mutex::new(()),
                running: ArcSwap::new(Arc::new(running)),
                live,
                surroundings: with,
                at_start: loaded.warnings,
            }),
        }
    }

    /// The running configuration now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.inner.config.load_full()
    }

    /// What runs now: the vservers with their settings, and the certkeys as they were read.
    pub(crate) fn running(&self) -> Arc<Running> {
        self.inner.running.load_full()
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

    /// Who logs in with this name and password.
    ///
    /// # Errors
    /// 354 when there is no such user, or the password is another.
    pub(crate) fn authenticate(
        &self,
        user: &str,
        _password: &Secret<String>,
    ) -> Result<Actor, NsError> {
        tracing::info!(user.name = user, "log-in refused: no user has a password");
        Err(NsError::new(&codes::INVALID_LOGIN))
    }

    /// Whether the user may give the command; reads are asked for too.
    ///
    /// # Errors
    /// 2138 when not.
    pub(crate) fn authorise(&self, actor: &Actor, _command: &Command) -> Result<(), NsError> {
        match actor.user == SUPERUSER {
            true => Ok(()),
            false => Err(NsError::new(&codes::NOT_AUTHORIZED)),
        }
    }

    /// Carries a command out: all of it, or nothing.
    ///
    /// # Errors
    /// NetScaler's error; everything is as before then.
    pub(crate) async fn execute(&self, actor: &Actor, command: &Command) -> Result<Done, NsError> {
        let _turn = self.inner.turn.lock().await;
        self.carry_out(actor, command).await
    }

    /// Carries several out, one after the other, with nobody else's in between.
    pub(crate) async fn execute_all(
        &self,
        actor: &Actor,
        commands: &[Command],
        on_error: OnError,
    ) -> Vec<Result<Done, NsError>> {
        let _turn = self.inner.turn.lock().await;
        let before = (self.config(), self.running());
        let mut results = Vec::with_capacity(commands.len());
        for command in commands {
            let result = self.carry_out(actor, command).await;
            let refused = result.is_err();
            results.push(result);
            match on_error {
                OnError::Exit if refused => break,
                OnError::Rollback if refused => {
                    self.go_back(before).await;
                    break;
                }
                _ => {}
            }
        }
        results
    }

    async fn carry_out(&self, actor: &Actor, command: &Command) -> Result<Done, NsError> {
        self.authorise(actor, command)?;
        let before = self.config();
        let mut config = Config::clone(&before);
        let mut certkeys = self.running().certkeys.clone();
        let applied = config.apply(command)?;
        let mut done = Done::new(applied.effect);
        done.warnings = applied.warnings;
        if applied.effect != Effect::Unchanged {
            load::certkey(&mut config, &mut certkeys, command)?;
            self.put_in_effect(&before, config, certkeys).await?;
            tracing::info!(user.name = actor.user, %command, "configuration changed");
        }
        Ok(done)
    }

    async fn put_in_effect(
        &self,
        before: &Config,
        config: Config,
        certkeys: crate::running::certkeys::CertKeys,
    ) -> Result<(), NsError> {
        let running = self.running();
        let changes = config.changes_since(before);
        if changes
            .iter()
            .any(|(kind, key)| reaches_vservers(before, kind, key))
        {
            let next = running.rebuilt(&config, certkeys, &self.inner.surroundings)?;
            let prepared = self.inner.live.prepare(&next)?;
            self.inner.live.commit(prepared).await;
            self.inner.running.store(Arc::new(next));
        } else {
            let mut next = Running::clone(&running);
            next.certkeys = certkeys;
            self.inner.running.store(Arc::new(next));
        }
        self.inner.config.store(Arc::new(config));
        Ok(())
    }

    /// Undoes what was done since then.
    async fn go_back(&self, (config, running): (Arc<Config>, Arc<Running>)) {
        match self.inner.live.prepare(&running) {
            Ok(prepared) => {
                self.inner.live.commit(prepared).await;
                self.inner.running.store(running);
                self.inner.config.store(config);
            }
            // Another program took a port that was free for a moment.
            Err(error) => tracing::error!(%error, "undoing the commands of a refused list failed"),
        }
    }
}

/// Whether a change of the object can change what a vserver does: a certkey nobody knew cannot be in use.
fn reaches_vservers(before: &Config, kind: &str, key: &str) -> bool {
    match kind {
        "system user" | "system group" | "system cmdPolicy" | "ns hostName"
        | "system parameter" => false,
        "ssl certKey" => before.object(kind, key).is_some(),
        _ => true,
    }
}
