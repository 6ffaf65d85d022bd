//! What evaluating expressions costs: nanoseconds a rule, microseconds to parse one.
//!
//! `cargo bench -p evercert-ns`; the last line is one JSON object.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use evercert_ns::expr::{ClientCertificate, Patset, Request, parse, parse_rule, parse_text};

const ROUNDS: u32 = 1_000_000;
const BATCHES: u32 = 200;

/// A browser's request.
struct Sample {
    headers: Vec<(&'static str, &'static str)>,
    patset: Patset,
    client: SocketAddr,
}

impl Request for Sample {
    fn method(&self) -> &str {
        "GET"
    }
    fn url(&self) -> &[u8] {
        b"/shop/articles/4711/details?colour=blue&size=42&session=0123456789abcdef"
    }
    fn host(&self) -> &[u8] {
        b"www.example.com"
    }
    fn version(&self) -> (u8, u8) {
        (1, 1)
    }
    fn header(&self, name: &str, from_last: usize) -> Option<&[u8]> {
        let fields = self.headers.iter().rev();
        let mut fields = fields.filter(|(have, _)| have.eq_ignore_ascii_case(name));
        fields.nth(from_last).map(|(_, value)| value.as_bytes())
    }
    fn header_count(&self, name: &str) -> usize {
        let fields = self.headers.iter();
        fields
            .filter(|(have, _)| have.eq_ignore_ascii_case(name))
            .count()
    }
    fn body(&self) -> Option<&[u8]> {
        None
    }
    fn client(&self) -> SocketAddr {
        self.client
    }
    fn server(&self) -> SocketAddr {
        self.client
    }
    fn is_ssl(&self) -> bool {
        true
    }
    fn ssl_version(&self) -> u16 {
        0x304
    }
    fn cipher_name(&self) -> &str {
        "TLS13_AES_256_GCM_SHA384"
    }
    fn server_name(&self) -> &str {
        "www.example.com"
    }
    fn client_certificate(&self) -> Option<&ClientCertificate> {
        None
    }
    fn patset(&self, _: &str) -> Option<&Patset> {
        Some(&self.patset)
    }
    fn now(&self) -> i64 {
        1_795_271_405
    }
}

const RULES: [(&str, &str); 10] = [
    ("true", "TRUE"),
    (
        "toolkit_cs",
        r#"HTTP.REQ.URL.CONTAINS("well-known/acme-challenge/")"#,
    ),
    (
        "lens",
        r#"HTTP.REQ.HOSTNAME.EQ("www.example.com") && HTTP.REQ.URL.EQ("/.well-known/acme-challenge/token")"#,
    ),
    (
        "starts_with",
        r#"HTTP.REQ.URL.PATH.STARTSWITH("/shop/") && HTTP.REQ.METHOD.EQ(GET)"#,
    ),
    (
        "ignore_case",
        r#"HTTP.REQ.URL.PATH.SET_TEXT_MODE(IGNORECASE).STARTSWITH("/Admin")"#,
    ),
    (
        "contains_ignoring_case",
        r#"HTTP.REQ.URL.SET_TEXT_MODE(IGNORECASE).CONTAINS("NOWHERE")"#,
    ),
    (
        "network_and_header",
        r#"CLIENT.IP.SRC.IN_SUBNET(10.0.0.0/8) || !HTTP.REQ.HEADER("X-A").EXISTS"#,
    ),
    (
        "query_value",
        r#"HTTP.REQ.URL.QUERY.VALUE("size").TYPECAST_NUM_AT > 40"#,
    ),
    (
        "patset_of_100",
        r#"HTTP.REQ.URL.PATH.ENDSWITH_ANY("images")"#,
    ),
    (
        "regex",
        r#"HTTP.REQ.URL.REGEX_MATCH(re/^\/shop\/[a-z]+\/[0-9]+\//)"#,
    ),
];

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn main() {
    let sample = Sample {
        headers: vec![
            ("accept", "text/html,application/xhtml+xml"),
            ("accept-encoding", "gzip, deflate, br"),
            ("accept-language", "de-CH,de;q=0.9,en;q=0.8"),
            ("cookie", "session=0123456789abcdef; theme=dark"),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101",
            ),
        ],
        patset: Patset::new((0..100).map(|n| format!(".suffix{n}"))),
        client: SocketAddr::from(([192, 0, 2, 7], 51_000)),
    };
    let mut results: BTreeMap<String, f64> = BTreeMap::new();
    for (name, source) in RULES {
        let Ok(rule) = parse_rule(source) else {
            println!("{source} does not parse");
            return;
        };
        let spent = time(ROUNDS, || {
            black_box(rule.truth(black_box(&sample))).unwrap_or_default();
        });
        results.insert(format!("rule_{name}_ns"), spent);
    }
    let target = r#""https://" + HTTP.REQ.HOSTNAME.HTTP_URL_SAFE + HTTP.REQ.URL.PATH_AND_QUERY.HTTP_URL_SAFE"#;
    if let Ok(target) = parse_text(target) {
        let spent = time(ROUNDS / 10, || {
            black_box(target.text(black_box(&sample))).unwrap_or_default();
        });
        results.insert("redirect_target_ns".to_owned(), spent);
    }
    let source = RULES[2].1;
    let spent = time(ROUNDS / 100, || {
        black_box(parse(black_box(source)).is_ok());
    });
    results.insert("parse_lens_us".to_owned(), spent / 1e3);
    for (name, value) in &results {
        println!("{name:32} {value:10.1}");
    }
    let fields: Vec<_> = results
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value:.1}"))
        .collect();
    println!("{{{}}}", fields.join(","));
}

/// Nanoseconds a round: the best of many short batches, for the machine may be shared.
fn time(rounds: u32, work: impl Fn()) -> f64 {
    let batch = (rounds / BATCHES).max(1);
    let once = || {
        let start = Instant::now();
        (0..batch).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(batch)
    };
    (0..BATCHES).map(|_| once()).fold(f64::INFINITY, f64::min)
}
