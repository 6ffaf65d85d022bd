//! What the views of the configuration are made of: owned values without names left to look up.

use std::net::IpAddr;
use std::time::Duration;

use evercert_types::Secret;

use crate::model::object::Object;
use crate::model::view_ssl::{BackendSslView, SslVserverView};
use crate::value::Value;

/// Protocol of a virtual server or service, as far as the data plane tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ServiceType {
    /// HTTP in clear.
    Http,
    /// HTTP over TLS.
    Ssl,
    /// Any bytes over TLS.
    SslTcp,
    /// TLS passed through unopened.
    SslBridge,
    /// Any bytes.
    Tcp,
    /// Anything.
    Any,
    /// Authoritative DNS over UDP.
    Adns,
    /// Authoritative DNS over TCP.
    AdnsTcp,
    /// DNS over UDP.
    Dns,
    /// DNS over TCP.
    DnsTcp,
    /// Datagrams.
    Udp,
    /// Another protocol, by its NetScaler name.
    Other(&'static str),
}

impl ServiceType {
    /// The protocol of that NetScaler name.
    pub fn from_name(name: &'static str) -> Self {
        match name {
            "HTTP" => Self::Http,
            "SSL" => Self::Ssl,
            "SSL_TCP" => Self::SslTcp,
            "SSL_BRIDGE" => Self::SslBridge,
            "TCP" => Self::Tcp,
            "ANY" => Self::Any,
            "ADNS" => Self::Adns,
            "ADNS_TCP" => Self::AdnsTcp,
            "DNS" => Self::Dns,
            "DNS_TCP" => Self::DnsTcp,
            "UDP" => Self::Udp,
            other => Self::Other(other),
        }
    }

    /// Whether TLS ends here.
    pub const fn is_ssl(self) -> bool {
        matches!(self, Self::Ssl | Self::SslTcp)
    }

    /// Whether it carries HTTP.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Ssl)
    }

    /// Idle time after which clients are cut off when `cltTimeout` is not set.
    pub const fn client_timeout(self) -> Duration {
        match self {
            Self::Http | Self::Ssl => Duration::from_secs(180),
            Self::Adns | Self::Dns | Self::Udp => Duration::from_secs(120),
            _ => Duration::from_secs(9000),
        }
    }

    /// Idle time after which servers are cut off when `svrTimeout` is not set.
    pub const fn server_timeout(self) -> Duration {
        match self {
            Self::Http | Self::Ssl => Duration::from_secs(360),
            Self::Adns | Self::Dns | Self::Udp => Duration::from_secs(120),
            _ => Duration::from_secs(9000),
        }
    }

    pub(super) fn of(object: &Object) -> Self {
        match object.value("serviceType") {
            Some(Value::Choice(name)) => Self::from_name(name),
            _ => Self::Any,
        }
    }
}

/// What keeps a client with its service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PersistenceType {
    /// Nothing.
    None,
    /// The client's address.
    SourceIp,
    /// A cookie that is inserted.
    CookieInsert,
    /// The TLS session.
    SslSession,
    /// Another type, by its NetScaler name.
    Other(&'static str),
}

impl PersistenceType {
    pub(super) fn of(object: &Object) -> Self {
        match object.value("persistenceType") {
            Some(Value::Choice("SOURCEIP")) => Self::SourceIp,
            Some(Value::Choice("COOKIEINSERT")) => Self::CookieInsert,
            Some(Value::Choice("SSLSESSION")) => Self::SslSession,
            None | Some(Value::Choice("NONE")) => Self::None,
            Some(Value::Choice(other)) => Self::Other(other),
            Some(_) => Self::None,
        }
    }
}

/// Where requests at another port are redirected to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedirectView {
    /// The port that is listened on in clear.
    pub from_port: u16,
    /// The URL clients are sent to.
    pub url: Option<String>,
}

/// An address and port that clients connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VserverView {
    /// Its name.
    pub name: String,
    /// The protocol clients speak.
    pub kind: ServiceType,
    /// The address; `None` when it is not reachable from outside (no address, or 0.0.0.0).
    pub ip: Option<IpAddr>,
    /// The port; 0 when it is not reachable from outside, 65535 for any.
    pub port: u16,
    /// Whether it is enabled.
    pub enabled: bool,
    /// What takes its traffic: services, and members of service groups, in the order they were bound.
    pub services: Vec<ServiceView>,
    /// Idle time after which a client is cut off.
    pub client_timeout: Duration,
    /// How the service is chosen: NetScaler's word, e.g. `ROUNDROBIN`.
    pub lb_method: String,
    /// What keeps a client with its service.
    pub persistence: PersistenceType,
    /// How long a client stays with its service.
    pub persistence_timeout: Duration,
    /// Name of the cookie of cookie persistence, if one was given.
    pub cookie_name: Option<String>,
    /// Where clients are sent when no service is up.
    pub redirect_url: Option<String>,
    /// A clear port whose clients are redirected to this virtual server.
    pub redirect_from: Option<RedirectView>,
    /// The virtual server that takes over when this one is down.
    pub backup: Option<String>,
    /// Name of the HTTP profile.
    pub http_profile: Option<String>,
    /// TLS, for types SSL and `SSL_TCP`.
    pub ssl: Option<SslVserverView>,
}

/// Where a service is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ServiceAddress {
    /// At this address.
    Ip(IpAddr),
    /// At the address of this domain.
    Domain(String),
}

/// A program on a server, at one port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceView {
    /// Its name; for a member of a group `<group>?<server>?<port>`, as NetScaler names it.
    pub name: String,
    /// The service group it is a member of.
    pub group: Option<String>,
    /// The server that hosts it.
    pub server: String,
    /// Where the server is.
    pub address: ServiceAddress,
    /// The port; 65535 for any.
    pub port: u16,
    /// The protocol it speaks.
    pub kind: ServiceType,
    /// Share of traffic compared with others, 1 to 100.
    pub weight: u32,
    /// Whether service, member and server are all enabled.
    pub enabled: bool,
    /// Whether it is probed; if not it counts as up.
    pub health_monitor: bool,
    /// Most connections at a time.
    pub max_client: Option<u64>,
    /// Header that tells it the client's address, if one is inserted.
    pub client_ip_header: Option<String>,
    /// Idle time after which a connection to it is closed.
    pub server_timeout: Duration,
    /// TLS, for types SSL and `SSL_TCP`.
    pub ssl: Option<BackendSslView>,
}

/// Format of certificate files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inform {
    /// DER.
    Der,
    /// PEM.
    Pem,
    /// PKCS#12.
    Pfx,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub struct CertKeyView {
    /// Its name.
    pub name: String,
    /// File of the certificate as given; relative to `/nsconfig/ssl/`.
    pub cert: String,
    /// File of the private key as given; a CA certificate may have none.
    pub key: Option<String>,
    /// Format of both files.
    pub inform: Inform,
    /// Pass phrase of the key or PKCS#12 file.
    pub password: Option<Secret<String>>,
    /// Whether the file holds intermediates too.
    pub bundle: bool,
    /// The certificate of the issuer it is linked to.
    pub linked: Option<String>,
    /// How long before expiry to warn, in days; `None` when the monitor is off.
    pub expiry_monitor: Option<u32>,
    /// Whether every appliance has it.
    pub is_factory: bool,
}

/// A content switching virtual server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CsVserverView {
    /// Its name.
    pub name: String,
    /// The protocol clients speak.
    pub kind: ServiceType,
    /// The address; `None` when it is not reachable from outside.
    pub ip: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Idle time after which a client is cut off.
    pub client_timeout: Duration,
    /// The load balancing virtual server for requests no policy matched.
    pub default_target: Option<String>,
    /// Its content switching policies, by priority.
    pub policies: Vec<CsPolicyView>,
    /// TLS, for types SSL and `SSL_TCP`.
    pub ssl: Option<SslVserverView>,
}

/// A content switching policy as it is bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CsPolicyView {
    /// Its name.
    pub name: String,
    /// Lower numbers are looked at first.
    pub priority: u64,
    /// The expression.
    pub rule: String,
    /// The load balancing virtual server it leads to.
    pub target: Option<String>,
}

/// A user of the management plane.
#[derive(Clone, Debug)]
pub struct UserView {
    /// Name.
    pub name: String,
    /// Password, or its stored form; `None` when none was ever set and nobody can log in.
    pub password: Option<Secret<String>>,
    /// Whether the password is in its stored form.
    pub is_encrypted: bool,
    /// How the stored form was made, e.g. `SHA512`.
    pub hash_method: Option<String>,
    /// Interfaces the user may use (`API`, `CLI`); empty for all.
    pub interfaces: Vec<String>,
    /// Command policies with their priorities, by priority.
    pub policies: Vec<(u64, String)>,
}

/// OCSP settings of zero-touch certificate management; `None` where no default is documented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZeroTouchParams {
    /// How long a response is kept.
    pub ocsp_cache_timeout: Duration,
    /// Certificates asked about in one request.
    pub ocsp_batching_depth: Option<u64>,
    /// How long to collect a request.
    pub ocsp_batching_delay: Option<Duration>,
    /// How long to wait for a response.
    pub ocsp_resp_timeout: Option<Duration>,
    /// How long to resolve the responder's name.
    pub ocsp_url_resolve_timeout: Option<Duration>,
    /// Whether signatures of responses are not checked.
    pub ocsp_trust_responder: bool,
    /// Clock difference accepted.
    pub ocsp_produced_at_time_skew: Duration,
    /// Whether requests carry a nonce.
    pub ocsp_use_nonce: bool,
    /// HTTP method of requests: `GET` or `POST`.
    pub ocsp_http_method: String,
}
