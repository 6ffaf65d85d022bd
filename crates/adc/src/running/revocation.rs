//! The CRLs of the configuration, with the certificates they are verified with.

use evercert_ns::model::{Config, CrlSource as Source, CrlView};
use evercert_x509::Certificate;

use super::certkeys::CertKeys;
use crate::dc2g::identity::{CrlSource, Responder, Schedule};

/// Where a relative file name of a CRL leads, as on a NetScaler.
const DIRECTORY: &str = "/var/netscaler/ssl/";

/// The CRLs of a configuration.
pub(super) fn crls(config: &Config, certkeys: &CertKeys) -> Vec<CrlSource> {
    config
        .crls()
        .map(|view| CrlSource {
            path: path(&view, certkeys),
            cas: cas(&view, config, certkeys),
            fetch: fetch(&view),
            name: view.name,
        })
        .collect()
}

/// The OCSP responders of a CA, by the name of its certkey.
pub(super) fn responders(config: &Config, certkeys: &CertKeys, ca: &str) -> Vec<Responder> {
    let responders = config.ocsp_responders_of(ca).into_iter();
    responders
        .map(|view| Responder {
            certificate: (view.responder_cert.as_ref())
                .and_then(|name| certkeys.loaded(name))
                .map(|loaded| loaded.leaf().clone()),
            url: view.url,
            timeout: view.response_timeout,
            keep: view.cache_timeout,
            trusts_anybody: view.trusts_responder,
            skew: view.produced_at_time_skew,
            uses_nonce: view.uses_nonce,
            uses_get: view.uses_get,
        })
        .collect()
}

/// By HTTP only: who has LDAP fetches the file by other means.
fn fetch(view: &CrlView) -> Option<(String, Schedule)> {
    let schedule = Schedule {
        interval: view.interval,
        day: view.day,
        time: view.time,
    };
    match &view.source {
        Some(Source::Http { url }) => Some((url.clone(), schedule)),
        Some(Source::Ldap { .. }) | None => None,
    }
}

fn path(view: &CrlView, certkeys: &CertKeys) -> std::path::PathBuf {
    let files = certkeys.files();
    let usual = match view.path.starts_with('/') {
        true => files.mapped(&view.path),
        false => files.mapped(&format!("{DIRECTORY}{}", view.path)),
    };
    match usual {
        Some(usual) if usual.exists() || view.path.starts_with('/') => usual,
        // Uploaded beside the certificates; one that is not there yet is fetched to its usual place.
        usual => {
            let beside = files.certificate(&view.path);
            match (beside.exists(), usual) {
                (false, Some(usual)) => usual,
                _ => beside,
            }
        }
    }
}

/// The certificate of `-CAcert`, or else every CA certificate there is.
fn cas(view: &CrlView, config: &Config, certkeys: &CertKeys) -> Vec<Certificate> {
    let names: Vec<String> = match &view.ca_cert {
        Some(name) => vec![name.clone()],
        None => config.certkeys().map(|certkey| certkey.name).collect(),
    };
    let loaded = names.iter().filter_map(|name| certkeys.loaded(name));
    loaded
        .flat_map(|loaded| loaded.certificates.iter())
        .filter(|certificate| certificate.is_ca())
        .cloned()
        .collect()
}
