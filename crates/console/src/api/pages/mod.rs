//! The web interface: its pages, and the styles and scripts they load.
//!
//! Its files lie in `ui/` and are compiled in as they are. The policy lets a page load the Console's own files and
//! nothing else, and lets no script make HTML of text.

mod assets;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::layer;
use assets::Asset;

const DNS_PROVIDERS: &str = assets::file!("dns-providers.html");
const INDEX: &str = assets::file!("index.html");
const SETUP: &str = assets::file!("setup.html");
const SIGN_IN: &str = assets::file!("sign-in.html");

/// What pages may load and do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// `GET /`: what to do next.
pub(crate) async fn index(uri: Uri, headers: HeaderMap) -> Response {
    page(INDEX.replace("{{url}}", &origin(&uri, &headers)))
}

/// `GET /setup`: makes the first administrator with the token in the URL's fragment, which browsers do not send.
pub(crate) async fn setup() -> Response {
    page(SETUP.to_owned())
}

/// `GET /sign-in`: name and password.
pub(crate) async fn sign_in() -> Response {
    page(SIGN_IN.to_owned())
}

/// `GET /dns-providers`: adds, tests, edits and maps DNS providers.
pub(crate) async fn dns_providers() -> Response {
    page(DNS_PROVIDERS.to_owned())
}

/// `GET /ui/…`: a style or script, sent once and asked for again by its tag.
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match assets::find(&path) {
        Some(asset) => send(asset, &headers),
        None => layer::not_found().await,
    }
}

fn send(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let hash = digest(&SHA256, asset.content.as_bytes());
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash));
    let known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.content.into_response(),
    };
    let sent = response.headers_mut();
    sent.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    sent.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        sent.insert(ETAG, tag);
    }
    response
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

fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
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
    use super::assets::ASSETS;
    use super::*;

    const PAGES: [&str; 4] = [DNS_PROVIDERS, INDEX, SETUP, SIGN_IN];

    /// What stands between `before` and the next quotation mark, wherever it does.
    fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect()
    }

    #[test]
    fn pages_load_what_is_served_and_hold_nothing_that_the_policy_refuses() {
        for html in PAGES {
            let mut loaded = quoted(html, " src=\"");
            loaded.extend(quoted(html, "rel=\"stylesheet\" href=\""));
            assert!(!loaded.is_empty());
            for path in loaded {
                let path = path.strip_prefix("/ui/").expect("own files only");
                assert!(assets::find(path).is_some(), "{path} is not served");
            }
            assert!(!html.contains("<style") && !html.contains("style="));
            assert!(
                html.split("<script")
                    .skip(1)
                    .all(|rest| rest.contains("></script>"))
            );
            let inline = |word: &str| word.starts_with("on") && word.contains('=');
            assert!(!html.split_whitespace().any(inline));
        }
    }

    #[test]
    fn scripts_import_what_is_served() {
        let scripts = ASSETS.iter().filter(|one| one.path.ends_with(".js"));
        for script in scripts {
            for import in quoted(script.content, "from \"") {
                let folder = script
                    .path
                    .rsplit_once('/')
                    .map_or("", |(folder, _)| folder);
                let path = match import.strip_prefix("../") {
                    Some(up) => up.to_owned(),
                    None => format!("{folder}/{}", import.trim_start_matches("./")),
                };
                let path = path.trim_start_matches('/');
                assert!(
                    assets::find(path).is_some(),
                    "{} imports {import}",
                    script.path
                );
            }
        }
    }

    #[test]
    fn no_script_makes_html_of_text() {
        for asset in ASSETS {
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!asset.content.contains(word), "{word} in {}", asset.path);
            }
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
