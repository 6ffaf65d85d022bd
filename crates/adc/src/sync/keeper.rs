//! Writes the sealed cache after changes: off the data path, several changes at a time, again when it fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use evercert_types::SharedClock;

use super::cache::{Cache, CacheError};
use super::store::Store;
use crate::error::Causes;
use crate::status::CacheStatus;

/// How long changes are collected before they are written.
const COLLECT: Duration = Duration::from_millis(100);
/// Between two tries when writing fails; doubles to the second.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Keeps the cache of one instance current.
#[derive(Debug)]
pub(crate) struct Keeper {
    cache: Cache,
    store: Arc<Store>,
    clock: SharedClock,
    status: Mutex<CacheStatus>,
    /// A change was seen that is not written yet.
    dirty: AtomicBool,
}

impl Keeper {
    /// Takes over what the cache holds, before anything is served.
    pub(crate) fn open(cache: Cache, store: Arc<Store>, clock: SharedClock) -> Self {
        let mut status = CacheStatus {
            path: cache.path().display().to_string(),
            ..CacheStatus::default()
        };
        match cache.load() {
            Ok(None) => {}
            Ok(Some(contents)) => {
                tracing::info!(
                    items = contents.items.len(),
                    revision = contents.cursor.revision,
                    "certificates were read from the sealed cache"
                );
                store.restore(contents);
                status.saved_at = Some(clock.now());
            }
            Err(error) => {
                tracing::error!(error = %Causes(&error), remedy = error.remedy(), "no sealed cache");
                note(&mut status, &error);
            }
        }
        Self {
            cache,
            store,
            clock,
            status: Mutex::new(status),
            dirty: AtomicBool::new(false),
        }
    }

    /// Writes after every change, until it is dropped.
    pub(crate) async fn run(&self) {
        let mut retry = RETRY.0;
        let mut pause = COLLECT;
        loop {
            self.store.changed().await;
            self.dirty.store(true, Ordering::Release);
            loop {
                tokio::time::sleep(pause).await;
                let began = Instant::now();
                if self.write().await {
                    retry = RETRY.0;
                    // A large cache is written less often.
                    pause = COLLECT.max(began.elapsed() * 4);
                    break;
                }
                pause = retry;
                retry = (retry * 2).min(RETRY.1);
            }
        }
    }

    /// Writes once more, if anything waits to be written.
    pub(crate) async fn finish(&self) {
        let waiting = tokio::time::timeout(Duration::ZERO, self.store.changed()).await;
        if waiting.is_ok() || self.dirty.load(Ordering::Acquire) {
            self.write().await;
        }
    }

    /// Writes what is held now, in a thread of its own; whether it succeeded.
    async fn write(&self) -> bool {
        self.dirty.store(false, Ordering::Release);
        let contents = self.store.contents();
        let cache = self.cache.clone();
        let saving = tokio::task::spawn_blocking(move || cache.save(&contents));
        let outcome = saving.await;
        if !matches!(outcome, Ok(Ok(()))) {
            self.dirty.store(true, Ordering::Release);
        }
        let mut status = self.lock();
        match outcome {
            Ok(Ok(())) => {
                if status.problem.is_some() {
                    tracing::info!("the sealed cache is written again");
                }
                status.saved_at = Some(self.clock.now());
                (status.problem, status.remedy) = (None, None);
                true
            }
            Ok(Err(error)) => {
                let text = Causes(&error).to_string();
                if status.problem.as_ref() != Some(&text) {
                    let remedy = error.remedy();
                    tracing::error!(error = text, remedy, "the sealed cache is not written");
                }
                note(&mut status, &error);
                false
            }
            Err(error) => {
                status.problem = Some(error.to_string());
                false
            }
        }
    }

    /// How the cache is.
    pub(crate) fn status(&self) -> CacheStatus {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, CacheStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(status: &mut CacheStatus, error: &CacheError) {
    status.problem = Some(Causes(error).to_string());
    status.remedy = Some(error.remedy().to_owned());
}
