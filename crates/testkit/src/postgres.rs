//! PostgreSQL: one throw-away server, as many databases as a test wants.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, run, temp_dir, with_retries, write};

const MISSING: StartError = StartError::Missing {
    program: "postgres",
    package: "postgresql",
};

/// A running `postgres` (Debian package `postgresql`), tuned to forget its data quickly.
///
/// Listens on a loopback port with trust authentication; its user is `postgres`.
#[derive(Debug)]
pub struct Postgres {
    daemon: Daemon,
    addr: SocketAddr,
    bin: PathBuf,
    databases: AtomicU32,
    owner: Owner,
    dir: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts the server; takes about two seconds.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        with_retries(async || Self::attempt().await).await
    }

    async fn attempt() -> Result<Self, StartError> {
        let bin = bin_dir().ok_or(MISSING)?;
        let owner = Owner::find()?;
        let dir = temp_dir("postgres")?;
        owner.hand_over(dir.path())?;
        let data = dir.path().join("data");
        let mut initdb = owner.command(&bin.join("initdb"), dir.path());
        initdb
            .args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8"])
            .args(["--no-locale", "-D"])
            .arg(&data);
        run("creating a PostgreSQL cluster", &mut initdb).await?;
        let addr = free_addr();
        let settings = settings(addr, dir.path());
        write(&data.join("postgresql.auto.conf"), &settings)?;
        owner.hand_over(&data.join("postgresql.auto.conf"))?;
        let daemon = serve(&owner, &bin, dir.path(), addr).await?;
        Ok(Self {
            daemon,
            addr,
            bin,
            databases: AtomicU32::new(0),
            owner,
            dir,
        })
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_database(&self) -> Result<String, StartError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("evercert_{number}");
        let mut command = Command::new(self.bin.join("createdb"));
        command.args(connection(self.addr)).arg(&name);
        run("creating a PostgreSQL database", &mut command).await?;
        Ok(format!("postgres://postgres@{}/{name}", self.addr))
    }

    /// Restarts the server as an administrator does: every connection is cut, what was committed stays.
    ///
    /// # Errors
    /// When it does not stop, or does not start again.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        let what = "restarting PostgreSQL";
        let pid = self
            .daemon
            .pid()
            .ok_or_else(|| StartError::setup(what, "it has ended already"))?;
        let mut ask = Command::new("kill");
        run(what, ask.args(["-INT", &pid.to_string()])).await?;
        if !self.daemon.wait_for_exit(Duration::from_secs(30)).await {
            return Err(StartError::setup(what, "it did not stop within 30 s"));
        }
        self.daemon = serve(&self.owner, &self.bin, self.dir.path(), self.addr).await?;
        Ok(())
    }

    /// The path of one of its client programs, such as `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process, to stop it or read its log.
    pub const fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

impl Drop for Postgres {
    /// Asks for an immediate shutdown, so that the children and the shared memory go as well.
    fn drop(&mut self) {
        let Some(pid) = self.daemon.pid() else { return };
        let asked = std::process::Command::new("kill")
            .args(["-QUIT", &pid.to_string()])
            .status();
        let end = Instant::now() + Duration::from_secs(3);
        while asked.is_ok() && is_running(pid) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Runs the server on a cluster until it answers.
async fn serve(
    owner: &Owner,
    bin: &Path,
    dir: &Path,
    addr: SocketAddr,
) -> Result<Daemon, StartError> {
    let mut command = owner.command(&bin.join("postgres"), dir);
    command.arg("-D").arg(dir.join("data"));
    let mut daemon = Daemon::spawn("postgres", command, &dir.join("log"))?;
    let probe = Probe::Command(bin.join("pg_isready"), connection(addr));
    daemon.ready(&probe).await?;
    Ok(daemon)
}

/// Whether the process is there and not just waiting to be reaped.
fn is_running(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat.rsplit(')').next().unwrap_or_default();
    !state.trim_start().starts_with('Z')
}

/// Who runs the server: PostgreSQL refuses root.
#[derive(Debug)]
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find() -> Result<Self, StartError> {
        let failed = |e| StartError::setup("finding a user for PostgreSQL", e);
        let own = std::fs::metadata("/proc/self").map_err(failed)?.uid();
        if own != 0 {
            return Ok(Self(None));
        }
        let users = std::fs::read_to_string("/etc/passwd").map_err(failed)?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| ids_of(&users, name))
            .map(|ids| Self(Some(ids)))
            .ok_or(MISSING)
    }

    fn hand_over(&self, path: &Path) -> Result<(), StartError> {
        let Some((user, group)) = self.0 else {
            return Ok(());
        };
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        chown(path, Some(user), Some(group))
            .and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)))
            .map_err(|e| StartError::setup(format!("handing over {}", path.display()), e))
    }

    fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

/// User and group id of an account in the text of `/etc/passwd`.
fn ids_of(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let user = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some((user, group))
}

/// The newest version's directory of programs.
fn bin_dir() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(Result::ok)
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max_by_key(|(version, _)| *version)
        .map(|(_, bin)| bin)
}

fn connection(addr: SocketAddr) -> Vec<String> {
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    ["-h", &host, "-p", &port, "-U", "postgres"]
        .map(str::to_owned)
        .into()
}

fn settings(addr: SocketAddr, dir: &Path) -> String {
    format!(
        "listen_addresses = '{}'\nport = {}\nunix_socket_directories = '{}'\n\
         fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
         max_connections = 200\nshared_buffers = 32MB\n",
        addr.ip(),
        addr.port(),
        dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_call_creates_another_database() {
        let postgres = crate::start_or_skip!(Postgres::start().await);
        let pid = postgres.daemon.pid().unwrap();

        let first = postgres.create_database().await.unwrap();
        let second = postgres.create_database().await.unwrap();

        assert_ne!(first, second);
        drop(postgres);
        assert!(!is_running(pid));
    }

    #[tokio::test]
    async fn a_restart_keeps_what_was_there() {
        let mut postgres = crate::start_or_skip!(Postgres::start().await);
        let url = postgres.create_database().await.unwrap();

        postgres.restart().await.unwrap();

        let mut psql = Command::new(postgres.program("psql"));
        run("asking", psql.args([&url, "-c", "select 1"]))
            .await
            .unwrap();
    }

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let users = "postgresql:x:1:2::/:/bin/sh\npostgres:x:101:104:A,,,:/var:/bin/bash\n";

        assert_eq!(ids_of(users, "postgres"), Some((101, 104)));
        assert_eq!(ids_of(users, "nobody"), None);
    }
}
