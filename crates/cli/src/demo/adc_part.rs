//! One of the demo's ADCs, with its backend.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evercert_adc::config::{AdcConfig, ConsoleLink, NsConf};
use evercert_adc::{Adc, AdcHandle};
use evercert_api::instances::{EnrollmentToken, NewEnrollmentToken};
use evercert_types::{Labels, Secret};

use super::backend::Backend;
use super::console_part::ConsolePart;
use super::world::free_addr;
use crate::client::Client;

/// An ADC that can be stopped and started again where it was.
pub(crate) struct AdcPart {
    /// Its name.
    pub(crate) name: String,
    /// Its SSL virtual server.
    pub(crate) https: SocketAddr,
    /// What it proxies to.
    pub(crate) backend: Backend,
    dir: PathBuf,
    console_url: String,
    running: Option<AdcHandle>,
}

impl AdcPart {
    /// Starts backend and ADC, and enrols it.
    pub(crate) async fn start(
        dir: &Path,
        number: usize,
        console: &ConsolePart,
        client: &Client,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let name = format!("adc-{number}");
        let backend = Backend::start(&name).await?;
        let https = free_addr()?;
        let conf = format!(
            "# {name}: one SSL virtual server before one backend. Certificates come by themselves.\n\
             enable ns feature LB SSL\n\
             add server web1 127.0.0.1\n\
             add service svc_web1 web1 HTTP {}\n\
             add lb vserver vs_https SSL {} {}\n\
             set ssl vserver vs_https -tls13 ENABLED\n\
             bind lb vserver vs_https svc_web1\n",
            backend.addr.port(),
            https.ip(),
            https.port(),
        );
        std::fs::write(dir.join("ns.conf"), conf).context("writing ns.conf")?;
        let wanted = NewEnrollmentToken {
            labels: Labels::from([("site".into(), "demo".into())]),
            expires_in: None,
        };
        let token: EnrollmentToken = client.post("/enrollment-tokens", &wanted).await?;
        let mut part = Self {
            name,
            https,
            backend,
            dir: dir.to_owned(),
            console_url: console.url(),
            running: None,
        };
        part.run(Some(Secret::new(token.token))).await?;
        Ok(part)
    }

    /// Starts it where it was; it has its identity already.
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        self.run(None).await
    }

    /// Stops it; clients finish first.
    pub(crate) async fn stop(&mut self) {
        if let Some(handle) = self.running.take() {
            handle.shutdown(std::time::Duration::from_secs(5)).await;
        }
    }

    async fn run(&mut self, token: Option<Secret<String>>) -> Result<()> {
        let path = self.dir.join("ns.conf");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let mut config = AdcConfig::new(NsConf { text, path }, &self.dir);
        config.name.clone_from(&self.name);
        config.console = Some(ConsoleLink::new(&self.console_url, token));
        self.running = Some(
            Adc::start(config)
                .await
                .with_context(|| format!("starting {}", self.name))?,
        );
        Ok(())
    }
}
