//! Back-end profiles that make client certificates (DC2G).

use std::sync::Arc;

use evercert_ns::model::{
    BackendSslView, ClientAuth, Config, DynamicClientCert, ServiceView, VserverView,
};
use rustls::Error;

use super::certkeys::CertKeys;
use crate::dc2g::Dc2g;
use crate::dc2g::forger::Forger;
use crate::dc2g::settings::ForgerSettings;
use crate::error::StartError;

/// The profile's forger, with its CA and fall-back certificate read.
pub(super) fn forger(
    view: &ServiceView,
    ssl: &BackendSslView,
    dynamic: &DynamicClientCert,
    config: &Config,
    certkeys: &mut CertKeys,
    dc2g: &Dc2g,
) -> Result<Arc<Forger>, StartError> {
    let ca = match &ssl.forging_ca {
        None => None,
        Some(certkey) => Some(certkeys.forging_ca(config, &certkey.name)?),
    };
    let fallback = match &dynamic.fallback {
        None => None,
        Some(name) => Some(certkeys.certificate(config, name)?),
    };
    let settings = ForgerSettings {
        view: dynamic.clone(),
        ca,
        fallback,
    };
    let profile = ssl.profile.as_deref().unwrap_or_default();
    dc2g.forger(profile, settings)
        .map_err(|why| StartError::Tls {
            vserver: view.name.clone(),
            source: Error::General(format!("SSL profile {profile}: {why}")),
        })
}

/// Certificates that cannot be made: every handshake of a service that asks for one would fail.
pub(super) fn warnings(view: &VserverView) -> Vec<String> {
    let asks = (view.ssl.as_ref()).is_some_and(|ssl| ssl.client_auth != ClientAuth::Off);
    let mut warnings = Vec::new();
    for service in &view.services {
        let Some(ssl) = &service.ssl else { continue };
        let Some(dynamic) = &ssl.dynamic_client_cert else {
            continue;
        };
        let profile = ssl.profile.as_deref().unwrap_or_default();
        let (vserver, service) = (&view.name, &service.name);
        if ssl.forging_ca.is_none() {
            warnings.push(format!(
                "SSL profile {profile}: -dynamicClientCert is ENABLED, and no CA is bound with -forgingCACertkey: \
                 handshakes with service {service} fail if it asks for a client certificate"
            ));
        }
        if !asks && dynamic.fallback.is_none() {
            warnings.push(format!(
                "vserver {vserver}: -clientAuth is not ENABLED, and service {service} gets client certificates made \
                 from the clients': handshakes with it fail if it asks for one"
            ));
        }
        if !ssl.client_certkeys.is_empty() {
            warnings.push(format!(
                "service {service}: its own client certificate is not used while -dynamicClientCert is ENABLED in SSL \
                 profile {profile}"
            ));
        }
    }
    warnings
}
