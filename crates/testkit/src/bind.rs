//! BIND: an authoritative server that takes dynamic updates.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries, write};
use crate::skip::require_program;
use crate::zone::{TsigKey, Zone};

/// How BIND shall behave.
#[derive(Clone, Debug, Default)]
pub struct BindOptions {
    /// Its zones.
    pub zones: Vec<Zone>,
    /// Who may change TXT records in them.
    pub keys: Vec<TsigKey>,
    /// Whether it resolves for whoever asks, and so follows aliases from one of its zones into another.
    pub resolves: bool,
    /// Domains that others serve: then it resolves too, asks them, and remembers nothing.
    pub forwards: Vec<(String, SocketAddr)>,
}

/// A running `named` (Debian package `bind9`); without recursion unless the options say so.
#[derive(Debug)]
pub struct Bind {
    daemon: Daemon,
    addr: SocketAddr,
    keys: Vec<TsigKey>,
    _dir: TempDir,
}

impl Bind {
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
        Self::start_with(&BindOptions {
            zones: zones.to_vec(),
            keys: keys.to_vec(),
            ..BindOptions::default()
        })
        .await
    }

    /// Starts it as the options say.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_with(options: &BindOptions) -> Result<Self, StartError> {
        with_retries(async || Self::attempt(options).await).await
    }

    async fn attempt(options: &BindOptions) -> Result<Self, StartError> {
        let zones = &options.zones;
        let program = require_program("named", "bind9")?;
        let dir = temp_dir("bind")?;
        let addr = free_addr();
        for zone in zones {
            let file = dir.path().join(format!("{}.zone", zone.name()));
            write(&file, &zone.master_file())?;
        }
        let conf = dir.path().join("named.conf");
        write(&conf, &configuration(dir.path(), addr, options))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&conf).args(["-f", "-g", "-n", "1"]);
        command.current_dir(dir.path());
        let mut daemon = Daemon::spawn("named", command, &dir.path().join("log"))?;
        for zone in zones {
            let probe = Probe::Dns(addr, zone.name().to_owned());
            daemon.ready(&probe).await?;
        }
        Ok(Self {
            daemon,
            addr,
            keys: options.keys.clone(),
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

fn configuration(dir: &Path, addr: SocketAddr, options: &BindOptions) -> String {
    let dir = dir.display();
    let recursion = match options.resolves || !options.forwards.is_empty() {
        false => "recursion no;",
        true => "recursion yes; allow-recursion { 127.0.0.1; }; max-cache-ttl 0; max-ncache-ttl 0;",
    };
    let mut conf = format!(
        "options {{\n directory \"{dir}\";\n managed-keys-directory \"{dir}\";\n \
         listen-on port {} {{ 127.0.0.1; }};\n listen-on-v6 {{ none; }};\n \
         pid-file \"{dir}/named.pid\";\n session-keyfile \"{dir}/session.key\";\n \
         lock-file none;\n {recursion}\n dnssec-validation no;\n notify no;\n \
         allow-transfer {{ 127.0.0.1; }};\n}};\n\
         controls {{ }};\n",
        addr.port()
    );
    let mut grants = String::new();
    for key in &options.keys {
        let TsigKey {
            name,
            algorithm,
            secret,
        } = key;
        push(
            &mut conf,
            format_args!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n"),
        );
        push(&mut grants, format_args!(" grant \"{name}\" zonesub TXT;"));
    }
    for zone in &options.zones {
        let name = zone.name();
        push(
            &mut conf,
            format_args!(
                "zone \"{name}\" {{ type primary; file \"{dir}/{name}.zone\"; update-policy {{{grants} }}; }};\n"
            ),
        );
    }
    for (domain, server) in &options.forwards {
        push(
            &mut conf,
            format_args!(
                "zone \"{domain}\" {{ type forward; forward only; forwarders {{ {} port {}; }}; }};\n",
                server.ip(),
                server.port()
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
        let mut bind = crate::start_or_skip!(Bind::start(&zones).await);

        assert!(crate::zone::serves(bind.addr(), "two.test").await);
        bind.daemon().stop().await;
        assert!(!Probe::Tcp(bind.addr()).succeeds().await);
    }
}
