//! Pebble: Let's Encrypt's ACME test server.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries, write};
use crate::skip::require_program;

/// How long Pebble waits before it validates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidationDelay {
    /// Validates at once (`PEBBLE_VA_NOSLEEP=1`).
    #[default]
    None,
    /// Up to so many seconds, at random (`PEBBLE_VA_SLEEPTIME`).
    UpToSeconds(u32),
}

/// How Pebble shall behave; the default is quick and well-behaved.
#[derive(Clone, Debug)]
pub struct PebbleOptions {
    /// Where all validation DNS goes (`-dnsserver`); the system's resolver when absent.
    pub dns_server: Option<SocketAddr>,
    /// Percentage of good nonces that are rejected (`PEBBLE_WFE_NONCEREJECT`); 0.
    pub nonce_reject_percent: u8,
    /// Percentage of valid authorizations that are used again (`PEBBLE_AUTHZREUSE`); 0.
    pub authz_reuse_percent: u8,
    /// The wait before validating; none.
    pub validation_delay: ValidationDelay,
    /// Issues without validating anything (`PEBBLE_VA_ALWAYS_VALID`).
    pub always_valid: bool,
    /// Further hierarchies, offered as alternate chains (`PEBBLE_ALTERNATE_ROOTS`); 0.
    pub alternate_roots: u8,
    /// Number of intermediates (`PEBBLE_CHAIN_LENGTH`); 1.
    pub chain_length: u8,
    /// Port that HTTP-01 validation connects to; a closed one by default.
    pub http_port: Option<u16>,
    /// Port that TLS-ALPN-01 validation connects to; a closed one by default.
    pub tls_port: Option<u16>,
    /// Key ids with their HMAC keys (Base64url); a new account needs one of them when there are any.
    pub eab_keys: Vec<(String, String)>,
    /// Names it refuses to issue for.
    pub blocked_domains: Vec<String>,
    /// Life of issued certificates; 90 days.
    pub validity: Duration,
}

impl Default for PebbleOptions {
    fn default() -> Self {
        Self {
            dns_server: None,
            nonce_reject_percent: 0,
            authz_reuse_percent: 0,
            validation_delay: ValidationDelay::None,
            always_valid: false,
            alternate_roots: 0,
            chain_length: 1,
            http_port: None,
            tls_port: None,
            eab_keys: Vec::new(),
            blocked_domains: Vec::new(),
            validity: Duration::from_secs(90 * 86_400),
        }
    }
}

/// A running `pebble` (Debian package `pebble`), in strict mode.
#[derive(Debug)]
pub struct Pebble {
    daemon: Daemon,
    addr: SocketAddr,
    management: SocketAddr,
    ca_bundle_pem: String,
    _dir: TempDir,
}

impl Pebble {
    /// Starts it with a fresh hierarchy and a TLS certificate for `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(options: PebbleOptions) -> Result<Self, StartError> {
        with_retries(async || Self::attempt(&options).await).await
    }

    async fn attempt(options: &PebbleOptions) -> Result<Self, StartError> {
        let program = require_program("pebble", "pebble")?;
        let dir = temp_dir("pebble")?;
        let (addr, management) = (free_addr(), free_addr());
        let ca_bundle_pem = write_tls(dir.path())
            .map_err(|e| StartError::setup("making Pebble's TLS certificate", e))?;
        let config = dir.path().join("pebble.json");
        let text = configuration(dir.path(), addr, management, options);
        write(&config, &text.to_string())?;
        let mut command = Command::new(program);
        command.arg("-config").arg(&config).arg("-strict");
        if let Some(server) = options.dns_server {
            command.arg("-dnsserver").arg(server.to_string());
        }
        for (variable, value) in environment(options) {
            command.env(variable, value);
        }
        let mut daemon = Daemon::spawn("pebble", command, &dir.path().join("log"))?;
        daemon.ready(&Probe::Tcp(addr)).await?;
        daemon.ready(&Probe::Tcp(management)).await?;
        Ok(Self {
            daemon,
            addr,
            management,
            ca_bundle_pem,
            _dir: dir,
        })
    }

    /// The directory's URL.
    pub fn directory_url(&self) -> String {
        format!("https://{}/dir", self.addr)
    }

    /// The anchor of its HTTPS; not of the certificates it issues.
    pub fn ca_bundle_pem(&self) -> &str {
        &self.ca_bundle_pem
    }

    /// Base URL of its management interface.
    pub fn management_url(&self) -> String {
        format!("https://{}", self.management)
    }

    /// The anchor of the certificates it issues; `index` counts its hierarchies from 0.
    ///
    /// # Errors
    /// When the management interface does not hand it out.
    pub async fn root_pem(&self, index: u8) -> Result<String, StartError> {
        let what = format!("fetching Pebble's root {index}");
        let failed = |e: reqwest::Error| StartError::setup(&what, e);
        let url = format!("{}/roots/{index}", self.management_url());
        let answer = self.http_client()?.get(url).send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        answer.text().await.map_err(failed)
    }

    /// A client that trusts its HTTPS, with a time limit of 10 s.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn http_client(&self) -> Result<reqwest::Client, StartError> {
        let failed = |e: reqwest::Error| StartError::setup("building an HTTP client", e);
        let anchor =
            reqwest::Certificate::from_pem(self.ca_bundle_pem.as_bytes()).map_err(failed)?;
        reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([anchor])
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(failed)
    }

    /// The process, to stop it or read its log.
    pub const fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

fn configuration(
    dir: &Path,
    addr: SocketAddr,
    management: SocketAddr,
    options: &PebbleOptions,
) -> Value {
    let keys: Map<String, Value> = options
        .eab_keys
        .iter()
        .map(|(kid, key)| (kid.clone(), Value::from(key.as_str())))
        .collect();
    json!({ "pebble": {
        "listenAddress": addr.to_string(),
        "managementListenAddress": management.to_string(),
        "certificate": dir.join("cert.pem"),
        "privateKey": dir.join("key.pem"),
        "httpPort": options.http_port.unwrap_or_else(crate::free_port),
        "tlsPort": options.tls_port.unwrap_or_else(crate::free_port),
        "ocspResponderURL": "",
        "externalAccountBindingRequired": !keys.is_empty(),
        "externalAccountMACKeys": keys,
        "domainBlocklist": options.blocked_domains,
        "certificateValidityPeriod": options.validity.as_secs(),
    }})
}

fn environment(options: &PebbleOptions) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        (
            "PEBBLE_WFE_NONCEREJECT",
            options.nonce_reject_percent.to_string(),
        ),
        ("PEBBLE_AUTHZREUSE", options.authz_reuse_percent.to_string()),
        (
            "PEBBLE_ALTERNATE_ROOTS",
            options.alternate_roots.to_string(),
        ),
        ("PEBBLE_CHAIN_LENGTH", options.chain_length.to_string()),
        // By default three: an account with hundreds of orders would be read page by page for minutes.
        ("PEBBLE_WFE_ORDERS_PER_PAGE", "50".to_owned()),
    ];
    variables.push(match options.validation_delay {
        ValidationDelay::None => ("PEBBLE_VA_NOSLEEP", "1".to_owned()),
        ValidationDelay::UpToSeconds(limit) => ("PEBBLE_VA_SLEEPTIME", limit.to_string()),
    });
    if options.always_valid {
        variables.push(("PEBBLE_VA_ALWAYS_VALID", "1".to_owned()));
    }
    variables
}

/// Writes `cert.pem` and `key.pem` and returns the CA certificate: rustls refuses a CA as server.
fn write_tls(dir: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "Pebble TLS test CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let mut leaf = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    std::fs::write(dir.join("cert.pem"), certificate.pem())?;
    std::fs::write(dir.join("key.pem"), key.serialize_pem())?;
    Ok(issuer.pem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn serves_its_directory_over_trusted_tls() {
        let pebble = crate::start_or_skip!(Pebble::start(PebbleOptions::default()).await);
        let client = pebble.http_client().unwrap();

        let answer = client.get(pebble.directory_url()).send().await.unwrap();
        let directory: Value = answer.json().await.unwrap();

        assert!(directory["newOrder"].is_string(), "{directory}");
        assert!(
            pebble
                .root_pem(0)
                .await
                .unwrap()
                .contains("BEGIN CERTIFICATE")
        );
    }
}
