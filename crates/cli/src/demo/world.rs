//! The parts of the demo: started, stopped, restarted.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evercert_ca::{CaConfig, LocalCa, ValidationDns};
use evercert_dns::TsigKey;
use evercert_dns::server::{AuthServer, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_types::Secret;

use super::adc_part::AdcPart;
use super::console_part::ConsolePart;
use super::probe::Probe;
use super::story::Story;
use crate::client::Client;

/// The zone of the demo's names (RFC 6761: `.test` is nobody's).
pub(crate) const ZONE: &str = "evercert.test";

/// Everything that runs.
pub(crate) struct World {
    /// Where the demo keeps its state.
    pub(crate) dir: PathBuf,
    /// REST, as the demo's own operator.
    pub(crate) client: Client,
    /// A client that trusts the Local CA.
    pub(crate) probe: Probe,
    /// The same, for RSA alone.
    pub(crate) rsa_probe: Probe,
    /// The ADCs.
    pub(crate) adcs: Vec<AdcPart>,
    console: ConsolePart,
    ca: LocalCa,
    dns: AuthServer,
}

impl World {
    /// Starts all parts and introduces them to each other.
    pub(crate) async fn start(story: &Story, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let (dns, tsig) = start_dns().await?;
        story.tell(&format!(
            "DNS server on {}, zone {ZONE}, changed by RFC 2136 updates",
            dns.local_addr()
        ));
        let ca = start_ca(dir, dns.local_addr()).await?;
        story.tell(&format!("Local CA: {}", ca.directory_url()));
        let console = ConsolePart::start(&dir.join("console"), dns.local_addr()).await?;
        story.tell(&format!("Console: {}", console.url()));
        let client = console.operator(&dir.join("demo.token")).await?;
        introduce(&client, &ca, &dns, &tsig).await?;
        story.tell("CA vendor, DNS provider and domain mapping are in place");
        let mut adcs = Vec::new();
        for number in 1..=2 {
            let adc = AdcPart::start(
                &dir.join(format!("adc-{number}")),
                number,
                &console,
                &client,
            )
            .await?;
            story.tell(&format!(
                "{}: SSL virtual server on {}",
                adc.name, adc.https
            ));
            adcs.push(adc);
        }
        let roots = evercert_x509::tls::root_store(&ca.root_pem())?;
        let (probe, rsa_probe) = (Probe::new(roots.clone())?, Probe::rsa_only(roots)?);
        Ok(Self {
            dir: dir.to_owned(),
            client,
            probe,
            rsa_probe,
            adcs,
            console,
            ca,
            dns,
        })
    }

    /// The anchor of the certificates served.
    pub(crate) fn root_pem(&self) -> String {
        self.ca.root_pem()
    }

    /// Where the Console is.
    pub(crate) fn console_url(&self) -> String {
        self.console.url()
    }

    /// The page that makes the first administrator, while there is none.
    pub(crate) fn setup_url(&self) -> Option<&Secret<String>> {
        self.console.setup_url()
    }

    /// Stops the Console.
    pub(crate) async fn stop_console(&mut self) {
        self.console.stop().await;
    }

    /// Starts the Console again, where it was.
    pub(crate) async fn start_console(&mut self) -> Result<()> {
        self.console.start_again().await
    }

    /// Stops an ADC; its clients finish first.
    pub(crate) async fn stop_adc(&mut self, number: usize) {
        self.adcs[number].stop().await;
    }

    /// Starts an ADC again, where it was.
    pub(crate) async fn start_adc(&mut self, number: usize) -> Result<()> {
        self.adcs[number].start_again().await
    }

    /// Stops everything, clients' side first.
    pub(crate) async fn shutdown(mut self) {
        for adc in &mut self.adcs {
            adc.stop().await;
        }
        for adc in self.adcs {
            adc.backend.shutdown().await;
        }
        self.console.stop().await;
        self.ca.shutdown().await;
        self.dns.shutdown().await;
    }
}

/// The DNS server, and the TSIG key (`algorithm:name:secret`) that may change its zone.
async fn start_dns() -> Result<(AuthServer, String)> {
    let mut secret = [0u8; 32];
    evercert_x509::tls::crypto_provider()
        .secure_random
        .fill(&mut secret)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    let tsig = format!(
        "hmac-sha256:evercert-demo:{}",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, secret)
    );
    let key = TsigKey::parse(&Secret::new(tsig.clone())).context("making the TSIG key")?;
    let config = ServerConfig {
        zones: vec![ZoneConfig::new(ZONE)],
        updates: UpdatePolicy::Signed(vec![key]),
        default_a: Some(Ipv4Addr::LOCALHOST),
        ..ServerConfig::default()
    };
    let dns = AuthServer::start(config)
        .await
        .context("starting the DNS server")?;
    Ok((dns, tsig))
}

async fn start_ca(dir: &Path, dns: SocketAddr) -> Result<LocalCa> {
    let config = CaConfig {
        state_dir: Some(dir.join("ca")),
        resolver: ValidationDns::Server(dns),
        // Each renewal of the demo is proved anew, TXT record and all.
        reuse_authorizations: false,
        ..CaConfig::default()
    };
    LocalCa::start(config)
        .await
        .context("starting the Local CA")
}

/// What an operator would type: CA vendor, DNS provider, domain mapping.
async fn introduce(client: &Client, ca: &LocalCa, dns: &AuthServer, tsig: &str) -> Result<()> {
    use serde_json::{Value, json};
    let server = dns.local_addr().to_string();
    let vendor = json!({
        "name": "local-ca", "directory_url": ca.directory_url(), "email": "demo@evercert.test",
        "ca_bundle": ca.tls_root_pem(),
    });
    let provider = json!({
        "name": "demo-dns", "type": "nsupdate", "settings": { "server": server, "key": tsig },
        "propagation": { "mode": "servers", "servers": [server], "first_look": "0s" },
    });
    let mapping = json!({ "domain": ZONE, "provider": "demo-dns" });
    for (path, body) in [
        ("/ca-vendors", vendor),
        ("/dns-providers", provider),
        ("/domain-mappings", mapping),
    ] {
        let _made: Value = client
            .post(path, &body)
            .await
            .with_context(|| format!("POST {path}"))?;
    }
    Ok(())
}

/// A loopback address that is free now; ns.conf wants a number.
pub(super) fn free_addr() -> Result<SocketAddr> {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    listener.local_addr().context("looking for a free port")
}
