//! The control plane: lifecycle, tasks, REST, authentication.
//!
//! [`run`] opens the database, starts the tasks and the server, and hands out a [`ConsoleHandle`]. What
//! decides about certificates is [`lifecycle`]; [`tasks`] runs it in the background, `api` and `sync`
//! are its faces to people and instances. [`Console`] is what all of them share.

mod api;
mod auth;
mod challenge_listener;
pub mod config;
mod identity;
pub mod lifecycle;
mod metrics;
mod openapi;
mod problem;
mod server;
pub mod state;
mod sync;
pub mod tasks;

use std::fs::File;
use std::net::SocketAddr;

use evercert_types::Secret;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

pub use auth::{InitError, init_admin};
pub use challenge_listener::ChallengeAddresses;
pub use config::{ConfigError, ConsoleConfig, Environment};
pub use identity::IdentityError;
pub use lifecycle::{Actor, LifecycleError};
pub use server::ServeError;
pub use state::{Console, OpenError};

/// A running Console.
#[derive(Debug)]
pub struct ConsoleHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The one-time URL that makes the first administrator, while there is none.
    pub setup_url: Option<Secret<String>>,
    /// PEM of the CA that clients verify it by.
    pub ca_pem: String,
    /// Where it answers challenges of CAs itself.
    pub challenges: ChallengeAddresses,
    /// What its parts share.
    pub console: Console,
    tasks: TaskTracker,
    server: server::Server,
    _data_dir: File,
}

/// A Console could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Configuration, data directory or database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl RunError {
    /// What the operator can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.remedy(),
            Self::Serve(_) => None,
        }
    }
}

/// Opens the Console and runs it until [`ConsoleHandle::shutdown`]; `listener` is where it answers HTTPS.
///
/// # Errors
/// See [`RunError`]; then nothing is running.
pub async fn run(config: ConsoleConfig, listener: TcpListener) -> Result<ConsoleHandle, RunError> {
    config.make_data_dir().map_err(OpenError::from)?;
    let data_dir = config.lock_data_dir().map_err(OpenError::from)?;
    let console = Console::open(config).await?;
    let server = server::start(&console, listener).await?;
    let tasks = tasks::start(&console);
    tracing::info!(listen = %server.addr, node = %console.node, "the Console is running");
    Ok(ConsoleHandle {
        addr: server.addr,
        setup_url: server.setup_url.clone(),
        ca_pem: server.ca_pem.clone(),
        challenges: server.challenges,
        console,
        tasks,
        server,
        _data_dir: data_dir,
    })
}

impl ConsoleHandle {
    /// An API token with an operator's rights for who runs this process, good for a day; the one-time set-up
    /// stays open. For the demo.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn operator_token(&self, name: &str) -> Result<Secret<String>, evercert_db::DbError> {
        let made = auth::local::operator_token(&self.console.db, name).await?;
        Ok(Secret::new(made.token.unwrap_or_default()))
    }

    /// Stops: no new requests, those under way are answered, orders stay where they are persisted.
    pub async fn shutdown(self) {
        self.console.shutdown.cancel();
        self.tasks.wait().await;
        self.server.stopped().await;
        self.console.db.close().await;
        tracing::info!("the Console has stopped");
    }
}
