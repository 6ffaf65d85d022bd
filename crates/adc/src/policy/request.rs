//! A request as expressions see it; nothing is copied.

use std::net::SocketAddr;

use evercert_ns::expr::{ClientCertificate, Patset, Request};
use evercert_types::SharedClock;
use evercert_x509::Certificate;
use http::Version;
use http::request::Parts;

use super::Policies;
use crate::traffic::admission::Admitted;

/// The two ends of a client's connection, and what its handshake told.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) tls: Option<TlsEnd>,
}

/// What a handshake told.
#[derive(Clone, Debug)]
pub(crate) struct TlsEnd {
    /// TLS's version as its two bytes say.
    pub(crate) version: u16,
    pub(crate) cipher: &'static str,
    pub(crate) server_name: Option<Box<str>>,
    /// The verified certificate of the client.
    pub(crate) certificate: Option<ClientCertificate>,
}

impl TlsEnd {
    /// Of a completed handshake.
    pub(crate) fn of(session: &rustls::ServerConnection) -> Self {
        let suite = session.negotiated_cipher_suite();
        let certificates = session.peer_certificates().unwrap_or_default();
        Self {
            version: session.protocol_version().map_or(0, u16::from),
            cipher: (suite.and_then(|suite| suite.suite().as_str())).unwrap_or_default(),
            server_name: session.server_name().map(Box::from),
            certificate: certificates.first().and_then(|der| certificate(der)),
        }
    }
}

/// One request on such a connection.
pub(crate) struct HttpRequest<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) admitted: &'a Admitted,
    pub(crate) ends: &'a Ends,
    pub(crate) policies: &'a Policies,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) clock: &'a SharedClock,
}

impl Request for HttpRequest<'_> {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn url(&self) -> &[u8] {
        self.admitted.target.as_str().as_bytes()
    }

    fn host(&self) -> &[u8] {
        let authority = self.admitted.authority.as_ref();
        authority.map_or(b"", |authority| authority.as_str().as_bytes())
    }

    fn version(&self) -> (u8, u8) {
        match self.parts.version {
            Version::HTTP_09 => (0, 9),
            Version::HTTP_10 => (1, 0),
            Version::HTTP_2 => (2, 0),
            Version::HTTP_3 => (3, 0),
            _ => (1, 1),
        }
    }

    fn header(&self, name: &str, from_last: usize) -> Option<&[u8]> {
        let mut values = self.parts.headers.get_all(name).iter();
        values.nth_back(from_last).map(|value| value.as_bytes())
    }

    fn header_count(&self, name: &str) -> usize {
        self.parts.headers.get_all(name).iter().count()
    }

    fn body(&self) -> Option<&[u8]> {
        self.body
    }

    fn client(&self) -> SocketAddr {
        self.ends.client
    }

    fn server(&self) -> SocketAddr {
        self.ends.server
    }

    fn is_ssl(&self) -> bool {
        self.ends.tls.is_some()
    }

    fn ssl_version(&self) -> u16 {
        self.ends.tls.as_ref().map_or(0, |tls| tls.version)
    }

    fn cipher_name(&self) -> &str {
        self.ends.tls.as_ref().map_or("", |tls| tls.cipher)
    }

    fn server_name(&self) -> &str {
        let tls = self.ends.tls.as_ref();
        tls.and_then(|tls| tls.server_name.as_deref())
            .unwrap_or_default()
    }

    fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.ends.tls.as_ref()?.certificate.as_ref()
    }

    fn patset(&self, name: &str) -> Option<&Patset> {
        self.policies.patset(name)
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }
}

/// What expressions see of a certificate; `None` when it cannot be read.
fn certificate(der: &[u8]) -> Option<ClientCertificate> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(ClientCertificate {
        subject: slashed(&certificate.subject()),
        issuer: slashed(&certificate.issuer()),
        serial: certificate.serial_hex().to_ascii_uppercase(),
        fingerprint: certificate.fingerprint().to_string().to_ascii_uppercase(),
        not_before: certificate.not_before().as_second(),
        not_after: certificate.not_after().as_second(),
    })
}

/// `CN=a,O=b` (RFC 4514) as NetScaler writes it: `/O=b/CN=a`. A slash of a value becomes `\x2F`, so that no value can
/// pass for another attribute.
fn slashed(name: &str) -> String {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in name.chars() {
        let last = parts.last_mut();
        match (c, last) {
            (',' | '+', _) if !escaped => parts.push(String::new()),
            ('\\', _) if !escaped => {
                escaped = true;
                continue;
            }
            ('/', Some(last)) => last.push_str("\\x2F"),
            ('\\', Some(last)) => last.push_str("\\x5C"),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
        escaped = false;
    }
    let parts = parts.iter().rev().filter(|part| !part.is_empty());
    parts
        .map(|part| format!("/{}", part.trim_start()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_on_netscaler_and_no_value_passes_for_an_attribute() {
        assert_eq!(
            slashed("CN=alice,O=Example\\, Inc.,C=CH"),
            "/C=CH/O=Example, Inc./CN=alice"
        );
        assert_eq!(
            slashed("CN=eve/O=Admin,O=x\\\\y"),
            "/O=x\\x5Cy/CN=eve\\x2FO=Admin"
        );
        assert_eq!(slashed(""), "");
    }
}
