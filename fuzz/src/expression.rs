//! Policy expressions.

use std::net::SocketAddr;

use evercert_ns::expr::{self, ClientCertificate, Patset, Request};

/// A policy expression.
///
/// * What is read is printed and read back as an equal expression.
/// * Evaluating it ends with a result or without one, and never in a fault.
pub fn expression(text: &str) {
    match expr::parse(text) {
        Ok(parsed) => {
            let printed = parsed.to_string();
            let again = expr::parse(&printed)
                .unwrap_or_else(|error| panic!("{error}\n{text:?} is printed as {printed:?}"));
            assert_eq!(again, parsed, "{text:?} is printed as {printed:?}");
            let request = Sample::new();
            let _truth = parsed.truth(&request);
            let _text = parsed.text(&request);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A request with something of everything.
struct Sample {
    certificate: ClientCertificate,
    patterns: Patset,
    address: SocketAddr,
}

impl Sample {
    fn new() -> Self {
        Self {
            certificate: ClientCertificate {
                subject: "/C=CH/O=Example/CN=client".to_owned(),
                serial: "03A1F0".to_owned(),
                not_after: 1_900_000_000,
                ..ClientCertificate::default()
            },
            patterns: Patset::new(["/a", "b", ""]),
            address: SocketAddr::from(([192, 0, 2, 1], 40_000)),
        }
    }
}

impl Request for Sample {
    fn method(&self) -> &str {
        "GET"
    }
    fn url(&self) -> &[u8] {
        b"/a/b%20c;d?x=1&y=\xc3\xa4"
    }
    fn host(&self) -> &[u8] {
        b"www.example.com:8443"
    }
    fn version(&self) -> (u8, u8) {
        (1, 1)
    }
    fn header(&self, name: &str, from_last: usize) -> Option<&[u8]> {
        (name.eq_ignore_ascii_case("cookie") && from_last == 0).then_some(b"a=1; b=2")
    }
    fn header_count(&self, name: &str) -> usize {
        usize::from(name.eq_ignore_ascii_case("cookie"))
    }
    fn body(&self) -> Option<&[u8]> {
        Some(b"body 12 \xff")
    }
    fn client(&self) -> SocketAddr {
        self.address
    }
    fn server(&self) -> SocketAddr {
        self.address
    }
    fn is_ssl(&self) -> bool {
        true
    }
    fn ssl_version(&self) -> u16 {
        0x304
    }
    fn cipher_name(&self) -> &str {
        "TLS1.3-AES256-GCM-SHA384"
    }
    fn server_name(&self) -> &str {
        "www.example.com"
    }
    fn client_certificate(&self) -> Option<&ClientCertificate> {
        Some(&self.certificate)
    }
    fn patset(&self, name: &str) -> Option<&Patset> {
        name.eq_ignore_ascii_case("p").then_some(&self.patterns)
    }
    fn now(&self) -> i64 {
        1_800_000_000
    }
}
