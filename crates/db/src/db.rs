//! Opening the database, reading, and units of work; the only place that knows which engine it is.

use std::sync::Arc;
use std::time::Duration;

use evercert_types::{Secret, SharedClock};
use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyPoolOptions, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Executor as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{DbError, DbErrorKind, Doing};
use crate::migrate;
use crate::probe;
use crate::seal::Sealer;

/// How long a caller waits for a connection, or for its turn to write.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections kept at most, where the configuration does not say.
const SQLITE_CONNECTIONS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

/// Where the database is, and what opens its secrets.
#[derive(Clone, Debug)]
pub struct DbConfig {
    /// `sqlite:<path>` or `postgres://…`; an SQLite file is made when it is not there.
    pub url: String,
    /// Wraps the keys of all sealed values.
    pub master_key: Secret<[u8; 32]>,
    /// Connections kept at most; default 4 on SQLite, 16 on PostgreSQL.
    pub max_connections: Option<u32>,
}

impl DbConfig {
    /// A configuration with defaults.
    pub fn new(url: impl Into<String>, master_key: Secret<[u8; 32]>) -> Self {
        Self {
            url: url.into(),
            master_key,
            max_connections: None,
        }
    }
}

/// Which engine holds the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded; one Console.
    Sqlite,
    /// A server; any number of Consoles.
    Postgres,
}

impl Engine {
    fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// SQLite must take its write lock at once: a read lock that wants to become one fails when busy.
    const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    const fn begin_step(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN; SET LOCAL synchronous_commit TO off",
        }
    }

    /// One of two statements, where the engines differ.
    pub(crate) const fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}

/// A statement with its values.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Any, AnyArguments>;

/// The database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: AnyPool,
    /// Where [`Db::begin_step`] writes: on SQLite one connection of its own, which does not sync each commit.
    steps: AnyPool,
    clock: SharedClock,
    sealer: Sealer,
    engine: Engine,
    /// SQLite takes one writer: they queue here, fairly and at once, instead of polling its lock.
    write_turn: Arc<Semaphore>,
}

/// A unit of work: rolled back when dropped without [`Tx::commit`].
///
/// A connection whose transaction did not end well is closed, not used again: after a failed COMMIT (a full disk)
/// sqlx and SQLite disagree on whether a transaction is open, and the next one on it could not begin.
#[derive(Debug)]
pub struct Tx {
    connection: PoolConnection<Any>,
    is_over: bool,
    db: Db,
    _turn: OwnedSemaphorePermit,
}

impl Drop for Tx {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.close_on_drop();
        }
    }
}

impl Db {
    /// Connects, migrates, and proves that the master key is the right one.
    ///
    /// # Errors
    /// [`DbErrorKind::Configuration`] for a URL or schema that does not fit, [`DbErrorKind::Unavailable`],
    /// and [`DbErrorKind::Sealed`] for another database's master key.
    pub async fn open(config: &DbConfig, clock: SharedClock) -> Result<Self, DbError> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(&config.url).ok_or_else(|| {
            DbError::new(
                DbErrorKind::Configuration,
                "reading the database URL: it must begin with sqlite: or postgres:",
            )
        })?;
        probe::run(engine, &locator(engine, &config.url)).await?;
        let pool = connect(engine, config).await?;
        migrate::run(&pool).await?;
        let steps = match engine {
            Engine::Sqlite => connect_for_steps(config).await?,
            Engine::Postgres => pool.clone(),
        };
        let writers = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => Semaphore::MAX_PERMITS,
        };
        let inner = Inner {
            pool,
            steps,
            clock,
            sealer: Sealer::new(&config.master_key),
            engine,
            write_turn: Arc::new(Semaphore::new(writers)),
        };
        let db = Self {
            inner: Arc::new(inner),
        };
        db.check_master_key().await?;
        Ok(db)
    }

    /// Begins a unit of work; on SQLite it waits for the one before.
    ///
    /// Never call a writing method of [`Db`] while one is open in the same task: it would wait for itself.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`].
    pub async fn begin_write(&self) -> Result<Tx, DbError> {
        self.begin(&self.inner.pool, self.inner.engine.begin_write())
            .await
    }

    /// Begins a unit of work whose commit does not wait for the disk: nothing of it is lost with the process, but
    /// the last of them may be lost with the power, until the next commit of [`Self::begin_write`] takes them along.
    ///
    /// For what can be done again without harm, such as a step of an order that only noted what the CA says; not
    /// for what others are told of, nor for what makes something undone findable (a key before its CSR, a name
    /// before its TXT value).
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`].
    pub async fn begin_step(&self) -> Result<Tx, DbError> {
        self.begin(&self.inner.steps, self.inner.engine.begin_step())
            .await
    }

    async fn begin(&self, pool: &AnyPool, begin: &'static str) -> Result<Tx, DbError> {
        let turn = self.write_turn().await?;
        let doing = "beginning a transaction";
        let mut tx = Tx {
            connection: pool.acquire().await.doing(doing)?,
            is_over: false,
            db: self.clone(),
            _turn: turn,
        };
        tx.connection().execute(begin).await.doing(doing)?;
        Ok(tx)
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// Closes all connections; what is running is waited for.
    pub async fn close(&self) {
        self.inner.steps.close().await;
        self.inner.pool.close().await;
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// Runs one writing statement by itself; answers how many rows it changed.
    pub(crate) async fn execute(
        &self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<u64, DbError> {
        let _turn = self.write_turn().await?;
        let done = query.execute(&self.inner.pool).await.doing(doing)?;
        Ok(done.rows_affected())
    }

    /// Runs one writing statement by itself, as durable as [`Self::begin_step`].
    pub(crate) async fn execute_step(
        &self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<u64, DbError> {
        let _turn = self.write_turn().await?;
        let done = query.execute(&self.inner.steps).await.doing(doing)?;
        Ok(done.rows_affected())
    }

    /// Runs one writing statement with `RETURNING` by itself, as durable as [`Self::begin_step`].
    pub(crate) async fn execute_step_returning(
        &self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<Vec<AnyRow>, DbError> {
        let _turn = self.write_turn().await?;
        query.fetch_all(&self.inner.steps).await.doing(doing)
    }

    /// Reads at most one row.
    pub(crate) async fn one(
        &self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<Option<AnyRow>, DbError> {
        query.fetch_optional(&self.inner.pool).await.doing(doing)
    }

    /// Reads rows.
    pub(crate) async fn rows(
        &self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<Vec<AnyRow>, DbError> {
        query.fetch_all(&self.inner.pool).await.doing(doing)
    }

    async fn write_turn(&self) -> Result<OwnedSemaphorePermit, DbError> {
        let turn = Arc::clone(&self.inner.write_turn).acquire_owned();
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(e)) => Err(DbError::because(
                DbErrorKind::Unavailable,
                "waiting for the turn to write",
                e,
            )),
            Err(e) => Err(DbError::because(
                DbErrorKind::Unavailable,
                "waiting for the turn to write",
                e,
            )),
        }
    }
}

impl Tx {
    /// Makes everything done in it take effect.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`]; then nothing took effect.
    pub async fn commit(mut self) -> Result<(), DbError> {
        let done = self.connection().execute("COMMIT").await;
        self.is_over = done.is_ok();
        done.map(|_| ()).doing("committing a transaction")
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.db.now()
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        self.db.sealer()
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// Runs a writing statement; answers how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<u64, DbError> {
        let done = query.execute(self.connection()).await.doing(doing)?;
        Ok(done.rows_affected())
    }

    /// Reads at most one row.
    pub(crate) async fn one(
        &mut self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<Option<AnyRow>, DbError> {
        query.fetch_optional(self.connection()).await.doing(doing)
    }

    /// Reads rows, or those a writing statement returns.
    pub(crate) async fn rows(
        &mut self,
        doing: &'static str,
        query: Query<'_>,
    ) -> Result<Vec<AnyRow>, DbError> {
        query.fetch_all(self.connection()).await.doing(doing)
    }
}

async fn connect(engine: Engine, config: &DbConfig) -> Result<AnyPool, DbError> {
    let default = match engine {
        Engine::Sqlite => SQLITE_CONNECTIONS,
        Engine::Postgres => POSTGRES_CONNECTIONS,
    };
    let options = AnyPoolOptions::new()
        .max_connections(config.max_connections.unwrap_or(default))
        .acquire_timeout(PATIENCE)
        .test_before_acquire(engine == Engine::Postgres);
    let options = match engine {
        Engine::Postgres => options,
        Engine::Sqlite => {
            options.after_connect(|connection, _| Box::pin(prepare_sqlite(connection)))
        }
    };
    options
        .connect(&locator(engine, &config.url))
        .await
        .doing("connecting to the database")
}

/// One connection is enough: SQLite takes one writer. A commit on it is as atomic and as safe from a killed process as
/// any; that it is on the disk is left to the next commit of the others, or to the next checkpoint.
async fn connect_for_steps(config: &DbConfig) -> Result<AnyPool, DbError> {
    AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                prepare_sqlite(connection).await?;
                let relaxed = connection.execute("PRAGMA synchronous = NORMAL").await;
                relaxed.map(drop)
            })
        })
        .connect(&locator(Engine::Sqlite, &config.url))
        .await
        .doing("connecting to the database")
}

/// The URL to connect by.
fn locator(engine: Engine, url: &str) -> String {
    match engine {
        Engine::Sqlite => creating(url),
        Engine::Postgres => url.to_owned(),
    }
}

/// SQLite makes the file only when the URL says so.
fn creating(url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?mode=rwc"),
        Some((_, query)) if query.contains("mode=") => url.to_owned(),
        Some(_) => format!("{url}&mode=rwc"),
    }
}

/// What the URL cannot say. Commits are synced in full: a revision that an instance has seen must not be
/// lost with the power.
async fn prepare_sqlite(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA busy_timeout = 5000",
    ] {
        connection.execute(pragma).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_urls_make_their_file_unless_told_otherwise() {
        assert_eq!(creating("sqlite:a.db"), "sqlite:a.db?mode=rwc");
        assert_eq!(creating("sqlite:a.db?mode=ro"), "sqlite:a.db?mode=ro");
        assert_eq!(
            creating("sqlite:a.db?cache=shared"),
            "sqlite:a.db?cache=shared&mode=rwc"
        );
    }

    #[test]
    fn other_engines_are_refused() {
        assert_eq!(Engine::of("mysql://x"), None);
        assert_eq!(Engine::of("postgresql://x"), Some(Engine::Postgres));
    }
}
