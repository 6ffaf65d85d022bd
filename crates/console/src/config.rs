//! What a Console is told at its start: configuration file, environment, and the files of its data directory.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_dns::Accounts;
use evercert_types::{DomainName, OrderState, Secret, SharedClock, SystemClock, parse_span};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// Settings of a Console; every field has a default, so that a file names only what differs.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// Where its files are: database, master key, node id; made when it is not there. Default `./evercert-console`.
    pub data_dir: PathBuf,
    /// Where it listens for HTTPS. Default `127.0.0.1:8443`; port 0 picks a free one.
    pub listen: SocketAddr,
    /// `sqlite:<path>` or `postgres://…`; default a SQLite file in the data directory.
    pub database_url: Option<String>,
    /// A file with the master key (base64 or hexadecimal of 32 bytes), such as a systemd credential. Default
    /// the environment's `EVERCERT_MASTER_KEY`, else `master.key` in the data directory, made at the first start.
    pub master_key_file: Option<PathBuf>,
    /// What this process is called in leases; default a random text kept in the data directory.
    pub node_id: Option<String>,
    /// How many orders are driven at once; default 8.
    pub workers: usize,
    /// DNS names and IP addresses in the Console's own TLS certificate; default `localhost`, `127.0.0.1`, `::1`.
    pub public_names: Vec<String>,
    /// The operator's own TLS certificate with its chain (PEM), for browsers.
    pub tls_certificate_file: Option<PathBuf>,
    /// The private key of `tls_certificate_file` (PEM).
    pub tls_key_file: Option<PathBuf>,
    /// DNS server for look-ups; default those of `/etc/resolv.conf`. With another port than 53, authoritative
    /// servers are asked at that port too: for labs.
    pub dns_resolver: Option<SocketAddr>,
    /// Where it answers http-01 challenges of CAs itself, in plain HTTP; default nowhere.
    pub challenge_http_listen: Option<SocketAddr>,
    /// Where it answers tls-alpn-01 challenges of CAs itself; default nowhere.
    pub challenge_tls_listen: Option<SocketAddr>,
    /// The directories whose programs DNS providers may run (`exec`, `acmesh`), and whose files they may write
    /// (`nsd`, `maradns`); default none: such providers are refused.
    pub dns_directories: Vec<PathBuf>,
    /// The zone that challenge names are delegated to, for `evercert domain delegation`.
    pub delegation_zone: Option<DomainName>,
    /// How often due renewals are looked for; default `60s`.
    #[serde(deserialize_with = "span")]
    pub renew_tick: Duration,
    /// How long a worker's claim on a job lasts without being renewed; default `60s`.
    #[serde(deserialize_with = "span")]
    pub job_lease: Duration,
    /// How often another Console's work is looked for on a shared database; default `2s`.
    #[serde(deserialize_with = "span")]
    pub job_poll: Duration,
    /// Superseded versions kept for each key of a certificate; default 10.
    pub keep_versions: u32,
    /// How long the issuance log is kept; default `400d`.
    #[serde(deserialize_with = "span")]
    pub keep_events: Duration,
    /// Whether a missing intermediate of an import is fetched from the HTTP address that the certificate names
    /// (`caIssuers`, RFC 5280 §4.2.2.1); default no: it makes the Console call addresses that an upload names.
    pub fetch_intermediates: bool,
    /// The clock; the system's but in tests.
    #[serde(skip, default = "system_clock")]
    pub clock: SharedClock,
}

/// The configuration, the data directory or the environment cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file or directory could not be read or made.
    #[error("{doing} {path}")]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The configuration file has an error; the source says where.
    #[error("reading the configuration file {path}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// What and where.
        #[source]
        source: toml::de::Error,
    },
    /// The master key is not 32 bytes in base64 or hexadecimal.
    #[error("the master key from {0} is not 32 bytes in base64 or hexadecimal")]
    MasterKey(String),
    /// The data directory is used by a running Console.
    #[error("another Console is running with the data directory {0}")]
    Busy(PathBuf),
    /// An environment variable cannot be used.
    #[error("{variable}: {reason}")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ConfigError {
    /// What the operator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File { .. } => "Check the path, its permissions, and the free space of its disk.",
            Self::Toml { .. } => "Correct the file at the place that the error names.",
            Self::MasterKey(_) => {
                "Make one with `openssl rand -base64 32`, or restore the one in use."
            }
            Self::Busy(_) => "Stop the other one first, or give this one its own --data-dir.",
            Self::Environment { .. } => "Correct or unset the variable.",
        }
    }
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("evercert-console"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            database_url: None,
            master_key_file: None,
            node_id: None,
            workers: 8,
            public_names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into(),
            tls_certificate_file: None,
            tls_key_file: None,
            dns_resolver: None,
            challenge_http_listen: None,
            challenge_tls_listen: None,
            dns_directories: Vec::new(),
            delegation_zone: None,
            renew_tick: Duration::from_secs(60),
            job_lease: Duration::from_secs(60),
            job_poll: Duration::from_secs(2),
            keep_versions: 10,
            keep_events: Duration::from_secs(400 * 86_400),
            fetch_intermediates: false,
            clock: system_clock(),
        }
    }
}

impl fmt::Debug for ConsoleConfig {
    /// The database URL may hold a password: it is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleConfig")
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

impl ConsoleConfig {
    /// Defaults with this data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            ..Self::default()
        }
    }

    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`ConfigError::File`], [`ConfigError::Toml`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(file_error("reading", path))?;
        toml::from_str(&text).map_err(|source| ConfigError::Toml {
            path: path.to_owned(),
            source,
        })
    }

    /// Makes the data directory, and the SQLite file in it if that is the database, readable by their owner only.
    ///
    /// # Errors
    /// [`ConfigError::File`].
    pub fn make_data_dir(&self) -> Result<(), ConfigError> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data_dir)
            .map_err(file_error("making the data directory", &self.data_dir))?;
        match self.database_url {
            Some(_) => Ok(()),
            None => create_once(&self.data_dir.join("console.db"), ""),
        }
    }

    /// The database URL, given or default.
    pub fn effective_database_url(&self) -> String {
        let default = || format!("sqlite:{}", self.data_dir.join("console.db").display());
        self.database_url.clone().unwrap_or_else(default)
    }

    /// The master key: from its file, the environment, or the data directory, where it is made at the first start.
    ///
    /// # Errors
    /// [`ConfigError::File`], [`ConfigError::MasterKey`].
    pub fn master_key(&self, environment: &Environment) -> Result<Secret<[u8; 32]>, ConfigError> {
        if let Some(path) = &self.master_key_file {
            return read_key_file(path);
        }
        if let Some(text) = &environment.master_key {
            return parse_key(text.expose(), "EVERCERT_MASTER_KEY");
        }
        let path = self.data_dir.join("master.key");
        if !path.exists() {
            let mut key = [0u8; 32];
            rand::fill(&mut key).map_err(|_| {
                file_error("making", &path)(std::io::Error::other("no random numbers"))
            })?;
            create_once(&path, &format!("{}\n", STANDARD.encode(key)))?;
        }
        read_key_file(&path)
    }

    /// What this process is called in leases; kept in the data directory, so that it takes up its own work again.
    ///
    /// # Errors
    /// [`ConfigError::File`].
    pub fn effective_node_id(&self) -> Result<String, ConfigError> {
        if let Some(id) = &self.node_id {
            return Ok(id.clone());
        }
        let path = self.data_dir.join("node_id");
        if !path.exists() {
            create_once(&path, &format!("node-{}\n", uuid::Uuid::now_v7().simple()))?;
        }
        let text = std::fs::read_to_string(&path).map_err(file_error("reading", &path))?;
        Ok(text.trim().to_owned())
    }

    /// Holds the data directory for this process; the lock goes with the returned file.
    ///
    /// # Errors
    /// [`ConfigError::Busy`], [`ConfigError::File`].
    pub fn lock_data_dir(&self) -> Result<std::fs::File, ConfigError> {
        let path = self.data_dir.join("lock");
        let file = std::fs::File::create(&path).map_err(file_error("making", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(ConfigError::Busy(self.data_dir.clone())),
            Err(std::fs::TryLockError::Error(source)) => Err(file_error("locking", &path)(source)),
        }
    }
}

/// What is read from the environment, once.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `EVERCERT_MASTER_KEY`.
    pub master_key: Option<Secret<String>>,
    /// `EVERCERT_PAUSE_AT`, in debug builds: where a worker stops for ever.
    pub(crate) pause_at: Option<PauseAt>,
    /// `EVERCERT_HASTE`, in debug builds: by what the waits after failures are divided; 1 otherwise. Above 1, doubles of
    /// DNS services are asked as quickly as they answer.
    pub(crate) haste: Haste,
}

/// Shortens the waits after failures, and those that real DNS services want, for tests that cannot wait for hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Haste(i32);

impl Default for Haste {
    fn default() -> Self {
        Self(1)
    }
}

impl Haste {
    /// The accounts at DNS services: changed as slowly as the services want it, or as quickly as can be.
    pub(crate) fn accounts(self) -> Accounts {
        match self.0 <= 1 {
            true => Accounts::of_process(),
            false => Accounts::unpaced(),
        }
    }

    /// The instant to try again, in place of `at`.
    pub(crate) fn sooner(self, now: Timestamp, at: Timestamp) -> Timestamp {
        if self.0 <= 1 {
            return at;
        }
        let wait = now.duration_until(at) / self.0;
        now.checked_add(wait).unwrap_or(at)
    }
}

/// Stops a worker for ever right after it persisted a state: for tests that kill the process there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PauseAt {
    pub(crate) state: OrderState,
    /// The how manieth time the state is reached, from 1.
    pub(crate) nth: u32,
}

impl Environment {
    /// With a worker that stops for ever right after the first order has reached this state, for tests.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn pausing_at(mut self, state: OrderState) -> Self {
        self.pause_at = Some(PauseAt { state, nth: 1 });
        self
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`ConfigError::Environment`].
    pub fn read() -> Result<Self, ConfigError> {
        Ok(Self {
            master_key: std::env::var("EVERCERT_MASTER_KEY").ok().map(Secret::new),
            pause_at: pause_at()?,
            haste: haste()?,
        })
    }
}

#[cfg(debug_assertions)]
fn pause_at() -> Result<Option<PauseAt>, ConfigError> {
    const VARIABLE: &str = "EVERCERT_PAUSE_AT";
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(None);
    };
    parse_pause(&text)
        .map(Some)
        .map_err(|reason| ConfigError::Environment {
            variable: VARIABLE,
            reason,
        })
}

#[cfg(not(debug_assertions))]
fn pause_at() -> Result<Option<PauseAt>, ConfigError> {
    Ok(None)
}

#[cfg(debug_assertions)]
fn haste() -> Result<Haste, ConfigError> {
    const VARIABLE: &str = "EVERCERT_HASTE";
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(Haste::default());
    };
    match text.parse() {
        Ok(factor) if factor > 0 => Ok(Haste(factor)),
        _ => Err(ConfigError::Environment {
            variable: VARIABLE,
            reason: format!("\"{text}\" is not a factor from 1"),
        }),
    }
}

#[cfg(not(debug_assertions))]
fn haste() -> Result<Haste, ConfigError> {
    Ok(Haste::default())
}

#[cfg(debug_assertions)]
fn parse_pause(text: &str) -> Result<PauseAt, String> {
    let (state, nth) = text.split_once(':').unwrap_or((text, "1"));
    let state = state
        .parse::<OrderState>()
        .map_err(|error| error.to_string())?;
    match nth.parse() {
        Ok(nth) if nth > 0 => Ok(PauseAt { state, nth }),
        _ => Err(format!("\"{nth}\" is not a count from 1")),
    }
}

fn read_key_file(path: &Path) -> Result<Secret<[u8; 32]>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(file_error("reading the master key", path))?;
    parse_key(Secret::new(text).expose(), &path.display().to_string())
}

fn parse_key(text: &str, origin: &str) -> Result<Secret<[u8; 32]>, ConfigError> {
    let text = text.trim();
    let bytes = Secret::new(match text.len() {
        64 => decode_hex(text).unwrap_or_default(),
        _ => STANDARD.decode(text).unwrap_or_default(),
    });
    <[u8; 32]>::try_from(bytes.expose().as_slice())
        .map(Secret::new)
        .map_err(|_| ConfigError::MasterKey(origin.to_owned()))
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).ok();
    digits?.chunks_exact(2).map(byte).collect()
}

/// Writes a file that only its owner may read; one that another process made meanwhile is left alone.
fn create_once(path: &Path, content: &str) -> Result<(), ConfigError> {
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(file_error("making", path)(e)),
    };
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(file_error("writing", path))
}

fn file_error(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ConfigError {
    let path = path.to_owned();
    move |source| ConfigError::File {
        doing,
        path,
        source,
    }
}

fn system_clock() -> SharedClock {
    Arc::new(SystemClock)
}

fn span<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(d)?;
    let span = parse_span(&text).map_err(serde::de::Error::custom)?;
    Duration::try_from(span).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_only_what_differs() {
        let config: ConsoleConfig =
            toml::from_str("listen = \"0.0.0.0:443\"\nrenew_tick = \"5m\"\n").unwrap();

        assert_eq!(config.listen.port(), 443);
        assert_eq!(config.renew_tick, Duration::from_secs(300));
        assert_eq!(config.workers, 8);
        assert!(toml::from_str::<ConsoleConfig>("lisen = 1").is_err());
    }

    #[test]
    fn the_master_key_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let config = ConsoleConfig::new(dir.path().join("new"));
        config.make_data_dir().unwrap();
        let environment = Environment::default();

        let first = config.master_key(&environment).unwrap();
        let second = config.master_key(&environment).unwrap();

        assert_eq!(first.expose(), second.expose());
        for file in ["master.key", "console.db"] {
            use std::os::unix::fs::MetadataExt as _;
            let mode = config.data_dir.join(file).metadata().unwrap().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        assert_eq!(
            config.effective_node_id().unwrap(),
            config.effective_node_id().unwrap()
        );
    }

    #[test]
    fn haste_divides_waits_and_nothing_else() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let at = now + jiff::SignedDuration::from_mins(10);

        assert_eq!(Haste::default().sooner(now, at), at);
        assert_eq!(
            Haste(60).sooner(now, at),
            now + jiff::SignedDuration::from_secs(10)
        );
        assert!(Haste(60).sooner(now, Timestamp::MAX) < Timestamp::MAX);
    }

    #[test]
    fn the_master_key_of_the_environment_comes_in_two_forms() {
        let config = ConsoleConfig::new("unused");
        for text in ["00".repeat(32), STANDARD.encode([0u8; 32])] {
            let environment = Environment {
                master_key: Some(Secret::new(text)),
                ..Environment::default()
            };
            assert_eq!(config.master_key(&environment).unwrap().expose(), &[0; 32]);
        }
        let short = Environment {
            master_key: Some(Secret::new("short".to_owned())),
            ..Environment::default()
        };
        assert!(matches!(
            config.master_key(&short),
            Err(ConfigError::MasterKey(_))
        ));
    }

    #[test]
    fn a_data_directory_serves_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let config = ConsoleConfig::new(dir.path());
        let held = config.lock_data_dir().unwrap();

        assert!(matches!(config.lock_data_dir(), Err(ConfigError::Busy(_))));
        drop(held);
        config.lock_data_dir().unwrap();
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_pause_names_a_state_and_perhaps_a_count() {
        let pause = parse_pause("finalizing:3").unwrap();

        assert_eq!((pause.state, pause.nth), (OrderState::Finalizing, 3));
        assert_eq!(parse_pause("done").unwrap().nth, 1);
        assert!(parse_pause("finalised").is_err());
        assert!(parse_pause("done:0").is_err());
    }
}
