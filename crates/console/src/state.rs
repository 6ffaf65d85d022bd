//! What every part of the Console shares; cheap to clone.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use evercert_db::{Db, DbConfig, DbError};
use evercert_types::{OrderState, SharedClock};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, ConsoleConfig, Environment, Haste, PauseAt};
use crate::lifecycle::acme_clients::AcmeClients;
use crate::lifecycle::dns_clients::DnsClients;

/// The Console: database, clock, configuration, connections, and the bells that wake its tasks.
#[derive(Clone)]
pub struct Console {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: SharedClock,
    /// The configuration.
    pub config: Arc<ConsoleConfig>,
    /// What this process is called in leases.
    pub(crate) node: Arc<str>,
    /// Connections to CAs.
    pub(crate) acme: Arc<AcmeClients>,
    /// DNS providers, built.
    pub(crate) dns: Arc<DnsClients>,
    /// Wakes the tasks.
    pub(crate) bells: Arc<Bells>,
    /// Ends every task and the server.
    pub(crate) shutdown: CancellationToken,
    store_changed: Arc<watch::Sender<i64>>,
    pause: Option<Arc<Pause>>,
    haste: Haste,
}

/// One bell for each task that must not wait for its timer.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    /// A job was planned.
    pub(crate) orders: Notify,
    /// Something may have become due.
    pub(crate) renewals: Notify,
    /// A version may have renewal information to be asked for.
    pub(crate) renewal_info: Notify,
    /// A revocation may have waited long enough.
    pub(crate) revocations: Notify,
    /// A TXT value is to be removed.
    pub(crate) sweep: Notify,
    /// What instances show to CAs has changed.
    pub(crate) challenges: Notify,
}

/// A Console could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Configuration or data directory.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl OpenError {
    /// What the operator can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Config(error) => Some(error.remedy()),
            Self::Database(error) => error.remedy(),
        }
    }
}

struct Pause {
    at: PauseAt,
    reached: AtomicU32,
    file: PathBuf,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Console {
    /// Opens the data directory and the database, and takes up again what this node had claimed; starts no task.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(config: ConsoleConfig) -> Result<Self, OpenError> {
        Self::open_in(config, Environment::read()?).await
    }

    /// As [`Console::open`], in a given environment.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_in(
        config: ConsoleConfig,
        environment: Environment,
    ) -> Result<Self, OpenError> {
        config.make_data_dir()?;
        let master_key = config.master_key(&environment)?;
        let node = config.effective_node_id()?;
        let clock = config.clock.clone();
        let mut db_config = DbConfig::new(config.effective_database_url(), master_key);
        // Orders mostly wait for others: half as many connections as workers, and some for requests.
        let connections = u32::try_from(config.workers / 2).unwrap_or(u32::MAX);
        db_config.max_connections = Some(connections.saturating_add(4).min(32));
        let db = Db::open(&db_config, clock.clone()).await?;
        db.release_own_jobs(&node).await?;
        db.release_own_leases(&format!("{node}/")).await?;
        db.retry_journal().await?;
        let pause = environment.pause_at.map(|at| Pause {
            at,
            reached: AtomicU32::new(0),
            file: config.data_dir.join("paused"),
        });
        Ok(Self {
            db,
            clock,
            node: node.into(),
            acme: Arc::default(),
            dns: Arc::new(DnsClients::new(&config, environment.haste.accounts())),
            bells: Arc::default(),
            shutdown: CancellationToken::new(),
            store_changed: Arc::new(watch::Sender::new(0)),
            pause: pause.map(Arc::new),
            haste: environment.haste,
            config: Arc::new(config),
        })
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Says that the zero-touch store has reached a revision; call it after the commit.
    pub fn store_changed(&self, revision: i64) {
        self.store_changed.send_if_modified(|known| {
            let newer = revision > *known;
            *known = revision.max(*known);
            newer
        });
    }

    /// Follows the zero-touch store's revision as far as this process changed it.
    pub fn watch_store(&self) -> watch::Receiver<i64> {
        self.store_changed.subscribe()
    }

    /// Asks every task and the server to end.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Lets every task look at once whether there is something to do, as after the clock was moved.
    pub fn wake_tasks(&self) {
        self.bells.orders.notify_one();
        self.bells.renewals.notify_one();
        self.bells.renewal_info.notify_one();
        self.bells.revocations.notify_one();
        self.bells.sweep.notify_one();
    }

    /// When to try again what is to be tried again at `at`: then, but in tests in a hurry.
    pub(crate) fn hasten(&self, at: Timestamp) -> Timestamp {
        self.haste.sooner(self.now(), at)
    }

    /// Stops for ever where `EVERCERT_PAUSE_AT` says so; the state is persisted already.
    pub(crate) async fn pause_at(&self, state: OrderState) {
        let Some(pause) = self
            .pause
            .as_deref()
            .filter(|pause| pause.at.state == state)
        else {
            return;
        };
        if pause.reached.fetch_add(1, Ordering::SeqCst) + 1 != pause.at.nth {
            return;
        }
        if let Err(error) = std::fs::write(&pause.file, state.as_str()) {
            tracing::error!(%error, "cannot write the file that says that this Console paused");
        }
        tracing::info!("paused at {state}");
        std::future::pending().await
    }
}
