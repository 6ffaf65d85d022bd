//! The behaviours, in functions that know nothing of the engine.

use std::sync::Arc;

use evercert_db::{Db, DbConfig};
use evercert_testkit::Postgres;
use evercert_types::{ManualClock, Secret, SharedClock};
use jiff::Timestamp;

pub(crate) mod access;
pub(crate) mod certificates;
pub(crate) mod challenges;
pub(crate) mod core;
pub(crate) mod event_log;
pub(crate) mod instances;
pub(crate) mod issue;
pub(crate) mod jobs;
pub(crate) mod leases;
pub(crate) mod ledger;
pub(crate) mod listing;
pub(crate) mod order_log;
pub(crate) mod orders;
pub(crate) mod plans;
pub(crate) mod revocations;
pub(crate) mod store_items;

/// A fresh database, and the clock it reads.
pub(crate) struct Scene {
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: DbConfig,
    _files: Option<tempfile::TempDir>,
}

impl Scene {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("console.db").display());
        Self::open(url, Some(dir)).await
    }

    pub(crate) async fn postgres(server: &Postgres) -> Self {
        let url = server.create_database().await.unwrap();
        Self::open(url, None).await
    }

    async fn open(url: String, files: Option<tempfile::TempDir>) -> Self {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let config = DbConfig::new(url, Secret::new([7; 32]));
        let shared: SharedClock = clock.clone();
        let db = Db::open(&config, shared).await.unwrap();
        Self {
            db,
            clock,
            config,
            _files: files,
        }
    }

    /// The present instant as times of whole seconds keep it.
    pub(crate) fn seconds(&self) -> Timestamp {
        Timestamp::from_second(self.db.now().as_second()).unwrap()
    }

    /// The same database, as a second Console would open it.
    pub(crate) async fn again(&self) -> Db {
        let clock: SharedClock = self.clock.clone();
        Db::open(&self.config, clock).await.unwrap()
    }
}
