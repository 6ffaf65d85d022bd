//! Values of expressions, messages about bad ones, and properties of all of them.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

/// A request made of plain parts.
struct Sample {
    method: &'static str,
    url: &'static str,
    host: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<&'static [u8]>,
    certificate: Option<ClientCertificate>,
    patset: Patset,
}

impl Request for Sample {
    fn method(&self) -> &str {
        self.method
    }
    fn url(&self) -> &[u8] {
        self.url.as_bytes()
    }
    fn host(&self) -> &[u8] {
        self.host.as_bytes()
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
        self.body
    }
    fn client(&self) -> SocketAddr {
        "192.0.2.7:51000".parse().unwrap()
    }
    fn server(&self) -> SocketAddr {
        "198.51.100.1:443".parse().unwrap()
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
        self.certificate.as_ref()
    }
    fn patset(&self, name: &str) -> Option<&Patset> {
        name.eq_ignore_ascii_case("images").then_some(&self.patset)
    }
    fn now(&self) -> i64 {
        // 2026-11-21 14:30:05 UTC, a Saturday.
        1_795_271_405
    }
}

fn sample() -> Sample {
    Sample {
        method: "GET",
        url: "/.well-known/acme-challenge/tok_en-1?x=1&Y=a%20b&x=2",
        host: "WWW.example.com:443",
        headers: vec![
            ("Cookie", "a=1; session=abc ;empty="),
            ("X-Forwarded-For", "10.1.2.3"),
            ("X-Forwarded-For", "10.9.9.9"),
            ("Content-Length", "12"),
            ("X-Num", "42"),
        ],
        body: Some(b"hello, world"),
        certificate: Some(ClientCertificate {
            subject: "/C=CH/O=Example/CN=alice".to_owned(),
            issuer: "/CN=Example CA".to_owned(),
            serial: "0A1B".to_owned(),
            fingerprint: "AB".repeat(32),
            not_before: 1_795_000_000,
            not_after: 1_795_271_405 + 10 * 86_400 + 5,
        }),
        patset: Patset::new([".png", ".GIF", "/.well"]),
    }
}

fn rule(text: &str) -> Result<bool, Undef> {
    let expr = parse_rule(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let again = parse_rule(&expr.to_string()).unwrap_or_else(|error| panic!("{expr}: {error}"));
    assert_eq!(again, expr, "{expr}");
    expr.truth(&sample())
}

fn text(source: &str) -> Result<String, Undef> {
    let expr = parse_text(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    assert_eq!(parse(&expr.to_string()), Ok(expr.clone()), "{expr}");
    expr.text(&sample())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn rules_that_tools_send_are_true_for_their_requests() {
    for source in [
        r#"HTTP.REQ.URL.CONTAINS("well-known/acme-challenge/")"#,
        r#"HTTP.REQ.URL.CONTAINS(".well-known/acme-challenge/tok_en-1")"#,
        r#"HTTP.REQ.HOSTNAME.EQ("www.example.com") && HTTP.REQ.URL.PATH.EQ("/.well-known/acme-challenge/tok_en-1")"#,
        r#"HTTP.REQ.URL.STARTSWITH("/.well-known/acme-challenge/")"#,
        r#"HTTP.REQ.URL.PATH.SET_TEXT_MODE(IGNORECASE).STARTSWITH("/.WELL")"#,
        "HTTP.REQ.IS_VALID",
        "TRUE",
        "true",
        r#"CLIENT.IP.SRC.IN_SUBNET(10.0.0.0/8) || !HTTP.REQ.HEADER("X-A").EXISTS"#,
        r#"  http . req . url . contains ( "well" )  "#,
        "HTTP.REQ.METHOD.EQ(GET)",
        r#"HTTP.REQ.METHOD.EQ("get")"#,
        "HTTP.REQ.METHOD.NE(POST)",
    ] {
        assert_eq!(rule(source), Ok(true), "{source}");
    }
}

#[test]
fn rules_are_false_where_something_differs() {
    for source in [
        "FALSE",
        r#"HTTP.REQ.URL.EQ("/.well-known/acme-challenge/tok_en-1")"#,
        r#"HTTP.REQ.URL.CONTAINS("WELL-KNOWN")"#,
        r#"HTTP.REQ.HOSTNAME.EQ("www.example.com:8443")"#,
        r#"HTTP.REQ.HEADER("X-A").CONTAINS("x")"#,
        "CLIENT.IP.SRC.EQ(192.0.2.8)",
        "CLIENT.IP.SRC.IN_SUBNET(2001:db8::/32)",
        "TRUE.NOT",
        "!(TRUE || FALSE)",
        "FALSE || FALSE && TRUE",
    ] {
        assert_eq!(rule(source), Ok(false), "{source}");
    }
}

#[test]
fn parts_of_a_request_are_told() {
    for (source, expected) in [
        ("HTTP.REQ.URL.PATH", "/.well-known/acme-challenge/tok_en-1"),
        ("HTTP.REQ.URL.PATH.GET(1)", ".well-known"),
        ("HTTP.REQ.URL.PATH.COUNT", "4"),
        ("HTTP.REQ.URL.QUERY", "x=1&Y=a%20b&x=2"),
        (r#"HTTP.REQ.URL.QUERY.VALUE("x")"#, "1"),
        (r#"HTTP.REQ.URL.QUERY.VALUE("y")"#, ""),
        (
            r#"HTTP.REQ.URL.QUERY.SET_TEXT_MODE(IGNORECASE).VALUE("y")"#,
            "a%20b",
        ),
        (
            r#"HTTP.REQ.URL.QUERY.VALUE("Y").SET_TEXT_MODE(URLENCODED).DECODE_USING_TEXT_MODE"#,
            "a b",
        ),
        ("HTTP.REQ.URL.QUERY.NAME(1)", "Y"),
        ("HTTP.REQ.URL.QUERY.VALUE(2)", "2"),
        ("HTTP.REQ.URL.HOSTNAME.SERVER", "WWW.example.com"),
        ("HTTP.REQ.URL.PROTOCOL", "https"),
        ("HTTP.REQ.HOSTNAME", "WWW.example.com:443"),
        ("HTTP.REQ.HOSTNAME.SERVER", "WWW.example.com"),
        ("HTTP.REQ.HOSTNAME.DOMAIN", "example.com"),
        ("HTTP.REQ.HOSTNAME.PORT", "443"),
        (
            r#""https://a.example/x/y.tar.gz?q".TYPECAST_HTTP_URL_T.SUFFIX"#,
            "gz",
        ),
        (
            r#""https://a.example:8/x".TYPECAST_HTTP_URL_T.HOSTNAME"#,
            "a.example:8",
        ),
        (r#""https://a.example:8/x".TYPECAST_HTTP_URL_T.PATH"#, "/x"),
        ("HTTP.REQ.VERSION", "HTTP/1.1"),
        ("HTTP.REQ.VERSION.MAJOR", "1"),
        (r#"HTTP.REQ.COOKIE.VALUE("session")"#, "abc"),
        (r#"HTTP.REQ.COOKIE.VALUE("empty")"#, ""),
        (r#"HTTP.REQ.HEADER("x-forwarded-for")"#, "10.9.9.9"),
        (r#"HTTP.REQ.HEADER("X-Forwarded-For").VALUE(1)"#, "10.1.2.3"),
        (r#"HTTP.REQ.HEADER("X-Forwarded-For").COUNT"#, "2"),
        ("HTTP.REQ.BODY(5)", "hello"),
        ("HTTP.REQ.CONTENT_LENGTH", "12"),
        ("CLIENT.IP.SRC", "192.0.2.7"),
        ("CLIENT.IP.SRC.SUBNET(24)", "192.0.2.0"),
        ("CLIENT.IP.SRC.GET4", "7"),
        ("CLIENT.TCP.DSTPORT", "443"),
        ("CLIENT.SSL.VERSION", "772"),
        ("CLIENT.SSL.CLIENT_HELLO.SNI", "www.example.com"),
        (r#"CLIENT.SSL.CLIENT_CERT.SUBJECT.VALUE("CN")"#, "alice"),
        ("CLIENT.SSL.CLIENT_CERT.SUBJECT", "/C=CH/O=Example/CN=alice"),
        ("CLIENT.SSL.CLIENT_CERT.DAYS_TO_EXPIRE", "10"),
        ("SYS.TIME.YEAR", "2026"),
        ("SYS.TIME.WEEKDAY", "6"),
        ("SYS.TIME.HOURS", "14"),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn texts_and_numbers_are_worked_on() {
    for (source, expected) in [
        (r#""a\r\n\t\"\\\x41""#, "a\r\n\t\"\\A"),
        (r#""a" + "b" + 1 + CLIENT.IP.SRC"#, "ab1192.0.2.7"),
        (r#"1 + 2 + "a""#, "3a"),
        ("1 + 2 * 3 - -4", "11"),
        ("(1 + 2) * 3 % 5", "4"),
        ("0x10", "16"),
        (r#""a=b=c".AFTER_STR("=")"#, "b=c"),
        (r#""a=b=c".BEFORE_STR("=")"#, "a"),
        (r#""[x]y".BETWEEN("[","]")"#, "x"),
        (r#""abcdef".SUBSTR(1, 3)"#, "bcd"),
        (r#""abcdef".SKIP(4)"#, "ef"),
        (r#""abcdef".TRUNCATE(4)"#, "ab"),
        (r#""  a ".STRIP_CHARS(" ")"#, "a"),
        (r#""aBc".TO_UPPER + "aBc".TO_LOWER"#, "ABCabc"),
        (r#""a b<".HTTP_URL_SAFE"#, "a%20b%3C"),
        (r#""a\r\nb".HTTP_HEADER_SAFE"#, "a%0D%0Ab"),
        (
            r#""<a href='x'>".HTML_XML_SAFE"#,
            "&lt;a href=&#39;x&#39;&gt;",
        ),
        (r#""n-12x".TYPECAST_NUM_AT"#, "-12"),
        (r#""1F".TYPECAST_NUM_T(HEX)"#, "31"),
        (r#""a,b,c".TYPECAST_LIST_T(',').GET(2)"#, "c"),
        (r#""k:v|l:w".TYPECAST_NVLIST_T(':','|').VALUE("l")"#, "w"),
        (r#""abc123".REGEX_SELECT(re/[0-9]+/)"#, "123"),
        (
            r#""x".TYPECAST_NUM_T(DECIMAL).TYPECAST_TEXT_T ALT "none""#,
            "none",
        ),
        (r#"("a" + "b").LENGTH"#, "2"),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
    for source in [
        r#""Abc".SET_TEXT_MODE(IGNORECASE).CONTAINS("BC")"#,
        r#""Abc".SET_TEXT_MODE(IGNORECASE).ENDSWITH("BC")"#,
        r#""Abc".SET_TEXT_MODE(IGNORECASE) == "aBC""#,
        r#"HTTP.REQ.HEADER("X-Forwarded-For").CONTAINS("10.1.")"#,
        r#"HTTP.REQ.HEADER("X-Num").TYPECAST_NUM_AT.BETWEEN(40, 42)"#,
        r#"HTTP.REQ.URL.STARTSWITH_ANY("images")"#,
        r#""/a.gif".SET_TEXT_MODE(IGNORECASE).ENDSWITH_ANY("IMAGES")"#,
        r#"!"/a.gif".ENDSWITH_ANY("images")"#,
        r#"HTTP.REQ.URL.REGEX_MATCH(re/^\/\.well[a-z-]+/)"#,
        r#"HTTP.REQ.URL.REGEX_MATCH(re#^/\.well#)"#,
        r#""ABC".SET_TEXT_MODE(IGNORECASE).REGEX_MATCH(re/b/)"#,
        "CLIENT.IP.SRC.IN_SUBNET(192.0.2.0/24) && CLIENT.IP.SRC == 192.0.2.7",
        "CLIENT.SSL.CLIENT_CERT.EXISTS && CLIENT.SSL.IS_SSL",
        "HTTP.REQ.URL.LENGTH > 10 && HTTP.REQ.URL.LENGTH <= 100",
        r#"HTTP.REQ.COOKIE.IS_NAME("session") && !HTTP.REQ.COOKIE.IS_NAME("SESSION")"#,
        r#"HTTP.REQ.HOSTNAME == "www.EXAMPLE.com""#,
        r#"HTTP.REQ.HOSTNAME.EQ("www.example.com:80")"#,
        r#"!"a.example:8443".TYPECAST_HTTP_HOSTNAME_T.EQ("a.example")"#,
        r#""2001:db8::1".TYPECAST_IP_ADDRESS_AT.IN_SUBNET(2001:db8::/32)"#,
    ] {
        assert_eq!(rule(source), Ok(true), "{source}");
    }
}

#[test]
fn what_has_no_value_is_undefined() {
    for source in [
        r#"HTTP.REQ.HEADER("X-A").VALUE(0).EQ("")"#,
        r#"HTTP.REQ.HEADER("X-Forwarded-For").VALUE(2).EQ("")"#,
        r#""x".TYPECAST_NUM_T(DECIMAL) == 1"#,
        r#"HTTP.REQ.HEADER("X-A").TYPECAST_NUM_AT == 1"#,
        r#"HTTP.REQ.URL.PATH.GET(9).EQ("")"#,
        "9223372036854775807 + 1 == 0",
        "1 / 0 == 1",
        "5 % 0 == 1",
        r#"HTTP.REQ.URL.CONTAINS_ANY("nowhere")"#,
        r#"HTTP.REQ.URL.SKIP(-1).EQ("")"#,
        r#""192.0.2.1".TYPECAST_HTTP_HOSTNAME_T.DOMAIN.EQ("")"#,
    ] {
        assert_eq!(rule(source), Err(Undef), "{source}");
    }
}

#[test]
fn what_decides_first_hides_what_is_undefined() {
    assert_eq!(rule("TRUE || 1 / 0 == 1"), Ok(true));
    assert_eq!(rule("FALSE && 1 / 0 == 1"), Ok(false));
    assert_eq!(rule("1 / 0 == 1 || TRUE"), Err(Undef));
}

#[test]
fn errors_tell_place_expectation_and_finding() {
    let complaints: Vec<_> = [
        "",
        "HTTP/1.1 200 OK\\r\\n",
        r#"HTTP.REQ.URL.CONTAINS(well)"#,
        r#"HTTP.REQ.URL.CONTAINS("a""#,
        r#"HTTP.REQ.URL.CONTAINS("a"#,
        r#"HTTP.REQ.URL.CONTAIN("a")"#,
        "HTTP.REQ.URI",
        "HTTP.REQ",
        "HTTP.REQ.URL",
        r#"HTTP.REQ.URL.EQ("ü\q")"#,
        "TRUE && 5",
        "TRUE FALSE",
        "CLIENT.IP.SRC.IN_SUBNET(10.0.0.0/33)",
        "HTTP.REQ.URL.REGEX_MATCH(re/(/)",
        "HTTP.REQ.BODY(0).EQ(\"\")",
        "HTTP.REQ.URL < \"a\"",
        "99999999999999999999 == 1",
    ]
    .iter()
    .map(|source| format!("{source}\n  {}", parse_rule(source).unwrap_err()))
    .collect();
    insta::assert_snapshot!(complaints.join("\n"));
}

#[test]
fn length_and_depth_are_bounded() {
    let deep = |n: usize| format!("{}TRUE{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(MAX_DEPTH - 1)).is_ok());
    assert!(parse(&deep(MAX_DEPTH)).is_err());
    assert!(parse(&"!".repeat(5000)).is_err());
    assert!(parse(&"-".repeat(5000)).is_err());
    assert!(parse(&format!("{}TRUE", "TRUE && ".repeat(1500))).is_ok());
    assert!(parse(&format!("{}1", "1 + ".repeat(3000))).is_ok());
    assert!(parse(&"TRUE || ".repeat(MAX_LENGTH)).is_err());
    let growing = format!("\"{}\"{}", "&".repeat(3000), ".HTML_XML_SAFE".repeat(200));
    assert!(growing.len() < MAX_LENGTH);
    let expr = parse_text(&growing).unwrap();
    assert!(
        expr.text(&sample()).is_ok_and(|text| text.len() < MAX_TEXT)
            || expr.text(&sample()) == Err(Undef)
    );
}

#[test]
fn what_must_be_supplied_is_known() {
    let expr = parse(r#"HTTP.REQ.BODY(100).CONTAINS_ANY("a") || HTTP.REQ.BODY(20).CONTAINS("x")"#);
    let expr = expr.unwrap();
    assert_eq!(expr.body_bytes(), 100);
    assert_eq!(expr.patsets(), ["a"]);
}

/// Sources put together from pieces that belong to the language.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("HTTP.REQ.URL".to_owned()),
        Just("HTTP.REQ.HOSTNAME".to_owned()),
        Just("HTTP.REQ.HEADER(\"x\")".to_owned()),
        Just("CLIENT.IP.SRC".to_owned()),
        Just(".EQ(\"a\")".to_owned()),
        Just(".CONTAINS(".to_owned()),
        Just(".LENGTH".to_owned()),
        Just(".PATH".to_owned()),
        Just(".GET(1)".to_owned()),
        Just(".IN_SUBNET(10.0.0.0/8)".to_owned()),
        Just(".REGEX_MATCH(re/a/)".to_owned()),
        Just(" && ".to_owned()),
        Just(" || ".to_owned()),
        Just("!".to_owned()),
        Just(" + ".to_owned()),
        Just(" - ".to_owned()),
        Just(" * ".to_owned()),
        Just(" == ".to_owned()),
        Just(" < ".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("TRUE".to_owned()),
        Just(" ALT ".to_owned()),
        "[0-9]{1,4}",
        "\"[a-z\\\\\"/é]{0,4}\"",
        "\\PC{0,3}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Sources of the language, with their types held together.
fn sources() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just("HTTP.REQ.URL".to_owned()),
        Just("HTTP.REQ.URL.PATH.GET(1)".to_owned()),
        Just("HTTP.REQ.HEADER(\"x-y\").VALUE(0)".to_owned()),
        "\"[a-z /.-]{0,6}\"",
        Just(r#""\r\n\"\\\x00\xFF""#.to_owned()),
    ];
    let number = prop_oneof!["[0-9]{1,5}", Just("HTTP.REQ.URL.LENGTH".to_owned())];
    let truth = (text, number).prop_map(|(text, number)| {
        format!("({text} + {number}).CONTAINS({text}) == ({number} - -{number} >= 3 * {number})")
    });
    truth.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} && {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} ALT ({b})).NOT")),
        ]
    })
}

proptest! {
    #[test]
    fn no_source_makes_it_panic(source in "\\PC{0,60}") {
        if let Ok(expr) = parse(&source) {
            let _outcome = expr.text(&sample());
        }
    }

    #[test]
    fn what_parses_prints_to_an_equal_expression(source in pieces()) {
        if let Ok(expr) = parse(&source) {
            prop_assert_eq!(parse(&expr.to_string()), Ok(expr.clone()));
            let _outcome = expr.text(&sample());
        }
    }

    #[test]
    fn expressions_keep_their_value_when_printed(source in sources()) {
        let expr = parse_rule(&source).unwrap();
        let again = parse_rule(&expr.to_string()).unwrap();
        prop_assert_eq!(&again, &expr);
        prop_assert_eq!(again.truth(&sample()), expr.truth(&sample()));
    }
}
