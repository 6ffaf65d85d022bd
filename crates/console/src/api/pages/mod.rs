//! The two pages of a Console without its web interface: what to do next, and the set-up.
//!
//! They load nothing: style and script stand in the page and are allowed by their hashes.

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, HOST};
use http::{HeaderMap, HeaderValue, Uri};

const STYLE: &str = include_str!("style.css");
const INDEX: &str = include_str!("index.html");
const SETUP: &str = include_str!("setup.html");
const SCRIPT: &str = include_str!("setup.js");

/// `GET /`: what to do next.
pub(crate) async fn index(uri: Uri, headers: HeaderMap) -> Response {
    page(INDEX.replace("{{url}}", &origin(&uri, &headers)), "")
}

/// Where the reader found this Console: HTTP/2 names the host in the URI, HTTP/1.1 in a header.
fn origin(uri: &Uri, headers: &HeaderMap) -> String {
    let host = uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()))
        .filter(|host| is_host(host));
    format!("https://{}", host.unwrap_or("127.0.0.1:8443"))
}

/// `GET /setup`: makes the first administrator with the token in the URL's fragment, which browsers do not send.
pub(crate) async fn setup() -> Response {
    page(SETUP.replace("{{script}}", SCRIPT), SCRIPT)
}

fn page(html: String, script: &str) -> Response {
    let mut response = Html(html.replace("{{style}}", STYLE)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy(script)) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn policy(script: &str) -> String {
    let (script_src, connect_src) = match script {
        "" => ("'none'".to_owned(), "'none'"),
        script => (hash_of(script), "'self'"),
    };
    format!(
        "default-src 'none'; style-src {}; script-src {script_src}; connect-src {connect_src}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash_of(STYLE)
    )
}

fn hash_of(text: &str) -> String {
    format!(
        "'sha256-{}'",
        STANDARD.encode(digest(&SHA256, text.as_bytes()))
    )
}

/// Whether a `Host` header is nothing but a host and a port.
fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() < 256
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_load_nothing_from_elsewhere() {
        for html in [INDEX, SETUP] {
            let own = html
                .replace("https://acme-v02.api.letsencrypt.org", "")
                .replace("http://127.0.0.1:8081", "");
            assert!(
                !own.contains("http://") && !own.contains("https://"),
                "{own}"
            );
            assert!(!own.contains("src=") && !own.contains("<link"));
            let inline = |word: &str| {
                word.contains('=') && (word.starts_with("on") || word.starts_with("style"))
            };
            assert!(
                !own.split_whitespace().any(inline),
                "inline handlers and styles are refused by the policy"
            );
        }
    }

    #[test]
    fn the_origin_is_the_readers_own_in_both_versions_of_http() {
        let named = HeaderMap::from_iter([(HOST, HeaderValue::from_static("console.test:9443"))]);
        let (path, whole) = (Uri::from_static("/"), Uri::from_static("https://two.test/"));

        assert_eq!(origin(&path, &named), "https://console.test:9443");
        assert_eq!(origin(&whole, &HeaderMap::new()), "https://two.test");
    }

    #[test]
    fn only_a_host_is_echoed() {
        assert!(is_host("[::1]:8443"));
        assert!(!is_host("a\"><script>"));
    }
}
