//! Which certificate the Console shows: its own, renewed by itself, or the operator's.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use evercert_types::DomainName;
use evercert_x509::tls::certified_key;
use evercert_x509::{Certificate, Chain, KeyPair};
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Identity, IdentityError, SERVER_VALIDITY};

/// Chooses the certificate for each handshake.
///
/// The operator's is shown to clients that ask for a name it covers, unless they say
/// (`certificate_authorities`, RFC 8446 §4.2.4) that they trust the identity CA; all others get the
/// Console's own. Instances trust the identity CA alone: they reach the Console by an address or a
/// name that the operator's certificate does not cover, or say whom they trust.
#[derive(Debug)]
pub(crate) struct ServerCertificates {
    names: Vec<DomainName>,
    ips: Vec<IpAddr>,
    ca_subject: Vec<u8>,
    own: RwLock<Own>,
    operators: Option<Operators>,
}

#[derive(Debug)]
struct Own {
    key: Arc<CertifiedKey>,
    renew_at: Timestamp,
}

#[derive(Debug)]
struct Operators {
    key: Arc<CertifiedKey>,
    names: Vec<DomainName>,
}

impl ServerCertificates {
    /// Issues the Console's own certificate for `names`, which may be DNS names and IP addresses; others
    /// are left out with a warning.
    ///
    /// # Errors
    /// When the identity CA does not sign.
    pub(crate) fn new(identity: &Identity, names: &[String]) -> Result<Self, IdentityError> {
        let (names, ips) = sort_names(names);
        let own = issue(identity, &names, &ips)?;
        Ok(Self {
            names,
            ips,
            ca_subject: identity.certificate().subject_der().to_vec(),
            own: RwLock::new(own),
            operators: None,
        })
    }

    /// Adds the operator's certificate from PEM files: chain, leaf among them, and private key.
    ///
    /// # Errors
    /// [`IdentityError::File`] with the file that cannot be used.
    pub(crate) fn with_operators(
        mut self,
        chain: &Path,
        key: &Path,
    ) -> Result<Self, IdentityError> {
        let pool = Certificate::all_from_pem(&read(chain)?).map_err(|e| file_error(chain, e))?;
        let key_pair = KeyPair::from_pem(&read(key)?).map_err(|e| file_error(key, e))?;
        let full = Chain::for_key(pool, &key_pair).map_err(|e| file_error(chain, e))?;
        self.operators = Some(Operators {
            names: full.leaf().dns_names(),
            key: certified_key(&full, &key_pair).map_err(|e| file_error(chain, e))?,
        });
        Ok(self)
    }

    /// Issues the Console's own certificate anew once half its life is over.
    ///
    /// # Errors
    /// When the identity CA does not sign; the certificate before stays.
    pub(crate) fn renew(&self, identity: &Identity, now: Timestamp) -> Result<(), IdentityError> {
        if now
            < self
                .own
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .renew_at
        {
            return Ok(());
        }
        let next = issue(identity, &self.names, &self.ips)?;
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = next;
        tracing::info!("the Console's own TLS certificate was renewed");
        Ok(())
    }

    fn own(&self) -> Arc<CertifiedKey> {
        self.own
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .key
            .clone()
    }

    fn choose(&self, server_name: Option<&str>, trusts_identity_ca: bool) -> Arc<CertifiedKey> {
        let covering = self.operators.as_ref().filter(|operators| {
            let name = server_name.map(str::to_ascii_lowercase);
            name.is_some_and(|name| {
                operators
                    .names
                    .iter()
                    .any(|covering| covering.covers(&name))
            })
        });
        match covering {
            Some(operators) if !trusts_identity_ca => operators.key.clone(),
            _ => self.own(),
        }
    }
}

impl ResolvesServerCert for ServerCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let authorities = hello.certificate_authorities().unwrap_or_default();
        let trusts_us = authorities
            .iter()
            .any(|name| name.as_ref() == self.ca_subject);
        Some(self.choose(hello.server_name(), trusts_us))
    }
}

/// Names a Console is always reached by: this machine's, and loopback.
pub(crate) fn usual_names() -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(host.trim().to_owned());
    }
    names
}

fn sort_names(given: &[String]) -> (Vec<DomainName>, Vec<IpAddr>) {
    let (mut names, mut ips) = (Vec::new(), Vec::new());
    for text in given {
        match (text.parse::<IpAddr>(), DomainName::new(text)) {
            (Ok(ip), _) if !ips.contains(&ip) => ips.push(ip),
            (Err(_), Ok(name)) if !names.contains(&name) => names.push(name),
            (Err(_), Err(error)) => {
                tracing::warn!(name = text, %error, "the name is left out of the Console's TLS certificate");
            }
            _ => {}
        }
    }
    (names, ips)
}

fn issue(identity: &Identity, names: &[DomainName], ips: &[IpAddr]) -> Result<Own, IdentityError> {
    let key = identity.issue_server(names, ips)?;
    let now = identity.clock.now();
    Ok(Own {
        key,
        renew_at: now.checked_add(SERVER_VALIDITY / 2).unwrap_or(now),
    })
}

fn read(path: &Path) -> Result<String, IdentityError> {
    std::fs::read_to_string(path).map_err(|e| file_error(path, e))
}

fn file_error(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> IdentityError {
    IdentityError::File {
        path: path.display().to_string(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evercert_db::{Db, DbConfig};
    use evercert_types::{KeyAlgorithm, ManualClock, Secret, SharedClock};
    use evercert_x509::mint::{Authority, LeafRequest};
    use jiff::SignedDuration;

    use super::*;

    struct Scene {
        identity: Identity,
        clock: Arc<ManualClock>,
        dir: tempfile::TempDir,
    }

    async fn scene() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(
            Timestamp::from_second(1_790_000_000).unwrap(),
        ));
        let shared: SharedClock = clock.clone();
        let url = format!("sqlite:{}", dir.path().join("db").display());
        let config = DbConfig::new(url, Secret::new([1; 32]));
        let db = Db::open(&config, shared.clone()).await.unwrap();
        let identity = Identity::open(&db, shared.clone()).await.unwrap();
        let again = Identity::open(&db, shared).await.unwrap();
        assert_eq!(identity.ca_pem(), again.ca_pem());
        Scene {
            identity,
            clock,
            dir,
        }
    }

    fn names(given: &[&str]) -> Vec<String> {
        given.iter().map(|name| (*name).to_owned()).collect()
    }

    fn leaf(key: &CertifiedKey) -> Certificate {
        Certificate::from_der(key.cert[0].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_own_certificate_names_what_it_can_and_leaves_the_rest_out() {
        let scene = scene().await;
        let given = names(&["localhost", "::1", "127.0.0.1", "no name!", "localhost"]);

        let certificates = ServerCertificates::new(&scene.identity, &given).unwrap();

        let leaf = leaf(&certificates.own());
        assert_eq!(leaf.dns_names(), [DomainName::new("localhost").unwrap()]);
        assert_eq!(leaf.ip_addresses().len(), 2);
    }

    #[tokio::test]
    async fn the_own_certificate_is_renewed_at_half_its_life() {
        let scene = scene().await;
        let certificates =
            ServerCertificates::new(&scene.identity, &names(&["localhost"])).unwrap();
        let first = leaf(&certificates.own());
        let look = || {
            certificates
                .renew(&scene.identity, scene.identity.clock.now())
                .unwrap();
            leaf(&certificates.own())
        };
        scene
            .clock
            .advance(SERVER_VALIDITY / 2 - SignedDuration::from_secs(1));
        assert_eq!(look(), first);

        scene.clock.advance(SignedDuration::from_secs(1));

        assert_ne!(look(), first);
        assert!(look().not_after() > first.not_after());
    }

    #[tokio::test]
    async fn browsers_see_the_operators_certificate_and_instances_the_own() {
        let scene = scene().await;
        let now = scene.identity.clock.now();
        let year = SignedDuration::from_hours(24 * 365);
        let ca = Authority::self_signed("Public CA", KeyAlgorithm::EcdsaP256, year, now).unwrap();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let name = [DomainName::new("console.example.com").unwrap()];
        let theirs = ca
            .issue(&LeafRequest::for_key(&key, &name, year, now))
            .unwrap();
        let (chain, key_file) = (
            scene.dir.path().join("chain.pem"),
            scene.dir.path().join("key.pem"),
        );
        std::fs::write(&chain, theirs.to_pem()).unwrap();
        std::fs::write(&key_file, key.to_pkcs8_pem().expose()).unwrap();
        let certificates =
            ServerCertificates::new(&scene.identity, &names(&["localhost"])).unwrap();

        let certificates = certificates.with_operators(&chain, &key_file).unwrap();

        let shown = |name, trusts_us| leaf(&certificates.choose(name, trusts_us));
        assert_eq!(shown(Some("Console.example.com"), false), theirs);
        for (name, trusts_us) in [
            (Some("console.example.com"), true),
            (Some("localhost"), false),
            (None, false),
        ] {
            assert_eq!(
                shown(name, trusts_us),
                leaf(&certificates.own()),
                "{name:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_operators_file_that_cannot_be_used_is_named() {
        let scene = scene().await;
        let file = scene.dir.path().join("none.pem");
        let certificates = ServerCertificates::new(&scene.identity, &[]).unwrap();

        let error = certificates.with_operators(&file, &file).unwrap_err();

        assert!(error.to_string().contains("none.pem"), "{error}");
    }
}
