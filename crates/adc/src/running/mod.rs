//! From the configuration in NetScaler's language to vservers that can serve.
//!
//! Everything built is kept with what it was made of: building again after a command builds anew only what the command
//! touches, and the rest stays the very same, with its tickets, pools and counters.

mod balancing;
pub(crate) mod certkeys;
mod client_certificates;
mod inspection;
pub(crate) mod live;
mod made;
mod revocation;
mod services;
mod switch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use evercert_ns::model::{
    CertKeyRef, ClientAuth, Config, ServiceType, SslVserverView, TlsVersions, VserverView,
};
use evercert_ns::value::Value;
use evercert_types::{DomainName, SharedClock};
use http::HeaderValue;

use self::certkeys::{CertKeys, is_server_certkey};
use self::inspection::IcapServices;
use self::made::{Made, ServiceMade, TlsMade};
use crate::config::Limits;
use crate::dc2g::Dc2g;
use crate::dns::Dns;
use crate::error::StartError;
use crate::metrics::Metrics;
use crate::ocsp::Stapler;
use crate::policy::{self, Policies};
use crate::tls::hot::HotKeys;
use crate::tls::manual::{ManualBindings, ManualCertificate};
use crate::tls::profile::{
    Alpn, ClientAuthentication, Resumption, TlsSettings, Versions, VserverTls,
};
use crate::tls::resolver::{ChoicePolicy, DefaultCertificate};
use crate::tls::table::Table;
use crate::traffic::backend::Service;
use crate::traffic::lb::monitors::{Monitors, Watched, watched};
use crate::traffic::listener::{Vserver, VserverKind};

/// What vservers are built with, besides the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) table: Arc<Table>,
    pub(crate) hot: Arc<HotKeys>,
    pub(crate) clock: SharedClock,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stapler: Arc<Stapler>,
    pub(crate) limits: Limits,
    pub(crate) monitors: Arc<Monitors>,
    /// Where vservers listen instead of their configured address.
    pub(crate) listen: BTreeMap<String, SocketAddr>,
    /// The instance's default certificate.
    pub(crate) default_certificate: Option<String>,
    pub(crate) dc2g: Arc<Dc2g>,
    /// For messages.
    pub(crate) ns_conf: PathBuf,
}

/// A configuration, built.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// In the order of the configuration.
    pub(crate) vservers: Vec<Built>,
    pub(crate) certkeys: CertKeys,
    pub(crate) policies: Arc<Policies>,
    pub(crate) dns: Dns,
    /// By vserver and service.
    services: HashMap<(String, String), BuiltService>,
    /// By vserver.
    tls: HashMap<String, BuiltTls>,
    icap: IcapServices,
    /// Services that are probed.
    pub(crate) watched: Arc<Vec<Watched>>,
    /// What is configured and has no effect.
    pub(crate) warnings: Vec<String>,
    /// The instance's default certificate, where it is a name and not a certkey.
    pub(crate) default_name: Option<DomainName>,
}

/// A vserver that can serve.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) vserver: Arc<Vserver>,
    /// Where it is to listen; `None` while it is disabled, or when nothing leads to it from outside.
    pub(crate) address: Option<SocketAddr>,
    /// The clear port whose clients are sent to it, and where that is.
    pub(crate) redirect: Option<(Arc<Vserver>, SocketAddr)>,
    made: Made,
    warnings: Vec<String>,
}

#[derive(Clone, Debug)]
struct BuiltService {
    made: ServiceMade,
    service: Arc<Service>,
}

#[derive(Clone, Debug)]
struct BuiltTls {
    made: TlsMade,
    tls: Arc<VserverTls>,
}

impl Running {
    /// Takes over the CRLs of the configuration that runs from now on.
    pub(crate) fn follow_crls(&self, config: &Config, dc2g: &Dc2g) {
        dc2g.crls()
            .configure(revocation::crls(config, &self.certkeys));
    }

    /// Nothing yet.
    pub(crate) fn new(certkeys: CertKeys) -> Self {
        Self {
            vservers: Vec::new(),
            certkeys,
            policies: Arc::default(),
            dns: Dns::default(),
            services: HashMap::new(),
            tls: HashMap::new(),
            icap: IcapServices::default(),
            watched: Arc::default(),
            warnings: Vec::new(),
            default_name: None,
        }
    }

    /// How often a content inspection policy applied, and how often its rule had no result.
    pub(crate) fn inspections_counted(&self, policy: &str) -> (u64, u64) {
        self.icap.counted(policy)
    }

    /// The same with other certkeys, of which none is in use.
    pub(crate) fn with_certkeys(self, certkeys: CertKeys) -> Self {
        Self { certkeys, ..self }
    }

    /// Builds what the configuration describes; what did not change since this was built is taken over.
    ///
    /// # Errors
    /// With the first file or setting that cannot be used.
    pub(crate) fn rebuilt(
        &self,
        config: &Config,
        certkeys: CertKeys,
        with: &Surroundings,
    ) -> Result<Self, StartError> {
        let mut builder = Builder {
            ns: config,
            certkeys,
            with,
            before: self,
            known: (self.vservers.iter())
                .map(|built| (&*built.vserver.name, built))
                .collect(),
            singletons: made::singletons(config),
            running: Self::new(self.certkeys.clone()),
            warnings: Vec::new(),
        };
        builder.certkeys.retain(config);
        builder.running.default_name = builder.default_name();
        for kind in ["lb vserver", "cs vserver"] {
            for object in config.objects(kind) {
                builder.take_or_build(kind, &object.key())?;
            }
        }
        let pages = |name: &str| builder.certkeys.files().page(name);
        let policies = policy::compile(config, &self.policies, &pages);
        builder
            .running
            .warnings
            .extend_from_slice(policies.warnings());
        builder.running.policies = Arc::new(policies);
        let (watched, warnings) = watched(config);
        builder.running.watched = Arc::new(watched);
        builder.running.warnings.extend(warnings);
        builder.running.dns = Dns::of(config, |name| with.listen.get(name).copied());
        builder.report();
        let Builder {
            mut running,
            certkeys,
            ..
        } = builder;
        running.certkeys = certkeys;
        Ok(running)
    }
}

/// TLS for monitors.
///
/// # Errors
/// When the TLS library refuses its own defaults.
pub(crate) fn probe_tls() -> Result<Arc<rustls::ClientConfig>, StartError> {
    services::unverified().map_err(|source| StartError::Tls {
        vserver: "monitors".to_owned(),
        source,
    })
}

struct Builder<'a> {
    ns: &'a Config,
    certkeys: CertKeys,
    with: &'a Surroundings,
    before: &'a Running,
    /// The vservers of before, by name.
    known: HashMap<&'a str, &'a Built>,
    singletons: evercert_ns::model::Closure,
    running: Running,
    /// Of what is being built.
    warnings: Vec<String>,
}

impl Builder<'_> {
    /// The vserver as it was, if nothing it is made of changed, or else a new one.
    fn take_or_build(&mut self, kind: &'static str, name: &str) -> Result<(), StartError> {
        let made = Made::of_vserver(self.ns, &self.certkeys, &self.singletons, (kind, name));
        let known = self.known.get(name).copied();
        if let Some(built) = known.filter(|built| built.made == made) {
            self.keep(built.clone());
            return Ok(());
        }
        let view = match kind {
            "cs vserver" => switch::view(self.ns, name),
            _ => self.ns.vserver(name),
        };
        let Some(view) = view else {
            return Ok(());
        };
        let address = self.address(&view);
        let vserver = self.vserver(&view)?;
        let warnings = std::mem::take(&mut self.warnings);
        let redirect = self.redirect(&view, address);
        let Some(vserver) = vserver else {
            self.running.warnings.extend(warnings);
            return Ok(());
        };
        // Files may have been read meanwhile.
        let made = Made::of_vserver(self.ns, &self.certkeys, &self.singletons, (kind, name));
        self.running.vservers.push(Built {
            vserver: Arc::new(vserver),
            address,
            redirect,
            made,
            warnings: warnings.clone(),
        });
        self.running.warnings.extend(warnings);
        Ok(())
    }

    fn keep(&mut self, built: Built) {
        let before = self.before;
        let name = built.vserver.name.to_string();
        if let Some(tls) = before.tls.get(&name) {
            self.running.tls.insert(name.clone(), tls.clone());
        }
        for service in built.vserver.balancer.services() {
            let key = (name.clone(), service.name.to_string());
            if let Some(service) = before.services.get(&key) {
                self.running.services.insert(key, service.clone());
            }
        }
        if let Some(inspection) = &built.vserver.inspection {
            self.running.icap.adopt(inspection, &before.icap);
        }
        self.running.warnings.extend(built.warnings.clone());
        self.running.vservers.push(built);
    }

    fn vserver(&mut self, view: &VserverView) -> Result<Option<Vserver>, StartError> {
        let kind = match (view.kind, &view.ssl) {
            (ServiceType::Http, _) => VserverKind::Http,
            (ServiceType::Ssl, Some(ssl)) => VserverKind::Ssl(self.tls(view, ssl)?),
            (ServiceType::SslTcp, Some(ssl)) => VserverKind::SslTcp(self.tls(view, ssl)?),
            (kind, _) => {
                self.warn(format!(
                    "vserver {} is not served: type {kind:?}",
                    view.name
                ));
                return Ok(None);
            }
        };
        for warning in client_certificates::warnings(view) {
            self.warn(warning);
        }
        let mut services = Vec::new();
        for service in view.services.iter().filter(|service| service.enabled) {
            services.extend(self.service(view, service)?);
        }
        Ok(Some(Vserver {
            name: view.name.as_str().into(),
            kind,
            enabled: view.enabled,
            balancer: self.balancer(view, services),
            metrics: self.with.metrics.vserver(&view.name),
            client_idle: client_idle(view, &self.with.limits),
            strict_transport_security: view.ssl.as_ref().and_then(strict_transport_security),
            backup: view.backup.clone(),
            redirect_url: view.redirect_url.clone(),
            https_redirect: None,
            ssl_redirect: view.ssl.as_ref().is_some_and(|ssl| ssl.ssl_redirect),
            inspection: self.inspection(view)?,
        }))
    }

    /// The service with its pool and counters as it was, if its settings are the same.
    fn service(
        &mut self,
        vserver: &VserverView,
        view: &evercert_ns::model::ServiceView,
    ) -> Result<Option<Arc<Service>>, StartError> {
        let key = (vserver.name.clone(), view.name.clone());
        let made = ServiceMade::of(&self.certkeys, vserver.kind, view);
        let before = self.before.services.get(&key);
        let service = match before.filter(|built| built.made == made) {
            Some(built) => built.service.clone(),
            None => {
                let ns = self.ns;
                match services::service(view, vserver.kind, ns, &mut self.certkeys, self.with)? {
                    Ok(service) => service,
                    Err(warning) => {
                        self.warn(warning);
                        return Ok(None);
                    }
                }
            }
        };
        let made = ServiceMade::of(&self.certkeys, vserver.kind, view);
        let built = BuiltService {
            made,
            service: service.clone(),
        };
        self.running.services.insert(key, built);
        Ok(Some(service))
    }

    fn address(&mut self, view: &VserverView) -> Option<SocketAddr> {
        if !view.enabled {
            self.warn(format!("vserver {} is disabled", view.name));
            return None;
        }
        if let Some(address) = self.with.listen.get(&view.name) {
            return Some(*address);
        }
        let configured = view.ip.map(|ip| SocketAddr::new(ip, view.port));
        let address = configured.filter(|address| !matches!(address.port(), 0 | 65535));
        // What content switching leads to needs none.
        if address.is_none() && self.ns.count("cs vserver") == 0 {
            self.warn(format!(
                "vserver {} has no address to listen on (on a NetScaler 0.0.0.0 means no address, and ports 0 and 65535 \
                 no port of its own): give `add lb vserver` the address and port to listen on",
                view.name
            ));
        }
        address
    }

    /// The TLS as it was, with its tickets, if its settings and certificates are the same.
    fn tls(
        &mut self,
        view: &VserverView,
        ssl: &SslVserverView,
    ) -> Result<Arc<VserverTls>, StartError> {
        let instance_default = self.with.default_certificate.clone();
        let settings = TlsSettings {
            versions: self.versions(view, ssl)?,
            alpn: self.alpn(view),
            clients: self.clients(view, ssl)?,
            resumption: match (ssl.session_timeout, ssl.session_ticket_lifetime) {
                (None, None) => Resumption::Disabled,
                _ => Resumption::Enabled,
            },
        };
        let policy = ChoicePolicy {
            manual: self.manual(ssl)?,
            default_sni: self.default_certificate(ssl.default_sni.as_deref())?,
            instance_default: self.default_certificate(instance_default.as_deref())?,
            table: self.with.table.clone(),
            stapler: ssl.ocsp_stapling.then(|| self.with.stapler.clone()),
        };
        let made = TlsMade::of(self.ns, &self.certkeys, view, ssl, &policy);
        let before = self.before.tls.get(&view.name);
        let tls = match before.filter(|built| built.made == made) {
            Some(built) => built.tls.clone(),
            None => {
                let (hot, clock) = (self.with.hot.clone(), self.with.clock.clone());
                VserverTls::new(&settings, Arc::new(policy), hot, clock, &self.with.dc2g)
                    .map(Arc::new)
                    .map_err(|source| tls_error(view, source))?
            }
        };
        let built = BuiltTls {
            made,
            tls: tls.clone(),
        };
        self.running.tls.insert(view.name.clone(), built);
        Ok(tls)
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
                Err(self.complaint(complaint))
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
        &mut self,
        view: &VserverView,
        ssl: &SslVserverView,
    ) -> Result<ClientAuthentication, StartError> {
        if ssl.client_auth == ClientAuth::Off {
            return Ok(ClientAuthentication::None);
        }
        let cas = self.certkeys.bound_cas(self.ns, &ssl.ca_certkeys)?;
        if cas.is_empty() {
            self.warn(format!(
                "vserver {}: client authentication is on, and no CA certkey is bound: no client certificate is \
                 accepted until one is",
                view.name
            ));
        }
        Ok(match ssl.client_auth {
            ClientAuth::Mandatory => ClientAuthentication::Mandatory(cas),
            _ => ClientAuthentication::Optional(cas),
        })
    }

    fn manual(&mut self, ssl: &SslVserverView) -> Result<Option<ManualBindings>, StartError> {
        if !ssl.has_manual_certkeys() {
            return Ok(None);
        }
        let sni = self.certkeys.servers(self.ns, &ssl.sni_certkeys)?;
        let default = self.last_of_each_family(&ssl.server_certkeys)?;
        Ok(Some(ManualBindings::new(sni, default)))
    }

    /// RSA and ECDSA side by side; of one family the last binding counts.
    fn last_of_each_family(
        &mut self,
        bound: &[CertKeyRef],
    ) -> Result<Vec<Arc<ManualCertificate>>, StartError> {
        let mut kept: Vec<Arc<ManualCertificate>> = Vec::new();
        for certificate in self.certkeys.servers(self.ns, bound)? {
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
        if is_server_certkey(self.ns, name) {
            let certkeys = vec![self.certkeys.server(self.ns, name)?];
            return Ok(Some(DefaultCertificate::CertKeys(certkeys)));
        }
        let name = DomainName::new(name).map_err(|error| {
            let complaint =
                format!("the default certificate is neither a certkey nor a name: {error}");
            self.complaint(complaint)
        })?;
        Ok(Some(DefaultCertificate::Name(name)))
    }

    fn default_name(&self) -> Option<DomainName> {
        let name = self.with.default_certificate.as_deref()?;
        let is_certkey = is_server_certkey(self.ns, name);
        (!is_certkey).then(|| DomainName::new(name).ok()).flatten()
    }

    fn complaint(&self, complaint: String) -> StartError {
        StartError::Config {
            path: self.with.ns_conf.display().to_string(),
            complaints: vec![complaint],
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Logs the warnings that were not there before.
    fn report(&mut self) {
        self.running.warnings.append(&mut self.warnings);
        let known: HashSet<&String> = self.before.warnings.iter().collect();
        for warning in &self.running.warnings {
            if !known.contains(warning) {
                tracing::warn!("{warning}");
            }
        }
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
