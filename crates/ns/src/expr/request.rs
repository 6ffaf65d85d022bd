//! What an expression is evaluated against.

use std::net::SocketAddr;

/// A request, as the data plane has it; nothing is copied to answer.
pub trait Request {
    /// The method, e.g. `GET`.
    fn method(&self) -> &str;
    /// Path and query as received; a target in absolute form without scheme and host.
    fn url(&self) -> &[u8];
    /// `Host` or the target's authority, with the port if there is one; empty if there is none.
    fn host(&self) -> &[u8];
    /// HTTP's version: major and minor.
    fn version(&self) -> (u8, u8);
    /// A header field of that name, counted from the **last** one, which is 0.
    fn header(&self, name: &str, from_last: usize) -> Option<&[u8]>;
    /// How many fields of that name there are.
    fn header_count(&self, name: &str) -> usize;
    /// The first bytes of the body, as far as [`super::Expr::body_bytes`] asked for them; `None` when they are not
    /// known.
    fn body(&self) -> Option<&[u8]>;
    /// The client.
    fn client(&self) -> SocketAddr;
    /// The address the client connected to.
    fn server(&self) -> SocketAddr;
    /// Whether the connection has TLS.
    fn is_ssl(&self) -> bool;
    /// TLS's version as its two bytes say, e.g. 0x303; 0 without TLS.
    fn ssl_version(&self) -> u16;
    /// The cipher suite's name; empty without TLS.
    fn cipher_name(&self) -> &str;
    /// The server name of the handshake; empty if there was none.
    fn server_name(&self) -> &str;
    /// The verified certificate the client showed.
    fn client_certificate(&self) -> Option<&ClientCertificate>;
    /// A pattern set of the configuration, by its name; any case.
    fn patset(&self, name: &str) -> Option<&Patset>;
    /// Seconds since 1970, UTC.
    fn now(&self) -> i64;
}

/// What expressions see of a client's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `/C=CH/O=Example/CN=client`.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// Hexadecimal digits in capitals.
    pub serial: String,
    /// SHA-256 of the certificate, hexadecimal digits in capitals.
    pub fingerprint: String,
    /// Start of validity, seconds since 1970.
    pub not_before: i64,
    /// End of validity, seconds since 1970.
    pub not_after: i64,
}

/// A pattern set: texts that requests are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patset {
    patterns: Vec<Pattern>,
}

/// One pattern as written and in lower case.
type Pattern = (Box<[u8]>, Box<[u8]>);

impl Patset {
    /// A set of these patterns.
    pub fn new<T: AsRef<[u8]>>(patterns: impl IntoIterator<Item = T>) -> Self {
        let patterns = patterns.into_iter().map(|pattern| {
            let bytes = pattern.as_ref();
            (bytes.into(), bytes.to_ascii_lowercase().into())
        });
        Self {
            patterns: patterns.collect(),
        }
    }

    /// The patterns, in lower case where case does not count.
    pub(super) fn iter(&self, ignore_case: bool) -> impl Iterator<Item = &[u8]> {
        self.patterns
            .iter()
            .map(move |(exact, lower)| match ignore_case {
                true => lower.as_ref(),
                false => exact.as_ref(),
            })
    }
}
