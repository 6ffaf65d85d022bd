//! PowerDNS with the SQLite backend and its HTTP API.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, run, temp_dir, with_retries, write};
use crate::skip::require_program;
use crate::zone::Zone;

const API_KEY: &str = "pdns-test-key";
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// A running `pdns_server` (Debian packages `pdns-server`, `pdns-backend-sqlite3`).
#[derive(Debug)]
pub struct Pdns {
    daemon: Daemon,
    api: SocketAddr,
    dns: SocketAddr,
    _dir: TempDir,
}

impl Pdns {
    /// Serves the zones; they are created through the API.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(zones: &[Zone]) -> Result<Self, StartError> {
        let pdns = with_retries(async || Self::attempt().await).await?;
        for zone in zones {
            pdns.create_zone(zone).await?;
        }
        Ok(pdns)
    }

    async fn attempt() -> Result<Self, StartError> {
        let program = require_program("pdns_server", "pdns-server")?;
        let sqlite = require_program("sqlite3", "sqlite3")?;
        if !Path::new(SCHEMA).exists() {
            return Err(StartError::Missing {
                program: "PowerDNS's SQLite backend",
                package: "pdns-backend-sqlite3",
            });
        }
        let dir = temp_dir("pdns")?;
        let (api, dns) = (free_addr(), free_addr());
        let database = dir.path().join("pdns.sqlite");
        let load = format!(".read {SCHEMA}");
        run(
            "creating PowerDNS's database",
            Command::new(sqlite).arg(&database).arg(load),
        )
        .await?;
        write(
            &dir.path().join("pdns.conf"),
            &configuration(dir.path(), api, dns),
        )?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config-dir={}", dir.path().display()))
            .current_dir(dir.path());
        let mut daemon = Daemon::spawn("pdns_server", command, &dir.path().join("log"))?;
        daemon.ready(&Probe::Tcp(api)).await?;
        Ok(Self {
            daemon,
            api,
            dns,
            _dir: dir,
        })
    }

    /// Creates another zone and waits until it is served.
    ///
    /// # Errors
    /// When the API refuses it or it does not appear.
    pub async fn create_zone(&self, zone: &Zone) -> Result<(), StartError> {
        let name = zone.name();
        let what = format!("creating zone {name} in PowerDNS");
        let failed = |e: reqwest::Error| StartError::setup(&what, e);
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(failed)?;
        let body =
            json!({ "name": format!("{name}."), "kind": "Native", "zone": zone.master_file() });
        let answer = client
            .post(format!("{}/api/v1/servers/localhost/zones", self.api_url()))
            .header("X-API-Key", API_KEY)
            .json(&body)
            .send()
            .await
            .map_err(failed)?;
        if !answer.status().is_success() {
            let said = answer.text().await.unwrap_or_default();
            return Err(StartError::setup(&what, said));
        }
        let served = async || crate::zone::serves(self.dns, name).await.then_some(());
        crate::eventually(&what, Duration::from_secs(10), served).await;
        Ok(())
    }

    /// The API's base URL, without path.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// The API's key.
    pub const fn api_key(&self) -> &'static str {
        API_KEY
    }

    /// Where it answers DNS, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.dns
    }

    /// The settings of the pdns provider.
    pub fn settings(&self) -> Vec<(String, String)> {
        vec![
            ("url".to_owned(), self.api_url()),
            ("api_key".to_owned(), API_KEY.to_owned()),
        ]
    }

    /// The process, to stop it or read its log.
    pub const fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

fn configuration(dir: &Path, api: SocketAddr, dns: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "launch=gsqlite3\ngsqlite3-database={dir}/pdns.sqlite\ngsqlite3-pragma-synchronous=0\n\
         api=yes\napi-key={API_KEY}\nwebserver=yes\nwebserver-address=127.0.0.1\n\
         webserver-port={}\nwebserver-allow-from=127.0.0.1\nsocket-dir={dir}\n\
         local-address=127.0.0.1\nlocal-port={}\nguardian=no\ndaemon=no\n\
         cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n\
         security-poll-suffix=\n",
        api.port(),
        dns.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_and_serves_its_zones() {
        let zone = Zone::new("one.test").with("www IN A 127.0.0.1");
        let mut pdns = crate::start_or_skip!(Pdns::start(&[zone]).await);

        assert!(crate::zone::serves(pdns.addr(), "one.test").await);
        pdns.daemon().stop().await;
        assert!(!Probe::Tcp(pdns.api).succeeds().await);
    }
}
