//! The behaviours, in functions that know nothing of the engine.

use std::sync::Arc;

use evercert_db::{Db, DbConfig};
use evercert_testkit::{Postgres, StartError};
use evercert_types::{ManualClock, Secret, SharedClock};
use jiff::Timestamp;

pub(crate) mod access;
pub(crate) mod core;
pub(crate) mod event_log;
pub(crate) mod instances;
pub(crate) mod jobs;
pub(crate) mod leases;
pub(crate) mod store_items;

/// A fresh database, and the clock it reads.
pub(crate) struct Scene {
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: DbConfig,
    _files: Option<tempfile::TempDir>,
    _server: Option<Postgres>,
}

impl Scene {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("console.db").display());
        Self::open(url, Some(dir), None).await
    }

    /// `None`, said loudly, where PostgreSQL is not installed.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = match Postgres::start().await {
            Ok(server) => server,
            Err(reason @ StartError::Missing { .. }) => {
                evercert_testkit::skip::announce(&reason);
                return None;
            }
            Err(failure) => panic!("{failure}"),
        };
        let url = server.create_database().await.unwrap();
        Some(Self::open(url, None, Some(server)).await)
    }

    async fn open(url: String, files: Option<tempfile::TempDir>, server: Option<Postgres>) -> Self {
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
            _server: server,
        }
    }

    /// The same database, as a second Console would open it.
    pub(crate) async fn again(&self) -> Db {
        let clock: SharedClock = self.clock.clone();
        Db::open(&self.config, clock).await.unwrap()
    }
}
