//! Typed views of SSL settings, with the profile resolved: who reads them needs to know no precedence.

use std::time::Duration;

use crate::catalog::{BindingType, ResourceType, SSL_SERVICE, SSL_SERVICE_GROUP, SSL_VSERVER};
use crate::model::Config;
use crate::model::dc2g::DynamicClientCert;
use crate::model::object::{Bound, Object, default_of};
use crate::value::Value;

/// TLS versions that may be spoken; older ones never are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TlsVersions {
    /// TLS 1.2.
    pub tls12: bool,
    /// TLS 1.3.
    pub tls13: bool,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClientAuth {
    /// They are not asked.
    Off,
    /// They are asked and may have none; one they show must be valid.
    Optional,
    /// They must show a valid one.
    Mandatory,
}

/// How revocation of certificates below a CA is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RevocationCheck {
    /// Not at all.
    None,
    /// By CRL; a missing one is accepted.
    CrlOptional,
    /// By CRL; a missing one is refused.
    CrlMandatory,
    /// By OCSP; no answer is accepted.
    OcspOptional,
    /// By OCSP; no answer is refused.
    OcspMandatory,
}

/// A bound certificate.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CertKeyRef {
    /// Name of the certificate.
    pub name: String,
    /// Names of the certificates it is linked to, nearest first.
    pub chain: Vec<String>,
}

/// A bound CA certificate.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CaCertKey {
    /// Name of the certificate.
    pub name: String,
    /// How revocation is checked.
    pub revocation: RevocationCheck,
    /// Whether its name is sent to clients.
    pub is_named: bool,
}

/// Strict-Transport-Security header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hsts {
    /// `max-age`.
    pub max_age: Duration,
    /// `includeSubDomains`.
    pub include_subdomains: bool,
    /// `preload`.
    pub preload: bool,
}

/// TLS of a virtual server: the profile's settings if it has one, else its own, else the defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SslVserverView {
    /// The profile in effect.
    pub profile: Option<String>,
    /// TLS versions spoken.
    pub versions: TlsVersions,
    /// Whether clients must show a certificate.
    pub client_auth: ClientAuth,
    /// CA certificates that client certificates are verified with.
    pub ca_certkeys: Vec<CaCertKey>,
    /// Server certificates, in the order they were bound; of one key family the last counts.
    pub server_certkeys: Vec<CertKeyRef>,
    /// Certificates chosen by SNI.
    pub sni_certkeys: Vec<CertKeyRef>,
    /// Whether `SNIEnable` is on; zero-touch certificates do not need it.
    pub sni_enabled: bool,
    /// Whether clients that ask for an unknown name get the server certificate.
    pub allow_unknown_sni: bool,
    /// Name whose zero-touch certificate is served to clients without SNI.
    pub default_sni: Option<String>,
    /// How long sessions can be resumed; `None` when they cannot.
    pub session_timeout: Option<Duration>,
    /// How long session tickets are accepted; `None` when none are sent (TLS 1.2).
    pub session_ticket_lifetime: Option<Duration>,
    /// Strict-Transport-Security header to send.
    pub hsts: Option<Hsts>,
    /// Whether OCSP responses are sent in the handshake.
    pub ocsp_stapling: bool,
    /// Whether redirects to http are rewritten to https.
    pub ssl_redirect: bool,
    /// Ciphers and cipher groups, by priority; `DEFAULT` when none was bound.
    pub ciphers: Vec<String>,
    /// Curves; NetScaler's default ones when none was bound.
    pub curves: Vec<String>,
}

impl SslVserverView {
    /// Whether certificates were bound by hand, so that zero touch is off for this virtual server.
    pub const fn has_manual_certkeys(&self) -> bool {
        !self.server_certkeys.is_empty() || !self.sni_certkeys.is_empty()
    }
}

/// TLS towards a service: the profile's settings if it has one, else its own, else the defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackendSslView {
    /// The profile in effect.
    pub profile: Option<String>,
    /// TLS versions spoken.
    pub versions: TlsVersions,
    /// Whether the server's certificate is verified.
    pub server_auth: bool,
    /// Name the server's certificate must carry.
    pub common_name: Option<String>,
    /// CA certificates it is verified with.
    pub ca_certkeys: Vec<CaCertKey>,
    /// Client certificates to show when the server asks.
    pub client_certkeys: Vec<CertKeyRef>,
    /// Name whose zero-touch certificate is the client certificate, when none is bound.
    pub zero_touch_cert: Option<String>,
    /// Whether the client's SNI is passed on.
    pub sni_enabled: bool,
    /// Whether sessions are resumed.
    pub session_reuse: bool,
    /// How a client certificate is made from the client's (DC2G); `None` when it is not.
    pub dynamic_client_cert: Option<DynamicClientCert>,
    /// The certificate that signs such certificates.
    pub forging_ca: Option<CertKeyRef>,
    /// Whether HTTP/2 is offered: by the SSL profile (`-alpnProtocol HTTP2`) or the HTTP profile (`-http2 ENABLED`).
    pub http2: bool,
    /// Ciphers and cipher groups, by priority.
    pub ciphers: Vec<String>,
}

impl Config {
    /// TLS of a virtual server of type SSL or `SSL_TCP`.
    pub(super) fn ssl_vserver(&self, name: &str) -> SslVserverView {
        let settings = Settings::new(self, &SSL_VSERVER, name);
        let certkeys = |flag: Option<&str>| self.bound_certkeys(&settings, flag);
        SslVserverView {
            profile: settings.profile.map(Object::key),
            versions: settings.versions(),
            client_auth: settings.client_auth(),
            ca_certkeys: settings.ca_certkeys(),
            server_certkeys: certkeys(None),
            sni_certkeys: certkeys(Some("SNICert")),
            sni_enabled: settings.is("SNIEnable", "ENABLED"),
            allow_unknown_sni: settings.is("allowUnknownSNI", "ENABLED"),
            default_sni: settings.text("defaultSNI"),
            session_timeout: settings
                .seconds("sessTimeout")
                .filter(|_| settings.is("sessReuse", "ENABLED")),
            session_ticket_lifetime: settings
                .seconds("sessionTicketLifeTime")
                .filter(|_| settings.is("sessionTicket", "ENABLED")),
            hsts: settings.hsts(),
            ocsp_stapling: settings.is("ocspStapling", "ENABLED"),
            ssl_redirect: settings.is("sslRedirect", "ENABLED"),
            ciphers: settings.listed("cipherName"),
            curves: settings.listed("eccCurveName"),
        }
    }

    /// TLS towards a service (`ssl service`) or the members of a group (`ssl serviceGroup`).
    pub(super) fn backend_ssl(&self, kind: &str, name: &str) -> BackendSslView {
        let companion = if kind == SSL_SERVICE.name {
            &SSL_SERVICE
        } else {
            &SSL_SERVICE_GROUP
        };
        let settings = Settings::new(self, companion, name);
        let forging = settings.profile.and_then(|profile| {
            profile
                .bound("certkeyName")
                .find(|bound| bound.value("forgingCACertkey").is_some())
                .map(Bound::target)
        });
        BackendSslView {
            profile: settings.profile.map(Object::key),
            versions: settings.versions(),
            server_auth: settings.is("serverAuth", "ENABLED"),
            common_name: settings.text("commonName"),
            ca_certkeys: settings.ca_certkeys(),
            client_certkeys: self.bound_certkeys(&settings, None),
            zero_touch_cert: settings.text("zeroTouchCert"),
            sni_enabled: settings.is("SNIEnable", "ENABLED"),
            session_reuse: settings.is("sessReuse", "ENABLED"),
            dynamic_client_cert: (settings.profile)
                .filter(|_| settings.is("dynamicClientCert", "ENABLED"))
                .map(DynamicClientCert::of),
            forging_ca: forging.map(|name| self.certkey_ref(&name)),
            http2: settings.is("alpnProtocol", "HTTP2") || self.has_http2_profile(companion, name),
            ciphers: settings.listed("cipherName"),
        }
    }

    /// Whether the HTTP profile of a service or group has HTTP/2 on.
    fn has_http2_profile(&self, companion: &ResourceType, name: &str) -> bool {
        let owner = companion.companion_of.iter();
        let profile = owner
            .filter_map(|kind| self.object(kind, name))
            .find_map(|owner| owner.text("httpProfileName"))
            .and_then(|profile| self.object("ns httpProfile", profile));
        profile.is_some_and(|profile| profile.is("http2", "ENABLED"))
    }

    /// Certificates bound with that flag, or with none.
    fn bound_certkeys(&self, settings: &Settings<'_>, flag: Option<&str>) -> Vec<CertKeyRef> {
        settings
            .certkeys()
            .filter(|bound| {
                bound.value("CA").is_none()
                    && bound.value("SNICert").is_some() == (flag == Some("SNICert"))
            })
            .map(|bound| self.certkey_ref(&bound.target()))
            .chain(settings.bundles(flag == Some("SNICert")))
            .collect()
    }
}

/// The SSL settings in effect for one entity.
struct Settings<'c> {
    companion: &'static ResourceType,
    own: Option<&'c Object>,
    profile: Option<&'c Object>,
}

impl<'c> Settings<'c> {
    fn new(config: &'c Config, companion: &'static ResourceType, name: &str) -> Self {
        Self {
            companion,
            own: config.object(companion.name, name),
            profile: config.profile_of(companion, name),
        }
    }

    /// With a profile only the profile counts.
    fn value(&self, name: &str) -> Option<Value> {
        match (self.profile, self.own) {
            (Some(profile), _) => profile.effective(name),
            (None, Some(own)) => own.effective(name),
            (None, None) => default_of(self.companion, name),
        }
    }

    fn is(&self, name: &str, word: &str) -> bool {
        self.value(name).as_ref().and_then(Value::as_text) == Some(word)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.value(name)?.as_text().map(str::to_owned)
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        self.value(name)?.as_integer().map(Duration::from_secs)
    }

    fn versions(&self) -> TlsVersions {
        TlsVersions {
            tls12: self.is("tls12", "ENABLED"),
            tls13: self.is("tls13", "ENABLED"),
        }
    }

    /// NetScaler's default, once clients are asked, is that they must have a certificate.
    fn client_auth(&self) -> ClientAuth {
        if !self.is("clientAuth", "ENABLED") {
            ClientAuth::Off
        } else if self.is("clientCert", "Optional") {
            ClientAuth::Optional
        } else {
            ClientAuth::Mandatory
        }
    }

    fn hsts(&self) -> Option<Hsts> {
        self.is("HSTS", "ENABLED").then(|| Hsts {
            max_age: self.seconds("maxage").unwrap_or_default(),
            include_subdomains: self.is("IncludeSubdomains", "YES"),
            preload: self.is("preload", "YES"),
        })
    }

    fn certkeys(&self) -> impl Iterator<Item = &'c Bound> + use<'c> {
        self.own
            .into_iter()
            .flat_map(|own| own.bound("certkeyName"))
    }

    /// Bundles that are chosen by SNI, or those that are not.
    fn bundles(&self, by_sni: bool) -> impl Iterator<Item = CertKeyRef> + use<'c> {
        self.own
            .into_iter()
            .flat_map(|own| own.bound("certkeyBundleName"))
            .filter(move |bound| bound.value("SNICertkeybundle").is_some() == by_sni)
            .map(|bound| CertKeyRef {
                name: bound.target(),
                chain: Vec::new(),
            })
    }

    fn ca_certkeys(&self) -> Vec<CaCertKey> {
        self.certkeys()
            .filter(|bound| bound.value("CA").is_some())
            .map(|bound| CaCertKey {
                name: bound.target(),
                revocation: revocation(bound),
                is_named: bound.value("skipCAName").is_none(),
            })
            .collect()
    }

    /// Ciphers or curves: bound to the profile if there is one, else to the entity, else the implicit ones.
    fn listed(&self, selector: &str) -> Vec<String> {
        let holder = self.profile.or(self.own);
        let mut bound: Vec<&Bound> = holder
            .into_iter()
            .flat_map(|object| object.bound(selector))
            .collect();
        bound.sort_by_key(|bound| bound.integer("cipherPriority").unwrap_or(u64::MAX));
        if bound.is_empty() {
            return implicit(self.companion, selector);
        }
        bound.into_iter().map(Bound::target).collect()
    }
}

fn implicit(companion: &'static ResourceType, selector: &str) -> Vec<String> {
    let kind: Option<&BindingType> = companion
        .bindings
        .iter()
        .find(|kind| kind.selectors.first() == Some(&selector));
    kind.into_iter()
        .flat_map(|kind| kind.implicit)
        .map(|name| (*name).to_owned())
        .collect()
}

fn revocation(bound: &Bound) -> RevocationCheck {
    let word = |name: &str| bound.value(name).and_then(Value::as_text);
    match (word("crlCheck"), word("ocspCheck")) {
        (Some("Mandatory"), _) => RevocationCheck::CrlMandatory,
        (Some(_), _) => RevocationCheck::CrlOptional,
        (None, Some("Mandatory")) => RevocationCheck::OcspMandatory,
        (None, Some(_)) => RevocationCheck::OcspOptional,
        (None, None) => RevocationCheck::None,
    }
}
