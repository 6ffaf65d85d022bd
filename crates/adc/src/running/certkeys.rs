//! Certkeys of the configuration: read from their files when they are added or updated, and kept.

use std::collections::HashMap;
use std::sync::Arc;

use evercert_ns::codes::{self, ErrorCode};
use evercert_ns::model::{CaCertKey, CertKeyRef, CertKeyView, Config, Inform};
use evercert_types::DomainName;
use evercert_x509::forge::ForgingCa;
use evercert_x509::tls::certified_key;
use evercert_x509::{Certificate, Chain, KeyError, KeyPair, pkcs12};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::revocation;
use crate::dc2g::identity::BoundCa;
use crate::error::{Causes, StartError};
use crate::files::Files;
use crate::tls::manual::ManualCertificate;

/// What the files of a certkey hold.
#[derive(Debug)]
pub(crate) struct LoadedCertKey {
    /// The certkey.
    pub(crate) name: String,
    /// In the order of the file; the first is the certkey's own. At least one.
    pub(crate) certificates: Vec<Certificate>,
    /// The private key; a CA certificate may have none.
    pub(crate) key: Option<KeyPair>,
    source: Source,
}

/// What was named to read it; another one means other contents.
#[derive(Clone, PartialEq, Eq)]
struct Source {
    cert: String,
    key: Option<String>,
    inform: Inform,
    password: Option<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({}, {:?})", self.cert, self.key)
    }
}

impl Source {
    fn of(view: &CertKeyView) -> Self {
        Self {
            cert: view.cert.clone(),
            key: view.key.clone(),
            inform: view.inform,
            password: view.password.as_ref().map(|p| p.expose().clone()),
        }
    }
}

impl LoadedCertKey {
    /// The certkey's own certificate.
    pub(crate) fn leaf(&self) -> &Certificate {
        &self.certificates[0]
    }
}

/// Certkeys as they were read, and as they are served.
#[derive(Clone, Debug)]
pub(crate) struct CertKeys {
    files: Files,
    /// By name in lower case.
    loaded: HashMap<String, Arc<LoadedCertKey>>,
    served: HashMap<String, Served>,
}

/// A certificate with what it was made of.
#[derive(Clone, Debug)]
struct Served {
    parts: Vec<Arc<LoadedCertKey>>,
    certificate: Arc<ManualCertificate>,
}

impl CertKeys {
    /// None read yet.
    pub(crate) fn new(files: Files) -> Self {
        Self {
            files,
            loaded: HashMap::new(),
            served: HashMap::new(),
        }
    }

    /// Where files lie.
    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    /// The contents of a certkey, if they were read.
    pub(crate) fn loaded(&self, name: &str) -> Option<&Arc<LoadedCertKey>> {
        self.loaded.get(&name.to_ascii_lowercase())
    }

    /// The certkey with that certificate, if another than `but` has it.
    pub(crate) fn holding(&self, certificate: &Certificate, but: &str) -> Option<&str> {
        let others = self.loaded.values();
        let mut others = others.filter(|loaded| !loaded.name.eq_ignore_ascii_case(but));
        others
            .find(|loaded| loaded.leaf() == certificate)
            .map(|loaded| loaded.name.as_str())
    }

    /// Reads a certkey's files now, in place of what was read before.
    ///
    /// # Errors
    /// When a file cannot be read or understood, or key and certificate do not belong together.
    pub(crate) fn read(&mut self, view: &CertKeyView) -> Result<Arc<LoadedCertKey>, StartError> {
        let loaded = Arc::new(self.open(view)?);
        self.loaded
            .insert(view.name.to_ascii_lowercase(), loaded.clone());
        Ok(loaded)
    }

    /// Forgets certkeys that are not in the configuration any more.
    pub(crate) fn retain(&mut self, config: &Config) {
        let is_there = |name: &String| config.certkey(name).is_some();
        self.loaded.retain(|name, _| is_there(name));
        self.served.retain(|name, _| is_there(name));
    }

    /// A certkey with its private key, ready to be served, with the certificates it is linked to.
    ///
    /// # Errors
    /// When a file cannot be read, or key and certificate do not belong together.
    pub(super) fn server(
        &mut self,
        config: &Config,
        name: &str,
    ) -> Result<Arc<ManualCertificate>, StartError> {
        let view = view(config, name)?;
        let own = self.contents(&view)?;
        let mut parts = vec![own.clone()];
        for linked in config.certkey_chain(name).iter().skip(1) {
            parts.push(self.contents(linked)?);
        }
        let known = self.served.get(&name.to_ascii_lowercase());
        if let Some(served) = known.filter(|served| same(&served.parts, &parts)) {
            return Ok(served.certificate.clone());
        }
        let certificate = Arc::new(servable(&view, &parts)?);
        let served = Served {
            parts,
            certificate: certificate.clone(),
        };
        self.served.insert(name.to_ascii_lowercase(), served);
        Ok(certificate)
    }

    /// Several of them.
    ///
    /// # Errors
    /// As [`Self::server`].
    pub(super) fn servers(
        &mut self,
        config: &Config,
        bound: &[CertKeyRef],
    ) -> Result<Vec<Arc<ManualCertificate>>, StartError> {
        bound
            .iter()
            .map(|certkey| self.server(config, &certkey.name))
            .collect()
    }

    /// CA certificates as trust anchors.
    ///
    /// # Errors
    /// When a file cannot be read, or holds nothing that can be an anchor.
    pub(super) fn anchors<'n>(
        &mut self,
        config: &Config,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<RootCertStore, StartError> {
        let mut roots = RootCertStore::empty();
        for name in names {
            let view = view(config, name)?;
            for certificate in &self.contents(&view)?.certificates {
                roots
                    .add(CertificateDer::from(certificate.der().to_vec()))
                    .map_err(|error| {
                        unusable(&view.name, &view.cert, &error, &codes::INVALID_CERTIFICATE)
                    })?;
            }
        }
        Ok(roots)
    }

    /// The certificates of CA certkeys, each with the rest of its binding.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn bound_cas(
        &mut self,
        config: &Config,
        bound: &[CaCertKey],
    ) -> Result<Vec<BoundCa>, StartError> {
        let mut cas = Vec::new();
        for ca in bound {
            let view = view(config, &ca.name)?;
            let contents = self.contents(&view)?;
            let responders = revocation::responders(config, self, &ca.name);
            let certificates = &contents.certificates;
            cas.extend(certificates.iter().map(|certificate| BoundCa {
                certificate: certificate.clone(),
                revocation: ca.revocation,
                is_named: ca.is_named,
                responders: responders.clone(),
            }));
        }
        Ok(cas)
    }

    /// A certkey's own certificate.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(super) fn certificate(
        &mut self,
        config: &Config,
        name: &str,
    ) -> Result<Certificate, StartError> {
        let contents = self.contents(&view(config, name)?)?;
        Ok(contents.leaf().clone())
    }

    /// A certkey as the CA that signs generated client certificates, with the certificates it is linked to.
    ///
    /// # Errors
    /// When a file cannot be read, it has no key, or is no CA certificate.
    pub(super) fn forging_ca(
        &mut self,
        config: &Config,
        name: &str,
    ) -> Result<ForgingCa, StartError> {
        let view = view(config, name)?;
        let own = self.contents(&view)?;
        let Some(key) = own.key.clone() else {
            let why = "it has no private key, so it cannot sign".to_owned();
            return Err(refused(&view, &view.cert, why, &codes::INVALID_VALUE));
        };
        let mut pool = own.certificates.clone();
        for linked in config.certkey_chain(name).iter().skip(1) {
            pool.extend(self.contents(linked)?.certificates.iter().cloned());
        }
        let broken = |error: &dyn std::error::Error| {
            unusable(&view.name, &view.cert, error, &codes::INVALID_VALUE)
        };
        let chain = Chain::for_key(pool, &key).map_err(|error| broken(&error))?;
        ForgingCa::new(&chain, key).map_err(|error| broken(&error))
    }

    /// What was read, or else read now.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn contents(
        &mut self,
        view: &CertKeyView,
    ) -> Result<Arc<LoadedCertKey>, StartError> {
        if let Some(loaded) = self.loaded(&view.name)
            && loaded.source == Source::of(view)
        {
            return Ok(loaded.clone());
        }
        self.read(view)
    }

    fn open(&self, view: &CertKeyView) -> Result<LoadedCertKey, StartError> {
        let source = Source::of(view);
        let password = source.password.as_deref();
        let cert = self.bytes(view, &view.cert)?;
        if view.inform == Inform::Pfx {
            let (key, chain) =
                pkcs12::import(&cert, password.unwrap_or_default()).map_err(|error| {
                    unusable(&view.name, &view.cert, &error, &codes::INVALID_PRIVATE_KEY)
                })?;
            return Ok(LoadedCertKey {
                name: view.name.clone(),
                certificates: chain.certificates().to_vec(),
                key: Some(key),
                source,
            });
        }
        let certificates = certificates(cert)
            .map_err(|why| refused(view, &view.cert, why, &codes::INVALID_CERTIFICATE))?;
        let key = match &view.key {
            None => None,
            Some(file) => {
                let bytes = self.bytes(view, file)?;
                let key = private_key(&bytes, password).map_err(|error| {
                    unusable(&view.name, file, &error, &codes::INVALID_PRIVATE_KEY)
                })?;
                Chain::for_key(certificates.clone(), &key).map_err(|error| {
                    unusable(&view.name, &view.cert, &error, &codes::KEY_MISMATCH)
                })?;
                Some(key)
            }
        };
        Ok(LoadedCertKey {
            name: view.name.clone(),
            certificates: own_first(certificates, key.as_ref()),
            key,
            source,
        })
    }

    fn bytes(&self, view: &CertKeyView, file: &str) -> Result<Vec<u8>, StartError> {
        let path = self.files.certificate(file);
        std::fs::read(&path).map_err(|error| {
            unusable(
                &view.name,
                &path.display().to_string(),
                &error,
                &codes::INPUT_FILE_MISSING,
            )
        })
    }
}

/// A private key in PEM or DER (PKCS#8, PKCS#1, SEC 1), encrypted or not.
pub(crate) fn private_key(bytes: &[u8], password: Option<&str>) -> Result<KeyPair, KeyError> {
    match (std::str::from_utf8(bytes), password) {
        (Ok(text), None) if text.contains("-----BEGIN") => KeyPair::from_pem(text),
        (Ok(text), Some(password)) if text.contains("-----BEGIN") => {
            // A pass phrase for a key that needs none is no fault on a NetScaler.
            KeyPair::from_pem(text).or_else(|_| KeyPair::from_pem_with_password(text, password))
        }
        (_, Some(password)) if evercert_x509::encrypted_key::is_encrypted_key(bytes) => {
            evercert_x509::encrypted_key::decrypt(bytes, password)
        }
        _ => KeyPair::from_pkcs8_der(bytes),
    }
}

/// Certificates in PEM or DER; at least one.
pub(crate) fn certificates(bytes: Vec<u8>) -> Result<Vec<Certificate>, String> {
    let read = match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains("-----BEGIN") => Certificate::all_from_pem(text),
        _ => Certificate::from_der(bytes).map(|certificate| vec![certificate]),
    };
    match read {
        Ok(certificates) if certificates.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Causes(&error).to_string()),
    }
}

/// The certificate of the key stands first, wherever it was in the file.
fn own_first(mut certificates: Vec<Certificate>, key: Option<&KeyPair>) -> Vec<Certificate> {
    let own = key.and_then(|key| {
        certificates
            .iter()
            .position(|certificate| certificate.spki_der() == key.spki_der())
    });
    if let Some(at) = own {
        let leaf = certificates.remove(at);
        certificates.insert(0, leaf);
    }
    certificates
}

fn servable(
    view: &CertKeyView,
    parts: &[Arc<LoadedCertKey>],
) -> Result<ManualCertificate, StartError> {
    let Some(key) = parts.first().and_then(|own| own.key.as_ref()) else {
        let why = "it has no private key, so it cannot be served".to_owned();
        return Err(refused(
            view,
            &view.cert,
            why,
            &codes::NOT_A_SERVER_CERTIFICATE,
        ));
    };
    let pool = parts.iter().flat_map(|part| part.certificates.clone());
    let broken = |error: &dyn std::error::Error| {
        unusable(&view.name, &view.cert, error, &codes::KEY_MISMATCH)
    };
    let chain = Chain::for_key(pool.collect(), key).map_err(|error| broken(&error))?;
    let certified = certified_key(&chain, key).map_err(|error| broken(&error))?;
    let leaf = chain.leaf();
    Ok(ManualCertificate {
        certkey: view.name.as_str().into(),
        certified,
        algorithm: key.algorithm(),
        names: names(leaf),
        not_after: leaf.not_after(),
        fingerprint: leaf.fingerprint(),
    })
}

fn same(a: &[Arc<LoadedCertKey>], b: &[Arc<LoadedCertKey>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

fn view(config: &Config, name: &str) -> Result<CertKeyView, StartError> {
    let view = config.certkey(name).filter(|view| !view.is_factory);
    view.ok_or_else(|| StartError::CertKey {
        certkey: name.to_owned(),
        path: "-".to_owned(),
        why: "it has no files here; bind another".to_owned(),
        code: &codes::BUILTIN_CERTIFICATE_BINDING,
    })
}

/// Whether there is a certkey of this name with a key of its own.
pub(super) fn is_server_certkey(config: &Config, name: &str) -> bool {
    config
        .certkey(name)
        .is_some_and(|certkey| certkey.key.is_some() || certkey.inform == Inform::Pfx)
}

/// The names of a leaf; an old one may have its only name as common name.
pub(crate) fn names(leaf: &Certificate) -> Vec<DomainName> {
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

fn unusable(
    certkey: &str,
    path: &str,
    error: &dyn std::error::Error,
    code: &'static ErrorCode,
) -> StartError {
    StartError::CertKey {
        certkey: certkey.to_owned(),
        path: path.to_owned(),
        why: Causes(error).to_string(),
        code,
    }
}

fn refused(view: &CertKeyView, path: &str, why: String, code: &'static ErrorCode) -> StartError {
    StartError::CertKey {
        certkey: view.name.clone(),
        path: path.to_owned(),
        why,
        code,
    }
}
