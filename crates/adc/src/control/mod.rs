//! The one way to change the running configuration: every command of shell, NITRO and ns.conf goes through here.
//!
//! A command is applied to a copy, what it needs is built and opened, and only then the copy takes the place of the
//! running configuration: a refused command changes nothing, and no connection notices.

mod access;
mod certkey;
mod draft;
mod load;
mod make;
mod password;
mod save;
mod secrets;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_ns::model::{Config, Effect};
use evercert_ns::{Command, NsError, Verb, codes};
use evercert_types::Secret;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;

use self::draft::Draft;
pub(crate) use self::load::{Loaded, load};
use self::password::Passwords;
pub(crate) use self::secrets::Secrets;
use crate::files::Files;
use crate::ocsp::Settings;
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

    /// Carries a command out: all of it, or nothing. Once begun it goes on to its end, whether or not the caller waits
    /// for it: half a change is no configuration.
    ///
    /// # Errors
    /// NetScaler's error; everything is as before then.
    pub(crate) async fn execute(&self, actor: &Actor, command: &Command) -> Result<Done, NsError> {
        let (control, actor, command) = (self.clone(), actor.clone(), command.clone());
        let work = async move {
            let _turn = control.inner.turn.lock().await;
            control.carry_out(&actor, &command).await
        };
        let done = tokio::spawn(work).await;
        done.unwrap_or_else(|error| Err(broken(&error)))
    }

    /// Carries several out, one after the other, with nobody else's in between.
    pub(crate) async fn execute_all(
        &self,
        actor: &Actor,
        commands: &[Command],
        on_error: OnError,
    ) -> Vec<Result<Done, NsError>> {
        let (control, actor, commands) = (self.clone(), actor.clone(), commands.to_vec());
        let work = async move {
            let _turn = control.inner.turn.lock().await;
            control.carry_out_all(&actor, &commands, on_error).await
        };
        let done = tokio::spawn(work).await;
        done.unwrap_or_else(|error| vec![Err(broken(&error))])
    }

    async fn carry_out_all(
        &self,
        actor: &Actor,
        commands: &[Command],
        on_error: OnError,
    ) -> Vec<Result<Done, NsError>> {
        let before = (self.config(), self.running(), self.saved());
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
        let done = match (command.resource().name, command.verb()) {
            ("ns config", Verb::Save) => self.save()?,
            ("ns config", Verb::Diff) => return self.diff(command),
            (_, verb) if verb.is_read_only() => return Ok(Done::new(Effect::Unchanged)),
            ("system file", Verb::Add | Verb::Rm) => self.file(command)?,
            (_, Verb::Create | Verb::Convert) => self.make(command).await?,
            _ => self.change(command).await?,
        };
        tracing::info!(user.name = actor.user, %command, effect = ?done.effect, "done");
        Ok(done)
    }

    /// A command that changes the configuration.
    async fn change(&self, command: &Command) -> Result<Done, NsError> {
        access::check(command)?;
        let command = &password::hashed(&self.inner.secrets.opened(command))?;
        let config = Config::clone(&self.config());
        let mut draft = Draft::new(config, self.running().certkeys.clone());
        let effect = match command.resource().name {
            "ssl certKey" => {
                certkey::carry_out(&mut draft, command, &*self.inner.surroundings.clock)?
            }
            "ssl certKeyBundle" => {
                certkey::bundle(&mut draft, command, &*self.inner.surroundings.clock)?
            }
            _ => draft.apply(command)?,
        };
        let (warnings, doomed) = (
            std::mem::take(&mut draft.warnings),
            std::mem::take(&mut draft.doomed),
        );
        if effect != Effect::Unchanged {
            self.put_in_effect(draft).await?;
            self.note_change();
        }
        for path in doomed {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a certkey's file was not removed");
            }
        }
        Ok(Done {
            warnings,
            ..Done::new(effect)
        })
    }

    async fn put_in_effect(&self, draft: Draft) -> Result<(), NsError> {
        let Draft {
            config, certkeys, ..
        } = draft;
        let (running, before) = (self.running(), self.config());
        let changes = config.changes_since(&before);
        let is_seen = |(kind, key): &(&str, String)| reaches_vservers(&before, kind, key);
        let next = if changes.iter().any(is_seen) {
            let next = running.rebuilt(&config, certkeys, &self.inner.surroundings)?;
            let prepared = self.inner.live.prepare(&next)?;
            self.inner.live.commit(prepared).await;
            next
        } else {
            Running::clone(&running).with_certkeys(certkeys)
        };
        self.inner.running.store(Arc::new(next));
        let stapling = Settings::of(&config.zero_touch_params());
        self.inner.surroundings.stapler.configure(stapling);
        self.inner.config.store(Arc::new(config));
        Ok(())
    }

    fn note_change(&self) {
        self.inner.saved.store(Arc::new(SavedState {
            is_changed: true,
            changed_at: Some(self.inner.surroundings.clock.now()),
            ..self.saved()
        }));
    }

    /// `save ns config`.
    fn save(&self) -> Result<Done, NsError> {
        let (inner, now) = (&self.inner, self.inner.surroundings.clock.now());
        let path = self.ns_conf();
        save::save(
            path,
            &self.config(),
            &inner.unsupported,
            &inner.secrets,
            now,
        )
        .map_err(|error| {
            tracing::error!(path = %path.display(), %error, "the configuration was not saved");
            NsError::about(&codes::SYSTEM_ERROR, error.to_string())
        })?;
        inner.saved.store(Arc::new(SavedState {
            is_changed: false,
            saved_at: Some(now),
            ..self.saved()
        }));
        Ok(Done::new(Effect::Unchanged))
    }

    /// `diff ns config`: the differences are in the field `response`.
    fn diff(&self, command: &Command) -> Result<Done, NsError> {
        let inner = &self.inner;
        let config = self.config();
        let text = save::diff(
            command,
            &config,
            &inner.secrets,
            self.ns_conf(),
            &inner.files,
        )?;
        Ok(Done {
            fields: Some(Map::from_iter([(
                "response".to_owned(),
                Json::String(text),
            )])),
            ..Done::new(Effect::Unchanged)
        })
    }

    /// `add system file`, `rm system file`.
    fn file(&self, command: &Command) -> Result<Done, NsError> {
        let files = self.files();
        let location = command.text("fileLocation").unwrap_or_default();
        let name = command.text("fileName").unwrap_or_default();
        if command.verb() == Verb::Rm {
            files.remove(location, name)?;
            return Ok(Done::new(Effect::Removed));
        }
        let content = command.text("fileContent").unwrap_or_default();
        let decoded = STANDARD.decode(content.as_bytes()).map_err(|_| {
            NsError::argument(&codes::INVALID_ARGUMENT_VALUE, "fileContent", "not base64")
        })?;
        let decoded = Secret::new(decoded);
        files.create(location, name, decoded.expose())?;
        Ok(Done::new(Effect::Added))
    }

    /// `create ssl …`, `convert ssl …`: on a thread of their own, for they take their time.
    async fn make(&self, command: &Command) -> Result<Done, NsError> {
        let (files, command) = (self.files().clone(), command.clone());
        let clock = self.inner.surroundings.clock.clone();
        let work = move || make::make(&files, &command, &*clock);
        match tokio::task::spawn_blocking(work).await {
            Ok(made) => made.map(|()| Done::new(Effect::Added)),
            Err(error) => Err(NsError::about(&codes::SYSTEM_ERROR, error.to_string())),
        }
    }

    /// Undoes what was done since then.
    async fn go_back(&self, (config, running, saved): (Arc<Config>, Arc<Running>, SavedState)) {
        match self.inner.live.prepare(&running) {
            Ok(prepared) => {
                self.inner.live.commit(prepared).await;
                self.inner.running.store(running);
                let stapling = Settings::of(&config.zero_touch_params());
                self.inner.surroundings.stapler.configure(stapling);
                self.inner.config.store(config);
                self.inner.saved.store(Arc::new(saved));
            }
            // Another program took a port that was free for a moment.
            Err(error) => tracing::error!(%error, "undoing the commands of a refused list failed"),
        }
    }
}

fn broken(error: &tokio::task::JoinError) -> NsError {
    tracing::error!(%error, "a command ended in a panic");
    NsError::about(&codes::SYSTEM_ERROR, "internal error")
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

#[cfg(test)]
mod tests;
