//! Typed views of revocation: CRLs and OCSP responders.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::Config;
use crate::model::object::Object;
use crate::model::view_types::Inform;
use crate::value::Value;

/// How often a CRL is fetched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CrlInterval {
    /// Every day.
    Daily,
    /// Once a month, on that day.
    Monthly,
    /// Only when the command is given.
    Now,
    /// Never.
    Never,
    /// Once a week, on that day; 1 is Sunday.
    Weekly,
}

/// Where a CRL is fetched from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CrlSource {
    /// By HTTP.
    Http {
        /// The URL.
        url: String,
    },
    /// By LDAP.
    Ldap {
        /// The server.
        server: IpAddr,
        /// Its port; 389 by default.
        port: u16,
    },
}

/// A certificate revocation list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrlView {
    /// Its name.
    pub name: String,
    /// File with the list as given.
    pub path: String,
    /// Format of the file.
    pub inform: Inform,
    /// Certificate of the CA that signed it.
    pub ca_cert: Option<String>,
    /// Where it is fetched from; `None` when refreshing is off or no source is given.
    pub source: Option<CrlSource>,
    /// How often it is fetched.
    pub interval: CrlInterval,
    /// Day of the month or week.
    pub day: Option<u8>,
    /// Hour and minute of the day, UTC.
    pub time: Option<(u8, u8)>,
}

/// How an OCSP responder is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OcspResponderView {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// How long a response is kept; `None` when none is.
    pub cache_timeout: Option<Duration>,
    /// Certificates asked about in one request.
    pub batching_depth: Option<u64>,
    /// How long to collect a request.
    pub batching_delay: Option<Duration>,
    /// How long to wait for a response.
    pub response_timeout: Option<Duration>,
    /// Certificate that signs responses; by default the issuer of the certificate asked about, or one it appointed.
    pub responder_cert: Option<String>,
    /// Whether signatures of responses are not checked.
    pub trusts_responder: bool,
    /// Clock difference accepted.
    pub produced_at_time_skew: Duration,
    /// Certificate that signs requests.
    pub signing_cert: Option<String>,
    /// Whether requests carry a nonce.
    pub uses_nonce: bool,
    /// Whether requests are sent by GET where they are short enough.
    pub uses_get: bool,
}

impl Config {
    /// The CRLs, in the order they were added.
    pub fn crls(&self) -> impl Iterator<Item = CrlView> + use<'_> {
        self.objects("ssl crl").map(crl_of)
    }

    /// The CRLs of a CA, by the name of its certificate.
    pub fn crls_of(&self, certkey: &str) -> Vec<CrlView> {
        let of_ca = |crl: &CrlView| {
            let ca = crl.ca_cert.as_deref();
            ca.is_some_and(|name| name.eq_ignore_ascii_case(certkey))
        };
        self.crls().filter(of_ca).collect()
    }

    /// One OCSP responder.
    pub fn ocsp_responder(&self, name: &str) -> Option<OcspResponderView> {
        self.object("ssl ocspResponder", name).map(responder_of)
    }

    /// The OCSP responders bound to a CA's certificate, by priority.
    pub fn ocsp_responders_of(&self, certkey: &str) -> Vec<OcspResponderView> {
        let Some(object) = self.object("ssl certKey", certkey) else {
            return Vec::new();
        };
        let mut bound: Vec<_> = object.bound("ocspResponder").collect();
        bound.sort_by_key(|bound| bound.integer("priority").unwrap_or(u64::MAX));
        bound
            .into_iter()
            .filter_map(|bound| self.ocsp_responder(&bound.target()))
            .collect()
    }
}

fn crl_of(object: &Object) -> CrlView {
    let text = |name: &str| object.text(name).map(str::to_owned);
    CrlView {
        name: object.key(),
        path: text("crlPath").unwrap_or_default(),
        inform: match object.text("inform") {
            Some("DER") => Inform::Der,
            _ => Inform::Pem,
        },
        ca_cert: text("CAcert"),
        source: source_of(object).filter(|_| object.is("refresh", "ENABLED")),
        interval: match object.text("interval") {
            Some("DAILY") => CrlInterval::Daily,
            Some("MONTHLY") => CrlInterval::Monthly,
            Some("NOW") => CrlInterval::Now,
            Some("WEEKLY") => CrlInterval::Weekly,
            _ => CrlInterval::Never,
        },
        day: object.integer("day").and_then(|day| u8::try_from(day).ok()),
        time: object.text("time").and_then(clock_time),
    }
}

fn source_of(object: &Object) -> Option<CrlSource> {
    if object.is("method", "LDAP") {
        let port = object.integer("port").unwrap_or(389);
        return Some(CrlSource::Ldap {
            server: object.ip("server")?,
            port: u16::try_from(port).ok()?,
        });
    }
    let url = object.text("url")?.to_owned();
    Some(CrlSource::Http { url })
}

/// `HH:MM`.
pub(super) fn clock_time(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let part = |text: &str, below: u8| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|number| digits && *number < below)
    };
    Some((part(hour, 24)?, part(minute, 60)?))
}

fn responder_of(object: &Object) -> OcspResponderView {
    let text = |name: &str| object.text(name).map(str::to_owned);
    let number = |name: &str| object.integer(name);
    let minutes = Duration::from_secs(60 * number("cacheTimeout").unwrap_or_default());
    OcspResponderView {
        name: object.key(),
        url: text("url").unwrap_or_default(),
        cache_timeout: object.is("cache", "ENABLED").then_some(minutes),
        batching_depth: number("batchingDepth"),
        batching_delay: number("batchingDelay").map(Duration::from_millis),
        response_timeout: number("resptimeout").map(Duration::from_millis),
        responder_cert: text("responderCert"),
        trusts_responder: object.value("trustResponder") == Some(&Value::Flag),
        produced_at_time_skew: Duration::from_secs(
            number("producedAtTimeSkew").unwrap_or_default(),
        ),
        signing_cert: text("signingCert"),
        uses_nonce: object.is("useNonce", "YES"),
        uses_get: object.is("httpMethod", "GET"),
    }
}
