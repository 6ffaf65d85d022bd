//! Keeps the index and the register of instances current, and wakes those who wait.

use std::sync::Arc;
use std::time::Duration;

use evercert_db::store_items::StoreItem;
use evercert_db::{Db, DbError, Engine};
use evercert_types::VersionId;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Store;
use super::index::Figures;
use crate::state::Bells;

/// The setting that says until when removing most of the store is meant, Unix seconds.
pub(crate) const PURGE_SETTING: &str = "purge_intended_until";

/// How often the counters are read where other Consoles may change them.
const POLL: Duration = Duration::from_millis(250);
/// The same where nobody else can; only for the case that a signal was missed.
const FALLBACK: Duration = Duration::from_secs(30);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How many changes are read at once.
const AT_ONCE: i64 = 1000;
/// How many new versions are read ahead, before those who wait are woken.
const AHEAD: usize = 256;
/// At most one new epoch in this time is begun because an instance says so.
const EPOCH_PAUSE: SignedDuration = SignedDuration::from_hours(1);

impl Store {
    /// Takes over what changed in the database; true when the store did. Those who wait are woken then; an
    /// instance that was removed or changed is told by itself.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn refresh(&self) -> Result<bool, DbError> {
        let mut seen = self.seen.lock().await;
        let states = self.db.store_states().await?;
        if states == *seen {
            return Ok(false);
        }
        let mut changed = states.zero_touch != seen.zero_touch;
        if states.instances != seen.instances {
            let purge_until = self.saved_purge().await?;
            changed |= self.write(|index| index.set_purge_until(purge_until));
            self.registry.replace(self.db.instances().await?);
            let scopes = self.registry.scopes();
            self.write(|index| index.retain_scopes(|scope| scopes.contains(scope)));
        }
        let first = *seen == Default::default();
        self.write(|index| index.set_epoch(states.zero_touch.epoch));
        self.take_items(states.zero_touch.revision, first).await?;
        if states.challenges != seen.challenges {
            self.take_challenges(states.challenges.revision).await?;
            changed = true;
        }
        *seen = states;
        if changed {
            self.changed.send_modify(|count| *count += 1);
        }
        Ok(changed)
    }

    /// Takes over what changed; if that cannot be now, the task that follows the database does it later.
    pub(crate) async fn refresh_or_later(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a change is written, and not yet taken over"
            );
        }
    }

    async fn saved_purge(&self) -> Result<Option<Timestamp>, DbError> {
        let saved = self.db.setting(PURGE_SETTING).await?;
        let seconds = saved.and_then(|text| text.parse().ok());
        Ok(seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()))
    }

    /// Reads changes up to a revision. What is delivered next is read before anybody is woken, once for
    /// all of them; not at the start, when nobody waits.
    async fn take_items(&self, revision: i64, first: bool) -> Result<(), DbError> {
        loop {
            let known = self.read(|index| index.revision());
            if known >= revision {
                return Ok(());
            }
            let items = self.db.store_items_after(known, AT_ONCE).await?;
            if items.is_empty() {
                return Ok(());
            }
            if !first {
                self.read_ahead(&items).await;
            }
            self.write(|index| items.into_iter().for_each(|item| index.apply(item)));
        }
    }

    async fn read_ahead(&self, items: &[StoreItem]) {
        let versions: Vec<VersionId> = items
            .iter()
            .filter_map(|item| item.version_id)
            .take(AHEAD)
            .collect();
        if let Err(error) = self.contents.load(&self.db, &versions).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "new versions could not be read ahead; they are read when asked for"
            );
        }
    }

    /// An instance knows more than the store: either this process lags behind, or the database was restored
    /// from a backup. Then a new epoch is begun, from which every instance reads the store anew.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn resolve_ahead(&self, instance: &str, theirs: i64) -> Result<(), DbError> {
        self.refresh().await?;
        let Figures {
            epoch, revision, ..
        } = self.figures();
        if theirs <= revision || !self.may_begin_epoch() {
            return Ok(());
        }
        self.db.begin_store_epoch(epoch).await?;
        tracing::error!(
            instance.name = instance,
            instance.revision = theirs,
            store.revision = revision,
            "an instance has a later state of the store than the database: it was restored from a backup; \
             all instances read the store anew. Certificates issued after that backup are missing here"
        );
        self.refresh().await.map(drop)
    }

    fn may_begin_epoch(&self) -> bool {
        let now = self.clock.now();
        let mut begun = self
            .epoch_begun
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let may = begun.is_none_or(|before| now.duration_since(before) >= EPOCH_PAUSE);
        if may {
            *begun = Some(now);
        }
        may
    }
}

/// Refreshes whenever this process changed the store, and by polling for changes of others.
pub(crate) async fn run(
    store: Arc<Store>,
    mut store_changed: watch::Receiver<i64>,
    bells: Arc<Bells>,
    stop: CancellationToken,
) {
    let mut failing = false;
    let pause = pause(&store.db);
    loop {
        let wait = if failing { PAUSE } else { pause };
        tokio::select! {
            () = stop.cancelled() => return,
            changed = store_changed.changed(), if !failing => {
                if changed.is_err() {
                    stop.cancelled().await;
                    return;
                }
            }
            () = bells.challenges.notified(), if !failing => {}
            () = tokio::time::sleep(wait) => {}
        }
        let refreshed = store.refresh().await;
        if let (Err(error), false) = (&refreshed, failing) {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the zero-touch store cannot be read; instances get what is known until it can"
            );
        }
        failing = refreshed.is_err();
    }
}

fn pause(db: &Db) -> Duration {
    match db.engine() {
        Engine::Postgres => POLL,
        Engine::Sqlite => FALLBACK,
    }
}
