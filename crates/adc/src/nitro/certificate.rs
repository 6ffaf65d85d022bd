//! The certificate NITRO is served with: a certkey, or one made once in the state directory.

use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use evercert_types::{DomainName, KeyAlgorithm};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::tls::certified_key;
use evercert_x509::{Certificate, Chain, KeyPair};
use jiff::{SignedDuration, Timestamp};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::control::Control;
use crate::error::{Causes, StartError};
use crate::running::certkeys::LoadedCertKey;

/// The certkey NetScaler serves its management with.
pub(super) const USUAL: &str = "ns-server-certificate";
const CERTIFICATE: &str = "nitro.pem";
const KEY: &str = "nitro.key";
const VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365 * 5);
/// One that ends sooner is made anew at start.
const SPARE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Chooses the certificate anew for each handshake, so that `update ssl certKey` is seen at once.
pub(super) struct ManagementCertificate {
    control: Control,
    certkey: String,
    own: Arc<CertifiedKey>,
    made: Mutex<Option<Made>>,
}

/// What was made of a certkey's contents.
struct Made {
    of: Vec<Arc<LoadedCertKey>>,
    certified: Arc<CertifiedKey>,
}

impl ManagementCertificate {
    /// Serves the certkey of that name, and `own` as long as it cannot be served.
    pub(super) fn new(control: Control, certkey: String, own: Arc<CertifiedKey>) -> Self {
        Self {
            control,
            certkey,
            own,
            made: Mutex::default(),
        }
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        let config = self.control.config();
        let running = self.control.running();
        let chain = config.certkey_chain(&self.certkey);
        let loaded = chain
            .iter()
            .map(|certkey| running.certkeys.loaded(&certkey.name).cloned());
        let loaded: Vec<_> = loaded.collect::<Option<_>>()?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made
            && made.of.len() == loaded.len()
            && made.of.iter().zip(&loaded).all(|(a, b)| Arc::ptr_eq(a, b))
        {
            return Some(made.certified.clone());
        }
        let certified = servable(&loaded)?;
        *made = Some(Made {
            of: loaded,
            certified: certified.clone(),
        });
        Some(certified)
    }
}

fn servable(loaded: &[Arc<LoadedCertKey>]) -> Option<Arc<CertifiedKey>> {
    let key = loaded.first()?.key.as_ref()?;
    let pool: Vec<Certificate> = loaded.iter().flat_map(|l| l.certificates.clone()).collect();
    let chain = Chain::for_key(pool, key).ok()?;
    certified_key(&chain, key).ok()
}

impl std::fmt::Debug for ManagementCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ManagementCertificate({})", self.certkey)
    }
}

impl ResolvesServerCert for ManagementCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().unwrap_or_else(|| self.own.clone()))
    }
}

/// The certificate of the state directory; made when it is missing, unreadable or about to expire.
///
/// # Errors
/// When it cannot be made or written.
pub(super) fn own(
    state_dir: &Path,
    name: &str,
    address: IpAddr,
    now: Timestamp,
) -> Result<Arc<CertifiedKey>, StartError> {
    let have = read(state_dir).filter(|(chain, _)| chain.leaf().not_after() > now + SPARE);
    let (chain, key) = match have {
        Some(have) => have,
        None => {
            let made = make(name, address, now)?;
            write(state_dir, &made).map_err(|source| StartError::StateDir {
                path: state_dir.join(CERTIFICATE),
                source,
            })?;
            made
        }
    };
    certified_key(&chain, &key).map_err(|error| failed(&error))
}

fn read(state_dir: &Path) -> Option<(Chain, KeyPair)> {
    let chain = fs::read_to_string(state_dir.join(CERTIFICATE)).ok()?;
    let key = fs::read_to_string(state_dir.join(KEY)).ok()?;
    let key = KeyPair::from_pem(&key).ok()?;
    let pool = Certificate::all_from_pem(&chain).ok()?;
    Some((Chain::for_key(pool, &key).ok()?, key))
}

/// A certificate signed by a CA of its own, whose key is thrown away: it signs nothing else.
fn make(name: &str, address: IpAddr, now: Timestamp) -> Result<(Chain, KeyPair), StartError> {
    let algorithm = KeyAlgorithm::EcdsaP256;
    let ca = Authority::self_signed(&format!("Evercert ADC {name}"), algorithm, VALIDITY, now)
        .map_err(|error| failed(&error))?;
    let key = KeyPair::generate(algorithm).map_err(|error| failed(&error))?;
    let names: Vec<_> = [name, "localhost"]
        .iter()
        .filter_map(|name| DomainName::new(name).ok())
        .collect();
    let mut request = LeafRequest::for_key(&key, &names, VALIDITY, now);
    request.ips = vec![
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    if !address.is_unspecified() && !request.ips.contains(&address) {
        request.ips.push(address);
    }
    let leaf = ca.issue(&request).map_err(|error| failed(&error))?;
    let pool = vec![leaf, ca.certificate().clone()];
    let chain = Chain::from_certificates(pool).map_err(|error| failed(&error))?;
    Ok((chain, key))
}

fn write(state_dir: &Path, (chain, key): &(Chain, KeyPair)) -> io::Result<()> {
    let put = |name: &str, text: &str| {
        let new = state_dir.join(format!("{name}.new"));
        let options = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new);
        let mut file = options?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, state_dir.join(name))
    };
    put(KEY, key.to_pkcs8_pem().expose())?;
    put(CERTIFICATE, &chain.to_pem())
}

fn failed(error: &dyn std::error::Error) -> StartError {
    StartError::Nitro(format!("its certificate cannot be made: {}", Causes(error)))
}
