//! Carrying commands out: the copy that is changed, what is built of it, and the moment it takes effect.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_ns::model::{Config, Effect};
use evercert_ns::{Command, NsError, Verb, codes};
use evercert_types::Secret;
use serde_json::{Map, Value as Json};

use super::draft::Draft;
use super::{Actor, Control, Done, OnError, SavedState, access, certkey, make, password, save};
use crate::ocsp::Settings;
use crate::running::Running;

impl Control {
    /// Carries a command out: all of it, or nothing. Once begun it goes on to its end, whether or not the caller waits
    /// for it: half a change is no configuration.
    ///
    /// # Errors
    /// NetScaler's error; everything is as before then.
    pub(crate) async fn execute(&self, actor: &Actor, command: &Command) -> Result<Done, NsError> {
        let (control, actor, command) = (self.clone(), actor.clone(), command.clone());
        let work = async move {
            // Keys and conversions take their time, make files only, and hold up nobody.
            let is_apart = matches!(command.verb(), Verb::Create | Verb::Convert);
            let _turn = match is_apart {
                true => None,
                false => Some(control.inner.turn.lock().await),
            };
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
        access::check_files(actor, command, self.files())?;
        let resource = command.resource();
        let done = match (resource.name, command.verb()) {
            ("ns config", Verb::Save) => self.save()?,
            ("ns config", Verb::Diff) => return self.diff(command),
            ("ssl dynamicClientCertCache", Verb::Flush) => self.flush_client_certificates(),
            (_, verb) if verb.is_read_only() => return Ok(Done::new(Effect::Unchanged)),
            ("system file", Verb::Add | Verb::Rm) => self.file(command)?,
            ("HA failover" | "HA files" | "HA sync", _) => {
                return Err(NsError::new(&codes::STAND_ALONE));
            }
            (name, Verb::Create | Verb::Convert) if !name.starts_with("system ") => {
                self.make(command).await?
            }
            ("ssl certificateChain", _) => self.change(command).await?,
            (name, verb) if resource.is_outside => {
                return Err(NsError::about(
                    &codes::NOT_SUPPORTED,
                    format!("{verb} {name}"),
                ));
            }
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
            "ssl certificateChain" => certkey::build_chain(&mut draft, command)?,
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
        next.follow_crls(&config, &self.inner.surroundings.dc2g);
        self.inner.running.store(Arc::new(next));
        let stapling = Settings::of(&config.zero_touch_params());
        self.inner.surroundings.stapler.configure(stapling);
        self.inner.config.store(Arc::new(config));
        Ok(())
    }

    /// `flush ssl dynamicClientCertCache`.
    fn flush_client_certificates(&self) -> Done {
        let flushed = self.inner.surroundings.dc2g.flush();
        tracing::info!(
            certificates = flushed,
            "flushed the generated client certificates"
        );
        Done::new(Effect::Unchanged)
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
