//! The hierarchy: a root, an intermediate below it that issues, perhaps a second root above that.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use evercert_types::{Clock, SystemClock};
use evercert_x509::mint::{Authority, BACKDATE, LeafRequest, MintError};
use evercert_x509::{Certificate, Csr};
use jiff::{SignedDuration, Timestamp};

use crate::config::{CaConfig, Profile};
use crate::identifier::{Identifier, Subject};
use crate::order::later;
use crate::store::Order;

const ROOT_NAME: &str = "Evercert Local Root";
const ALTERNATE_NAME: &str = "Evercert Local Root 2";
const ISSUING_NAME: &str = "Evercert Local CA";
const ROOT_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);
const ISSUING_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);

/// The CA certificates and their keys.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    root: Authority,
    issuing: Authority,
    alternate: Option<Alternate>,
}

/// A second root and its certificate for the issuing CA's key.
#[derive(Debug)]
struct Alternate {
    root: Certificate,
    cross: Certificate,
}

/// The hierarchy could not be made, kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HierarchyError {
    #[error("the CA's certificates could not be made")]
    Mint(#[from] MintError),
    #[error(
        "the CA in {path} could not be read; restore the file and its .key, or start with an empty directory"
    )]
    Read {
        path: PathBuf,
        #[source]
        source: MintError,
    },
    #[error("cannot access {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Hierarchy {
    /// Reads the hierarchy from a directory, or makes it and keeps it there.
    ///
    /// # Errors
    /// When files cannot be read, written, or do not belong together.
    pub(crate) fn open(
        config: &CaConfig,
        directory: Option<&Path>,
    ) -> Result<Self, HierarchyError> {
        // Whoever verifies may go by the system's clock while a test's clock stands elsewhere.
        let now = config.clock.now().min(SystemClock.now());
        let algorithm = config.key_algorithm;
        if let Some(directory) = directory {
            make_directory(directory)?;
        }
        let kept = |name: &str, make: &dyn Fn() -> Result<Authority, MintError>| {
            directory.map_or_else(|| Ok(make()?), |dir| keep(&dir.join(name), make))
        };
        let root = kept("root.pem", &|| {
            Authority::self_signed(ROOT_NAME, algorithm, ROOT_LIFE, now)
        })?;
        let issuing = kept("intermediate.pem", &|| {
            root.intermediate(ISSUING_NAME, algorithm, ISSUING_LIFE, now)
        })?;
        let alternate = config.alternate_root.then(|| {
            let second = kept("alternate-root.pem", &|| {
                Authority::self_signed(ALTERNATE_NAME, algorithm, ROOT_LIFE, now)
            })?;
            let cross = kept("alternate-intermediate.pem", &|| {
                second.cross_sign(ISSUING_NAME, issuing.key(), ISSUING_LIFE, now)
            })?;
            Ok::<_, HierarchyError>(Alternate {
                root: second.certificate().clone(),
                cross: cross.certificate().clone(),
            })
        });
        Ok(Self {
            root,
            issuing,
            alternate: alternate.transpose()?,
        })
    }

    pub(crate) const fn root(&self) -> &Authority {
        &self.root
    }

    pub(crate) fn alternate_root(&self) -> Option<&Certificate> {
        self.alternate.as_ref().map(|alternate| &alternate.root)
    }

    /// Issues what an order asks for.
    pub(crate) fn issue(
        &self,
        csr: &Csr,
        order: &Order,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Certificate, MintError> {
        let start = order.not_before.unwrap_or(now);
        let not_before = order
            .not_before
            .unwrap_or_else(|| now.checked_sub(BACKDATE).unwrap_or(now));
        let not_after = order
            .not_after
            .unwrap_or_else(|| later(start, profile.validity));
        let mut request = LeafRequest::new(csr.spki_der(), not_before, not_after);
        for subject in order.identifiers.iter().filter_map(Identifier::subject) {
            match subject {
                Subject::Dns(name) => request.names.push(name),
                Subject::Ip(ip) => request.ips.push(ip),
            }
        }
        // A longer name fits the subjectAltName, not the subject (RFC 5280 appendix A).
        request.common_name = csr
            .common_name()
            .filter(|name| profile.common_name && name.len() <= 64);
        self.issuing.issue(&request)
    }

    /// A leaf with the chain to the root (0), or to the alternate root (1).
    pub(crate) fn chain(&self, leaf: &str, alternate: usize) -> Option<String> {
        match (alternate, &self.alternate) {
            (0, _) => Some(format!("{leaf}{}", self.issuing.chain_pem())),
            (1, Some(other)) => Some(format!("{leaf}{}", other.cross.to_pem())),
            _ => None,
        }
    }

    /// How many chains there are besides the default.
    pub(crate) const fn alternates(&self) -> usize {
        if self.alternate.is_some() { 1 } else { 0 }
    }
}

fn keep(
    path: &Path,
    make: &dyn Fn() -> Result<Authority, MintError>,
) -> Result<Authority, HierarchyError> {
    let key_path = path.with_extension("key");
    match std::fs::read_to_string(path) {
        Ok(pem) => {
            let key = std::fs::read_to_string(&key_path).map_err(file_error(&key_path))?;
            Authority::from_pem(&pem, &key).map_err(|source| HierarchyError::Read {
                path: path.to_owned(),
                source,
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let authority = make()?;
            // The key first: a certificate without key would stop the next start.
            let key = authority.key().to_pkcs8_pem();
            write_private(&key_path, key.expose()).map_err(file_error(&key_path))?;
            let pem = authority.certificate().to_pem();
            write_private(path, &pem).map_err(file_error(path))?;
            Ok(authority)
        }
        Err(error) => Err(file_error(path)(error)),
    }
}

/// Writes a file that only its owner can read, atomically.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

fn make_directory(directory: &Path) -> Result<(), HierarchyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(file_error(directory))
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> HierarchyError {
    let path = path.to_owned();
    move |source| HierarchyError::File {
        path: path.clone(),
        source,
    }
}
