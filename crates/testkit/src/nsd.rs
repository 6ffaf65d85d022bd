//! NSD: an authoritative server that reads zone files and is told by `nsd-control`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries, write};
use crate::skip::require_program;
use crate::zone::Zone;

/// A running `nsd` (Debian package `nsd`).
#[derive(Debug)]
pub struct Nsd {
    _daemon: Daemon,
    addr: SocketAddr,
    control: PathBuf,
    dir: TempDir,
}

impl Nsd {
    /// Serves the zones from files that can be changed.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(zones: &[Zone]) -> Result<Self, StartError> {
        with_retries(async || Self::attempt(zones).await).await
    }

    async fn attempt(zones: &[Zone]) -> Result<Self, StartError> {
        let program = require_program("nsd", "nsd")?;
        let control = require_program("nsd-control", "nsd")?;
        let dir = temp_dir("nsd")?;
        let addr = free_addr();
        for zone in zones {
            write(&file(dir.path(), zone.name()), &zone.master_file())?;
        }
        let conf = dir.path().join("nsd.conf");
        write(&conf, &configuration(dir.path(), addr, zones))?;
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&conf)
            .arg("-d")
            .current_dir(dir.path());
        let mut daemon = Daemon::spawn("nsd", command, &dir.path().join("log"))?;
        for zone in zones {
            let probe = Probe::Dns(addr, zone.name().to_owned());
            daemon.ready(&probe).await?;
        }
        Ok(Self {
            _daemon: daemon,
            addr,
            control,
            dir,
        })
    }

    /// Where it answers, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The file of a zone.
    pub fn zone_file(&self, zone: &str) -> PathBuf {
        file(self.dir.path(), zone)
    }

    /// What makes it read a zone's file again.
    pub fn reload_command(&self, zone: &str) -> String {
        let conf = self.dir.path().join("nsd.conf");
        format!(
            "{} -c {} reload {zone}",
            self.control.display(),
            conf.display()
        )
    }
}

fn file(dir: &Path, zone: &str) -> PathBuf {
    dir.join(format!("{zone}.zone"))
}

fn configuration(dir: &Path, addr: SocketAddr, zones: &[Zone]) -> String {
    let (ip, port, dir) = (addr.ip(), addr.port(), dir.display());
    let server = format!(
        "server:\n  ip-address: {ip}@{port}\n  username: \"\"\n  zonesdir: \"{dir}\"\n  database: \"\"\n  pidfile: \"{dir}/nsd.pid\"\n\
         \x20 xfrdfile: \"{dir}/xfrd.state\"\n  xfrdir: \"{dir}\"\n  zonelistfile: \"{dir}/zone.list\"\n\
         remote-control:\n  control-enable: yes\n  control-interface: \"{dir}/nsd.sock\"\n"
    );
    let zones = zones.iter().map(|zone| {
        let name = zone.name();
        format!("zone:\n  name: {name}\n  zonefile: \"{dir}/{name}.zone\"\n  provide-xfr: 127.0.0.1 NOKEY\n")
    });
    std::iter::once(server).chain(zones).collect()
}
