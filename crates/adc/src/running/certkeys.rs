//! Certkeys of the configuration, read from their files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evercert_ns::model::{CertKeyRef, CertKeyView, Config, Inform};
use evercert_types::DomainName;
use evercert_x509::tls::certified_key;
use evercert_x509::{Certificate, Chain, KeyPair, pkcs12};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::{Causes, StartError};
use crate::tls::manual::ManualCertificate;

/// Reads certkeys when they are first wanted, and each once.
pub(super) struct CertKeys<'a> {
    config: &'a Config,
    directory: PathBuf,
    read: HashMap<String, Arc<ManualCertificate>>,
}

impl<'a> CertKeys<'a> {
    /// Files are relative to the directory of ns.conf.
    pub(super) fn new(config: &'a Config, ns_conf: &Path) -> Self {
        Self {
            config,
            directory: ns_conf.parent().unwrap_or(Path::new("")).to_owned(),
            read: HashMap::new(),
        }
    }

    /// Whether there is a certkey of this name with a key of its own.
    pub(super) fn is_server_certkey(&self, name: &str) -> bool {
        self.config
            .certkey(name)
            .is_some_and(|certkey| certkey.key.is_some() || certkey.inform == Inform::Pfx)
    }

    /// The files of a certkey that cannot be opened, one sentence each: only a certkey in use fails the start.
    pub(super) fn unreadable(&self, view: &CertKeyView) -> Vec<String> {
        if view.is_factory {
            return Vec::new();
        }
        let files = std::iter::once(&view.cert).chain(&view.key);
        let unreadable = files.filter_map(|file| {
            let path = self.directory.join(file);
            let error = std::fs::File::open(&path).err()?;
            let (certkey, path) = (&view.name, path.display());
            Some(format!(
                "certkey {certkey}: {path} cannot be read ({error}); binding it fails until the file is there"
            ))
        });
        unreadable.collect()
    }

    /// A certkey with its private key, ready to be served, with the certificates it is linked to.
    ///
    /// # Errors
    /// When a file cannot be read, or key and certificate do not belong together.
    pub(super) fn server(&mut self, name: &str) -> Result<Arc<ManualCertificate>, StartError> {
        if let Some(read) = self.read.get(name) {
            return Ok(read.clone());
        }
        let view = self.view(name)?;
        let (key, chain) = self.key_and_chain(&view)?;
        let certified = certified_key(&chain, &key)
            .map_err(|error| unusable(&view.name, &view.cert, &error))?;
        let leaf = chain.leaf();
        let certificate = Arc::new(ManualCertificate {
            certkey: view.name.as_str().into(),
            certified,
            algorithm: key.algorithm(),
            names: names(leaf),
            not_after: leaf.not_after(),
            fingerprint: leaf.fingerprint(),
        });
        self.read.insert(name.to_owned(), certificate.clone());
        Ok(certificate)
    }

    /// Several of them.
    ///
    /// # Errors
    /// As [`Self::server`].
    pub(super) fn servers(
        &mut self,
        bound: &[CertKeyRef],
    ) -> Result<Vec<Arc<ManualCertificate>>, StartError> {
        bound
            .iter()
            .map(|certkey| self.server(&certkey.name))
            .collect()
    }

    /// CA certificates as trust anchors.
    ///
    /// # Errors
    /// When a file cannot be read, or holds nothing that can be an anchor.
    pub(super) fn anchors<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<RootCertStore, StartError> {
        let mut roots = RootCertStore::empty();
        for name in names {
            let view = self.view(name)?;
            for certificate in self.certificates(&view)? {
                roots
                    .add(CertificateDer::from(certificate.der().to_vec()))
                    .map_err(|error| unusable(&view.name, &view.cert, &error))?;
            }
        }
        Ok(roots)
    }

    fn view(&self, name: &str) -> Result<CertKeyView, StartError> {
        let view = self.config.certkey(name).filter(|view| !view.is_factory);
        view.ok_or_else(|| StartError::CertKey {
            certkey: name.to_owned(),
            path: "-".to_owned(),
            why: "it has no files here; bind another".to_owned(),
        })
    }

    fn key_and_chain(&self, view: &CertKeyView) -> Result<(KeyPair, Chain), StartError> {
        let password = view
            .password
            .as_ref()
            .map_or("", |password| password.expose());
        if view.inform == Inform::Pfx {
            let bytes = self.bytes(view, &view.cert)?;
            return pkcs12::import(&bytes, password)
                .map_err(|error| unusable(&view.name, &view.cert, &error));
        }
        let Some(file) = &view.key else {
            return Err(StartError::CertKey {
                certkey: view.name.clone(),
                path: view.cert.clone(),
                why: "it has no private key, so it cannot be served".to_owned(),
            });
        };
        let bytes = self.bytes(view, file)?;
        let key = match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("-----BEGIN") => KeyPair::from_pem(text),
            _ => KeyPair::from_pkcs8_der(&bytes),
        };
        let key = key.map_err(|error| unusable(&view.name, file, &error))?;
        let mut pool = self.certificates(view)?;
        for linked in self.config.certkey_chain(&view.name) {
            pool.extend(self.certificates(&linked)?);
        }
        let chain =
            Chain::for_key(pool, &key).map_err(|error| unusable(&view.name, &view.cert, &error))?;
        Ok((key, chain))
    }

    fn certificates(&self, view: &CertKeyView) -> Result<Vec<Certificate>, StartError> {
        let bytes = self.bytes(view, &view.cert)?;
        let read = match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("-----BEGIN") => Certificate::all_from_pem(text),
            _ => Certificate::from_der(bytes).map(|certificate| vec![certificate]),
        };
        read.map_err(|error| unusable(&view.name, &view.cert, &error))
    }

    fn bytes(&self, view: &CertKeyView, file: &str) -> Result<Vec<u8>, StartError> {
        let path = self.directory.join(file);
        std::fs::read(&path)
            .map_err(|error| unusable(&view.name, &path.display().to_string(), &error))
    }
}

/// The names of a leaf; an old one may have its only name as common name.
fn names(leaf: &Certificate) -> Vec<DomainName> {
    let names = leaf.dns_names();
    if !names.is_empty() {
        return names;
    }
    let common_name = leaf.common_name();
    common_name
        .and_then(|name| DomainName::new(&name).ok())
        .into_iter()
        .collect()
}

fn unusable(certkey: &str, path: &str, error: &dyn std::error::Error) -> StartError {
    StartError::CertKey {
        certkey: certkey.to_owned(),
        path: path.to_owned(),
        why: Causes(error).to_string(),
    }
}
