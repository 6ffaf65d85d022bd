//! From the configuration in NetScaler's language to vservers that can serve.

mod certkeys;
mod services;

use std::net::SocketAddr;
use std::sync::Arc;

use evercert_ns::model::{
    CertKeyRef, ClientAuth, Config, PersistenceType, ServiceType, SslVserverView, TlsVersions,
    VserverView,
};
use evercert_ns::nsconf::{self, Policy};
use evercert_ns::value::Value;
use evercert_types::{DomainName, SharedClock};
use http::HeaderValue;

use self::certkeys::CertKeys;
use crate::config::{AdcConfig, Limits};
use crate::error::StartError;
use crate::metrics::Metrics;
use crate::tls::hot::HotKeys;
use crate::tls::manual::ManualBindings;
use crate::tls::profile::{
    Alpn, ClientAuthentication, Resumption, TlsSettings, Versions, VserverTls,
};
use crate::tls::resolver::{ChoicePolicy, DefaultCertificate};
use crate::tls::table::Table;
use crate::traffic::backend::{Balancer, Method};
use crate::traffic::listener::{Vserver, VserverKind};

/// What vservers are built with, besides the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) table: Arc<Table>,
    pub(crate) hot: Arc<HotKeys>,
    pub(crate) clock: SharedClock,
    pub(crate) metrics: Arc<Metrics>,
}

/// A configuration, built.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// With the address to listen on.
    pub(crate) vservers: Vec<(Arc<Vserver>, SocketAddr)>,
    /// What was read and has no effect.
    pub(crate) warnings: Vec<String>,
    /// The instance's default certificate, where it is a name and not a certkey.
    pub(crate) default_name: Option<DomainName>,
}

/// Builds what ns.conf describes.
///
/// # Errors
/// With every line at fault, or the first file or setting that cannot be used.
pub(crate) fn build(config: &AdcConfig, with: &Surroundings) -> Result<Running, StartError> {
    let ns_conf = &config.ns_conf;
    let loaded = nsconf::load(&ns_conf.text, Policy::Strict).map_err(|error| {
        let complaints = error.errors.iter().map(ToString::to_string);
        config_error(config, complaints.collect())
    })?;
    let warnings = loaded.warnings.iter();
    let mut builder = Builder {
        config,
        ns: &loaded.config,
        certkeys: CertKeys::new(&loaded.config, &ns_conf.path),
        with,
        running: Running {
            vservers: Vec::new(),
            warnings: warnings
                .map(|(line, warning)| format!("line {line}: {}", warning.message()))
                .collect(),
            default_name: None,
        },
    };
    for certkey in loaded.config.certkeys() {
        for warning in builder.certkeys.unreadable(&certkey) {
            builder.warn(warning);
        }
    }
    builder.running.default_name = builder.default_name();
    for view in loaded.config.vservers() {
        builder.vserver(&view)?;
    }
    for view in loaded.config.cs_vservers() {
        builder.warn(format!("cs vserver {} is not served yet", view.name));
    }
    Ok(builder.running)
}

fn config_error(config: &AdcConfig, complaints: Vec<String>) -> StartError {
    StartError::Config {
        path: config.ns_conf.path.display().to_string(),
        complaints,
    }
}

struct Builder<'a> {
    config: &'a AdcConfig,
    ns: &'a Config,
    certkeys: CertKeys<'a>,
    with: &'a Surroundings,
    running: Running,
}

impl Builder<'_> {
    fn vserver(&mut self, view: &VserverView) -> Result<(), StartError> {
        let Some(address) = self.address(view) else {
            return Ok(());
        };
        let kind = match (view.kind, &view.ssl) {
            (ServiceType::Http, _) => VserverKind::Http,
            (ServiceType::Ssl, Some(ssl)) => VserverKind::Ssl(self.tls(view, ssl)?),
            (ServiceType::SslTcp, Some(ssl)) => VserverKind::SslTcp(self.tls(view, ssl)?),
            (kind, _) => {
                self.warn(format!(
                    "vserver {} is not served: type {kind:?}",
                    view.name
                ));
                return Ok(());
            }
        };
        self.warn_of_gaps(view);
        let mut services = Vec::new();
        for service in view.services.iter().filter(|service| service.enabled) {
            let limits = &self.config.limits;
            match services::service(service, view.kind, &mut self.certkeys, limits)? {
                Ok(service) => services.push(service),
                Err(warning) => self.warn(warning),
            }
        }
        let vserver = Vserver {
            name: view.name.as_str().into(),
            kind,
            balancer: Balancer::new(services, self.method(view)),
            metrics: self.with.metrics.vserver(&view.name),
            client_idle: client_idle(view, &self.config.limits),
            strict_transport_security: view.ssl.as_ref().and_then(strict_transport_security),
        };
        self.running.vservers.push((Arc::new(vserver), address));
        Ok(())
    }

    fn address(&mut self, view: &VserverView) -> Option<SocketAddr> {
        if !view.enabled {
            self.warn(format!("vserver {} is disabled", view.name));
            return None;
        }
        if let Some(address) = self.config.listen.get(&view.name) {
            return Some(*address);
        }
        let configured = view.ip.map(|ip| SocketAddr::new(ip, view.port));
        let address = configured.filter(|address| !matches!(address.port(), 0 | 65535));
        if address.is_none() {
            self.warn(format!(
                "vserver {} has no address to listen on (on a NetScaler 0.0.0.0 means no address, and ports 0 and 65535 \
                 no port of its own): give `add lb vserver` the address and port to listen on",
                view.name
            ));
        }
        address
    }

    fn warn_of_gaps(&mut self, view: &VserverView) {
        let name = &view.name;
        let gaps = [
            (
                view.persistence != PersistenceType::None,
                "-persistenceType",
            ),
            (view.redirect_url.is_some(), "-redirectURL"),
            (view.redirect_from.is_some(), "-redirectFromPort"),
            (view.backup.is_some(), "-backupVServer"),
        ];
        for (_, gap) in gaps.iter().filter(|(is_set, _)| *is_set) {
            self.warn(format!("vserver {name}: {gap} has no effect yet"));
        }
    }

    fn method(&mut self, view: &VserverView) -> Method {
        match view.lb_method.as_str() {
            "ROUNDROBIN" => Method::RoundRobin,
            "LEASTCONNECTION" => Method::LeastConnection,
            other => {
                let name = &view.name;
                self.warn(format!(
                    "vserver {name}: -lbMethod {other} is not supported; LEASTCONNECTION is used"
                ));
                Method::LeastConnection
            }
        }
    }

    fn tls(
        &mut self,
        view: &VserverView,
        ssl: &SslVserverView,
    ) -> Result<Arc<VserverTls>, StartError> {
        let settings = TlsSettings {
            versions: self.versions(view, ssl)?,
            alpn: self.alpn(view),
            clients: self.clients(view, ssl)?,
            resumption: match (ssl.session_timeout, ssl.session_ticket_lifetime) {
                (None, None) => Resumption::Disabled,
                _ => Resumption::Enabled,
            },
        };
        let policy = Arc::new(ChoicePolicy {
            manual: self.manual(ssl)?,
            default_sni: self.default_certificate(ssl.default_sni.as_deref())?,
            instance_default: self
                .default_certificate(self.config.default_certificate.as_deref())?,
            table: self.with.table.clone(),
        });
        let (hot, clock) = (self.with.hot.clone(), self.with.clock.clone());
        let tls = VserverTls::new(&settings, policy, hot, clock);
        tls.map(Arc::new).map_err(|source| tls_error(view, source))
    }

    /// NetScaler leaves TLS 1.3 off unless it is set; here it is on unless it is set off.
    fn versions(&self, view: &VserverView, ssl: &SslVserverView) -> Result<Versions, StartError> {
        let settings = match &ssl.profile {
            Some(profile) => self.ns.object("ssl profile", profile),
            None => self.ns.object("ssl vserver", &view.name),
        };
        let tls13_is_set = settings.is_some_and(|settings| settings.value("tls13").is_some());
        let offered = TlsVersions {
            tls13: ssl.versions.tls13 || !tls13_is_set,
            ..ssl.versions
        };
        match offered {
            TlsVersions {
                tls12: true,
                tls13: true,
            } => Ok(Versions::Tls12And13),
            TlsVersions { tls12: true, .. } => Ok(Versions::Tls12),
            TlsVersions { tls13: true, .. } => Ok(Versions::Tls13),
            _ => {
                let name = &view.name;
                let complaint = format!("vserver {name}: neither TLS 1.2 nor TLS 1.3 is enabled");
                Err(config_error(self.config, vec![complaint]))
            }
        }
    }

    /// HTTP/2 is offered unless the vserver's HTTP profile says no.
    fn alpn(&self, view: &VserverView) -> Alpn {
        if view.kind != ServiceType::Ssl {
            return Alpn::None;
        }
        let profile =
            (view.http_profile.as_deref()).and_then(|name| self.ns.object("ns httpProfile", name));
        match profile.and_then(|profile| profile.value("http2")) {
            Some(Value::Choice("DISABLED")) => Alpn::Http1,
            _ => Alpn::Http2,
        }
    }

    fn clients(
        &self,
        view: &VserverView,
        ssl: &SslVserverView,
    ) -> Result<ClientAuthentication, StartError> {
        if ssl.client_auth == ClientAuth::Off {
            return Ok(ClientAuthentication::None);
        }
        let names = ssl.ca_certkeys.iter().map(|ca| ca.name.as_str());
        let roots = Arc::new(self.certkeys.anchors(names)?);
        if roots.is_empty() {
            let why = "client authentication is on, and no CA certkey is bound";
            return Err(tls_error(view, rustls::Error::General(why.to_owned())));
        }
        Ok(match ssl.client_auth {
            ClientAuth::Mandatory => ClientAuthentication::Mandatory(roots),
            _ => ClientAuthentication::Optional(roots),
        })
    }

    fn manual(&mut self, ssl: &SslVserverView) -> Result<Option<ManualBindings>, StartError> {
        if !ssl.has_manual_certkeys() {
            return Ok(None);
        }
        let sni = self.certkeys.servers(&ssl.sni_certkeys)?;
        let default = self.last_of_each_family(&ssl.server_certkeys)?;
        Ok(Some(ManualBindings::new(sni, default)))
    }

    /// RSA and ECDSA side by side; of one family the last binding counts.
    fn last_of_each_family(
        &mut self,
        bound: &[CertKeyRef],
    ) -> Result<Vec<Arc<crate::tls::manual::ManualCertificate>>, StartError> {
        let mut kept: Vec<Arc<crate::tls::manual::ManualCertificate>> = Vec::new();
        for certificate in self.certkeys.servers(bound)? {
            let family = certificate.algorithm.family();
            kept.retain(|other| other.algorithm.family() != family);
            kept.push(certificate);
        }
        Ok(kept)
    }

    /// A certkey's name, or else a name that a zero-touch certificate serves.
    fn default_certificate(
        &mut self,
        name: Option<&str>,
    ) -> Result<Option<DefaultCertificate>, StartError> {
        let Some(name) = name else {
            return Ok(None);
        };
        if self.certkeys.is_server_certkey(name) {
            let certkeys = vec![self.certkeys.server(name)?];
            return Ok(Some(DefaultCertificate::CertKeys(certkeys)));
        }
        let name = DomainName::new(name).map_err(|error| {
            let complaint =
                format!("the default certificate is neither a certkey nor a name: {error}");
            config_error(self.config, vec![complaint])
        })?;
        Ok(Some(DefaultCertificate::Name(name)))
    }

    fn default_name(&self) -> Option<DomainName> {
        let name = self.config.default_certificate.as_deref()?;
        let is_certkey = self.certkeys.is_server_certkey(name);
        (!is_certkey).then(|| DomainName::new(name).ok()).flatten()
    }

    fn warn(&mut self, warning: String) {
        tracing::warn!("{warning}");
        self.running.warnings.push(warning);
    }
}

fn tls_error(view: &VserverView, source: rustls::Error) -> StartError {
    StartError::Tls {
        vserver: view.name.clone(),
        source,
    }
}

/// `-cltTimeout` where it was set; the instance's limits otherwise.
fn client_idle(view: &VserverView, limits: &Limits) -> std::time::Duration {
    let is_default = view.client_timeout == view.kind.client_timeout();
    match (is_default, view.kind) {
        (false, _) => view.client_timeout,
        (true, ServiceType::SslTcp) => limits.tunnel_idle,
        (true, _) => limits.client_idle,
    }
}

fn strict_transport_security(ssl: &SslVserverView) -> Option<HeaderValue> {
    let hsts = ssl.hsts.as_ref()?;
    let mut text = format!("max-age={}", hsts.max_age.as_secs());
    if hsts.include_subdomains {
        text.push_str("; includeSubDomains");
    }
    if hsts.preload {
        text.push_str("; preload");
    }
    HeaderValue::from_str(&text).ok()
}
