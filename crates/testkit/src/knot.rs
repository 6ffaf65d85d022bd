//! Knot DNS: an authoritative server that takes dynamic updates.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries, write};
use crate::skip::require_program;
use crate::zone::{TsigKey, Zone};

/// A running `knotd` (Debian package `knot`).
#[derive(Debug)]
pub struct Knot {
    daemon: Daemon,
    addr: SocketAddr,
    keys: Vec<TsigKey>,
    _dir: TempDir,
}

impl Knot {
    /// Serves the zones; one HMAC-SHA256 key may change TXT records in them.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(zones: &[Zone]) -> Result<Self, StartError> {
        Self::start_with_keys(zones, &[TsigKey::default()]).await
    }

    /// Serves the zones; each of the keys may change TXT records in them.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_with_keys(zones: &[Zone], keys: &[TsigKey]) -> Result<Self, StartError> {
        with_retries(async || Self::attempt(zones, keys).await).await
    }

    async fn attempt(zones: &[Zone], keys: &[TsigKey]) -> Result<Self, StartError> {
        let program = require_program("knotd", "knot")?;
        let dir = temp_dir("knot")?;
        let addr = free_addr();
        for zone in zones {
            let file = dir.path().join(format!("{}.zone", zone.name()));
            write(&file, &zone.master_file())?;
        }
        let database = dir.path().join("db");
        std::fs::create_dir(&database)
            .map_err(|e| StartError::setup("creating Knot's database directory", e))?;
        let conf = dir.path().join("knot.conf");
        write(&conf, &configuration(dir.path(), addr, zones, keys))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&conf).current_dir(dir.path());
        let mut daemon = Daemon::spawn("knotd", command, &dir.path().join("log"))?;
        for zone in zones {
            let probe = Probe::Dns(addr, zone.name().to_owned());
            daemon.ready(&probe).await?;
        }
        Ok(Self {
            daemon,
            addr,
            keys: keys.to_vec(),
            _dir: dir,
        })
    }

    /// Where it answers, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The settings of the nsupdate provider with the first key.
    pub fn nsupdate_settings(&self) -> Vec<(String, String)> {
        let key = self.keys.first().cloned().unwrap_or_default();
        key.nsupdate_settings(self.addr)
    }

    /// The process, to stop it or read its log.
    pub const fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

fn configuration(dir: &Path, addr: SocketAddr, zones: &[Zone], keys: &[TsigKey]) -> String {
    let dir = dir.display();
    let mut conf = format!(
        "server:\n    rundir: {dir}\n    listen: {}@{}\n\
         log:\n  - target: stdout\n    any: info\n\
         database:\n    storage: {dir}/db\nkey:\n",
        addr.ip(),
        addr.port()
    );
    let mut names = Vec::new();
    for key in keys {
        let TsigKey {
            name,
            algorithm,
            secret,
        } = key;
        push(
            &mut conf,
            format_args!("  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n"),
        );
        names.push(name.as_str());
    }
    push(
        &mut conf,
        format_args!(
            "acl:\n  - id: txt\n    key: [{}]\n    action: update\n    update-type: [TXT]\n\
             \x20 - id: transfer\n    address: 127.0.0.1\n    action: transfer\nzone:\n",
            names.join(", ")
        ),
    );
    for zone in zones {
        let name = zone.name();
        push(
            &mut conf,
            format_args!(
                "  - domain: {name}\n    storage: {dir}\n    file: {name}.zone\n    acl: [txt, transfer]\n    zonefile-sync: -1\n    journal-content: all\n"
            ),
        );
    }
    conf
}

fn push(conf: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    conf.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_and_serves_its_zones() {
        let zones = [Zone::new("one.test"), Zone::new("two.test")];
        let mut knot = crate::start_or_skip!(Knot::start(&zones).await);

        assert!(crate::zone::serves(knot.addr(), "two.test").await);
        assert!(!crate::zone::serves(knot.addr(), "three.test").await);
        knot.daemon().stop().await;
        assert!(!Probe::Tcp(knot.addr()).succeeds().await);
    }
}
