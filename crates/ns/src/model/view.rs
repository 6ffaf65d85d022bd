//! Typed views of the configuration for the data plane: names resolved, defaults filled in, owned.

use std::time::Duration;

use crate::model::Config;
use crate::model::object::{Bound, Object, Origin};
use crate::model::rules::is_ssl;
use crate::model::view_access::policies_of;
use crate::model::view_ssl::{BackendSslView, CertKeyRef};
use crate::model::view_types::{
    CertKeyView, CsPolicyView, CsVserverView, Inform, PersistenceType, RedirectView,
    ServiceAddress, ServiceType, ServiceView, UserView, VserverView, ZeroTouchParams,
};
use crate::value::Value;

impl Config {
    /// The load balancing virtual servers, in the order they were added.
    pub fn vservers(&self) -> impl Iterator<Item = VserverView> + use<'_> {
        self.objects("lb vserver")
            .map(|object| self.vserver_of(object))
    }

    /// One load balancing virtual server.
    pub fn vserver(&self, name: &str) -> Option<VserverView> {
        Some(self.vserver_of(self.object("lb vserver", name)?))
    }

    /// The content switching virtual servers, in the order they were added.
    pub fn cs_vservers(&self) -> impl Iterator<Item = CsVserverView> + use<'_> {
        self.objects("cs vserver")
            .map(|object| self.cs_vserver_of(object))
    }

    /// The services, in the order they were added; members of groups are not among them.
    pub fn services(&self) -> impl Iterator<Item = ServiceView> + use<'_> {
        self.objects("service")
            .filter_map(|object| self.service_of(object, 1))
    }

    /// One service.
    pub fn service(&self, name: &str) -> Option<ServiceView> {
        self.service_of(self.object("service", name)?, 1)
    }

    /// The members of a service group.
    pub fn service_group(&self, name: &str) -> Vec<ServiceView> {
        self.object("serviceGroup", name)
            .map(|group| self.members_of(group, 1))
            .unwrap_or_default()
    }

    /// The certificates, built-in ones included, in the order they were added; then the bundles.
    pub fn certkeys(&self) -> impl Iterator<Item = CertKeyView> + use<'_> {
        let bundles = self.objects("ssl certKeyBundle").map(bundle_of);
        self.objects("ssl certKey").map(certkey_of).chain(bundles)
    }

    /// One certificate, or one bundle.
    pub fn certkey(&self, name: &str) -> Option<CertKeyView> {
        let bundle = || self.object("ssl certKeyBundle", name).map(bundle_of);
        let certkey = self.object("ssl certKey", name).map(certkey_of);
        certkey.or_else(bundle)
    }

    /// The certificate and those it is linked to, leaf first; ends at a certificate without link or at a loop.
    pub fn certkey_chain(&self, name: &str) -> Vec<CertKeyView> {
        let mut chain: Vec<CertKeyView> = Vec::new();
        let mut next = self.certkey(name);
        while let Some(certkey) = next {
            if chain.iter().any(|have| have.name == certkey.name) {
                break;
            }
            next = certkey
                .linked
                .as_deref()
                .and_then(|name| self.certkey(name));
            chain.push(certkey);
        }
        chain
    }

    /// Names of the virtual servers, services, groups and profiles a certificate is bound to, as `type name`.
    pub fn certkey_users(&self, name: &str) -> Vec<String> {
        let types = [
            "ssl vserver",
            "ssl service",
            "ssl serviceGroup",
            "ssl profile",
        ];
        let uses = |object: &&Object| {
            ["certkeyName", "ssliCACertkey"].iter().any(|selector| {
                object
                    .bound(selector)
                    .any(|bound| bound.target().eq_ignore_ascii_case(name))
            })
        };
        types
            .iter()
            .flat_map(|kind| self.objects(kind).filter(uses))
            .map(|object| format!("{} {}", object.resource().name, object.key()))
            .collect()
    }

    /// The appliance's name.
    pub fn host_name(&self) -> Option<&str> {
        self.singleton("ns hostName")?.text("hostName")
    }

    /// The users of the management plane.
    pub fn users(&self) -> impl Iterator<Item = UserView> + use<'_> {
        self.objects("system user").map(user_of)
    }

    /// OCSP settings of zero-touch certificate management.
    pub fn zero_touch_params(&self) -> ZeroTouchParams {
        let object = self.singleton("ssl zeroTouchParam");
        let value = |name: &str| match object {
            Some(object) => object.effective(name),
            None => crate::model::object::default_of(&crate::catalog::SSL_ZERO_TOUCH_PARAM, name),
        };
        let number = |name: &str| value(name).as_ref().and_then(Value::as_integer);
        let millis = |name: &str| number(name).map(Duration::from_millis);
        let is =
            |name: &str, word: &str| value(name).as_ref().and_then(Value::as_text) == Some(word);
        ZeroTouchParams {
            ocsp_cache_timeout: Duration::from_secs(
                60 * number("ocspCacheTimeout").unwrap_or_default(),
            ),
            ocsp_batching_depth: number("ocspBatchingDepth"),
            ocsp_batching_delay: millis("ocspBatchingDelay"),
            ocsp_resp_timeout: millis("ocspRespTimeout"),
            ocsp_url_resolve_timeout: millis("ocspUrlResolveTimeout"),
            ocsp_trust_responder: is("ocspTrustResponder", "YES"),
            ocsp_produced_at_time_skew: Duration::from_secs(
                number("ocspProducedAtTimeSkew").unwrap_or_default(),
            ),
            ocsp_use_nonce: is("ocspUseNonce", "ENABLED"),
            ocsp_http_method: if is("ocspHttpMethod", "GET") {
                "GET"
            } else {
                "POST"
            }
            .to_owned(),
        }
    }

    fn vserver_of(&self, object: &Object) -> VserverView {
        let kind = ServiceType::of(object);
        let name = object.key();
        let text = |attribute: &str| object.text(attribute).map(str::to_owned);
        VserverView {
            ip: object.ip("IPAddress").filter(|ip| !ip.is_unspecified()),
            port: port_of(object.integer("port")),
            enabled: object.is("state", "ENABLED"),
            services: self.services_of(object),
            client_timeout: seconds(object, "cltTimeout").unwrap_or(kind.client_timeout()),
            lb_method: object
                .effective("lbMethod")
                .and_then(|value| value.as_text().map(str::to_owned))
                .unwrap_or_default(),
            persistence: PersistenceType::of(object),
            persistence_timeout: Duration::from_secs(
                60 * object.integer("timeout").unwrap_or_default(),
            ),
            cookie_name: text("cookieName"),
            redirect_url: text("redirectURL"),
            redirect_from: object.value("redirectFromPort").map(|port| RedirectView {
                from_port: port_of(port.as_integer()),
                url: text("httpsRedirectUrl"),
            }),
            backup: text("backupVServer"),
            http_profile: text("httpProfileName"),
            ssl: is_ssl(object).then(|| self.ssl_vserver(&name)),
            kind,
            name,
        }
    }

    fn cs_vserver_of(&self, object: &Object) -> CsVserverView {
        let kind = ServiceType::of(object);
        let name = object.key();
        let mut policies: Vec<_> = object
            .bound("policyName")
            .filter_map(|bound| self.cs_policy_of(bound))
            .collect();
        policies.sort_by_key(|policy| policy.priority);
        CsVserverView {
            ip: object.ip("IPAddress").filter(|ip| !ip.is_unspecified()),
            port: port_of(object.integer("port")),
            enabled: object.is("state", "ENABLED"),
            client_timeout: seconds(object, "cltTimeout").unwrap_or(kind.client_timeout()),
            default_target: object.bound("lbvserver").next().map(Bound::target),
            policies,
            ssl: is_ssl(object).then(|| self.ssl_vserver(&name)),
            kind,
            name,
        }
    }

    fn cs_policy_of(&self, bound: &Bound) -> Option<CsPolicyView> {
        let name = bound.target();
        let policy = self.object("cs policy", &name)?;
        let action = policy
            .text("action")
            .and_then(|action| self.object("cs action", action))
            .and_then(|action| action.text("targetLBVserver"));
        let target = bound
            .value("targetLBVserver")
            .and_then(Value::as_text)
            .or(action)
            .map(str::to_owned);
        Some(CsPolicyView {
            priority: bound.integer("priority").unwrap_or(u64::MAX),
            rule: policy.text("rule").unwrap_or_default().to_owned(),
            target,
            name,
        })
    }

    /// Services and members of groups that are bound to a virtual server.
    fn services_of(&self, vserver: &Object) -> Vec<ServiceView> {
        let mut services = Vec::new();
        for bound in vserver.bound("serviceName") {
            let weight = weight_of(bound);
            let name = bound.target();
            if let Some(service) = self.object("service", &name) {
                services.extend(self.service_of(service, weight));
            } else if let Some(group) = self.object("serviceGroup", &name) {
                services.extend(self.members_of(group, weight));
            }
        }
        services
    }

    fn service_of(&self, object: &Object, weight: u32) -> Option<ServiceView> {
        let server = object.value("serverName")?.words().concat();
        let ssl = is_ssl(object).then(|| self.backend_ssl("ssl service", &object.key()));
        let place = Place {
            name: object.key(),
            group: None,
            server,
            port: port_of(object.integer("port")),
            weight,
            enabled: true,
        };
        self.service_at(object, place, ssl)
    }

    fn members_of(&self, group: &Object, weight: u32) -> Vec<ServiceView> {
        let ssl = is_ssl(group).then(|| self.backend_ssl("ssl serviceGroup", &group.key()));
        group
            .bound("serverName")
            .filter_map(|member| {
                let server = member.value("serverName")?.words().concat();
                let port = port_of(member.integer("port"));
                let place = Place {
                    name: format!("{}?{server}?{port}", group.key()),
                    group: Some(group.key()),
                    server,
                    port,
                    weight: weight_of(member).saturating_mul(weight),
                    enabled: member.value("state") != Some(&Value::Choice("DISABLED")),
                };
                self.service_at(group, place, ssl.clone())
            })
            .collect()
    }

    /// `settings` is the service or the group.
    fn service_at(
        &self,
        settings: &Object,
        place: Place,
        ssl: Option<BackendSslView>,
    ) -> Option<ServiceView> {
        let server = self.object("server", &place.server)?;
        let address = match server.value("IPAddress")? {
            Value::Ip(ip) => ServiceAddress::Ip(*ip),
            other => ServiceAddress::Domain(other.as_text()?.to_owned()),
        };
        let kind = ServiceType::of(settings);
        Some(ServiceView {
            name: place.name,
            group: place.group,
            server: server.key(),
            address,
            port: place.port,
            kind,
            weight: place.weight,
            enabled: place.enabled
                && settings.is("state", "ENABLED")
                && server.is("state", "ENABLED"),
            health_monitor: settings.is("healthMonitor", "YES"),
            max_client: settings.integer("maxClient").filter(|most| *most > 0),
            client_ip_header: self.client_ip_header(settings),
            server_timeout: seconds(settings, "svrTimeout").unwrap_or(kind.server_timeout()),
            ssl,
        })
    }

    /// The service's own header name, else the appliance's, else NetScaler's.
    fn client_ip_header(&self, settings: &Object) -> Option<String> {
        let param = self.singleton("ns param");
        let inserted = match settings.text("cip") {
            Some(word) => word == "ENABLED",
            None => param.is_some_and(|param| param.is("cip", "ENABLED")),
        };
        let header = settings
            .text("cipHeader")
            .or_else(|| param.and_then(|param| param.text("cipHeader")))
            .unwrap_or("client-ip");
        inserted.then(|| header.to_owned())
    }

    /// References to certificates, each with the chain it is linked to.
    pub(super) fn certkey_ref(&self, name: &str) -> CertKeyRef {
        CertKeyRef {
            name: name.to_owned(),
            chain: self
                .certkey_chain(name)
                .into_iter()
                .skip(1)
                .map(|certkey| certkey.name)
                .collect(),
        }
    }
}

/// What differs between a service and a member of a group.
struct Place {
    name: String,
    group: Option<String>,
    server: String,
    port: u16,
    weight: u32,
    enabled: bool,
}

fn certkey_of(object: &Object) -> CertKeyView {
    let text = |name: &str| object.text(name).map(str::to_owned);
    let password = ["passplain", "password"]
        .iter()
        .find_map(|name| match object.value(name) {
            Some(Value::Secret(secret)) => Some(secret.clone()),
            _ => None,
        });
    let days = object
        .integer("notificationPeriod")
        .and_then(|days| u32::try_from(days).ok());
    CertKeyView {
        name: object.key(),
        cert: text("cert").unwrap_or_default(),
        key: text("key"),
        inform: match object.text("inform") {
            Some("DER") => Inform::Der,
            Some("PFX") => Inform::Pfx,
            _ => Inform::Pem,
        },
        password,
        bundle: object.is("bundle", "YES"),
        linked: text("linkCertKeyName"),
        expiry_monitor: days.filter(|_| object.is("expiryMonitor", "ENABLED")),
        is_factory: object.is_factory(),
    }
}

/// A bundle is a certificate whose one file holds everything.
fn bundle_of(object: &Object) -> CertKeyView {
    let file = object.text("bundleFile").unwrap_or_default();
    let password = match object.value("passplain") {
        Some(Value::Secret(secret)) => Some(secret.clone()),
        _ => None,
    };
    CertKeyView {
        name: object.key(),
        cert: file.to_owned(),
        key: Some(file.to_owned()),
        inform: Inform::Pem,
        password,
        // Its intermediates stay in it; `-bundle YES` of a certkey makes certkeys of them.
        bundle: false,
        linked: None,
        expiry_monitor: Some(30),
        is_factory: false,
    }
}

fn user_of(object: &Object) -> UserView {
    let unchanged = match object.origin() {
        Origin::Factory(values) => values.get("password") == object.value("password"),
        Origin::Configured => false,
    };
    UserView {
        name: object.key(),
        password: match object.value("password") {
            Some(Value::Secret(secret)) if !unchanged => Some(secret.clone()),
            _ => None,
        },
        is_encrypted: object.value("encrypted").is_some(),
        hash_method: object.text("hashmethod").map(str::to_owned),
        interfaces: object
            .value("allowedManagementInterface")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .to_vec(),
        policies: policies_of(object),
    }
}

fn port_of(number: Option<u64>) -> u16 {
    number
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(0)
}

fn weight_of(bound: &Bound) -> u32 {
    bound
        .integer("weight")
        .and_then(|weight| u32::try_from(weight).ok())
        .unwrap_or(1)
}

fn seconds(object: &Object, name: &str) -> Option<Duration> {
    object
        .value(name)
        .and_then(Value::as_integer)
        .map(Duration::from_secs)
}
