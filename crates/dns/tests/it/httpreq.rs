//! The webhook: what it is sent, beside what the conformance suite sees of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use evercert_dns::{Fault, Provider, Settings, TxtTarget};

use crate::harness::FIRST;

const NAME: &str = "_acme-challenge.example.org";

/// Path, headers and body of a request.
pub(crate) type Asked = (String, HeaderMap, String);

/// An endpoint that answers everything with the status, and what it was asked.
pub(crate) async fn endpoint(status: StatusCode) -> (String, Arc<Mutex<Vec<Asked>>>) {
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let kept = asked.clone();
    let app = Router::new().fallback(async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        kept.lock()
            .unwrap()
            .push((parts.uri.to_string(), parts.headers, body));
        (status, "not read")
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

pub(crate) fn provider(
    pairs: &[(&str, &str)],
) -> Result<Arc<dyn Provider>, evercert_dns::DnsError> {
    let settings: Settings = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into()))
        .collect();
    evercert_dns::build("httpreq", &settings)
}

#[tokio::test]
async fn requests_keep_the_endpoints_path_and_carry_headers_and_a_signature() {
    let (url, asked) = endpoint(StatusCode::ACCEPTED).await;
    let url = format!("{url}/hooks/dns/");
    let provider = provider(&[
        ("base_url", &url),
        ("headers", "X-Team: dns\nX-Key: hush"),
        ("hmac_secret", "shared"),
        ("username", "anna"),
        ("password", "right"),
    ]);
    let provider = provider.unwrap();
    let target = TxtTarget::new(NAME, FIRST);

    provider.add(&target).await.unwrap();
    provider.remove(&target, None).await.unwrap();

    let asked = asked.lock().unwrap();
    let paths: Vec<&str> = asked.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, ["/hooks/dns/present", "/hooks/dns/cleanup"]);
    for (_, headers, body) in asked.iter() {
        assert_eq!(
            *body,
            format!("{{\"fqdn\":\"{NAME}.\",\"value\":\"{FIRST}\"}}")
        );
        assert_eq!(
            (&headers["x-team"], &headers["x-key"]),
            (&"dns".parse().unwrap(), &"hush".parse().unwrap())
        );
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["authorization"], "Basic YW5uYTpyaWdodA==");
        let time: i64 = headers["x-evercert-timestamp"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(time > 1_700_000_000);
        let signature = headers["x-evercert-signature"].to_str().unwrap();
        assert!(
            signature.starts_with("sha256=") && signature.len() == 7 + 64,
            "{signature}"
        );
    }
    for secret in ["hush", "shared", "right"] {
        assert!(!format!("{provider:?}").contains(secret));
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_words_and_without_secrets() {
    let app = Router::new().fallback(async || (StatusCode::FORBIDDEN, "hush may not do this"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let provider = provider(&[("base_url", &url), ("headers", "X-Key: hush")]).unwrap();

    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();

    assert_eq!(error.fault(), Fault::Permission, "{error}");
    assert_eq!(error.words(), Some("*** may not do this"));
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let refused = |pairs: &[(&str, &str)]| {
        let all: Vec<_> = pairs
            .iter()
            .copied()
            .chain([("base_url", "https://hook.example.net")])
            .collect();
        provider(&all).unwrap_err().to_string()
    };
    assert!(refused(&[("username", "anna")]).contains("belong together"));
    assert!(refused(&[("token", "t"), ("username", "u"), ("password", "p")]).contains("not both"));
    assert!(refused(&[("headers", "Host: elsewhere")]).contains("host"));
    assert!(refused(&[("headers", "nonsense")]).contains("line 1"));
}
