//! The one way this crate speaks HTTP: time limits, own user agent, no redirects, small bodies.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, Url};

use crate::error::{DnsError, Fault, Step};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No answer that is needed is longer.
const BODY_LIMIT: usize = 4 << 20;
const USER_AGENT: &str = concat!("evercert/", env!("CARGO_PKG_VERSION"));

/// A client for the URL that trusts the system's roots, or only the given PEM bundle.
///
/// Proxies of the environment are used, but not towards this host itself.
pub(crate) fn client(
    code: &'static str,
    url: &Url,
    ca_bundle: Option<&str>,
) -> Result<Client, DnsError> {
    let failed = |what: &str, e: reqwest::Error| DnsError::setting(code, what).caused_by(e);
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none());
    if is_loopback(url) || is_link_local(url) {
        builder = builder.no_proxy();
    }
    if let Some(pem) = ca_bundle {
        let roots = Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|e| failed("the CA bundle is not PEM", e))?;
        if roots.is_empty() {
            let what = "the CA bundle holds no certificate";
            return Err(DnsError::setting(code, what));
        }
        builder = builder.tls_certs_only(roots);
    }
    builder
        .build()
        .map_err(|e| failed("cannot set up HTTPS", e))
}

/// A base URL without final slash; without a scheme it is HTTPS.
pub(crate) fn base_url(code: &'static str, text: &str) -> Result<Url, DnsError> {
    let text = text.trim().trim_end_matches('/');
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let wrong = || {
        DnsError::setting(
            code,
            "the URL is not one of http:// or https:// with a host",
        )
    };
    let url: Url = with_scheme.parse().map_err(|_| wrong())?;
    let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !usable || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        let what = "the URL must not carry a user name or password";
        return Err(DnsError::setting(code, what));
    }
    if is_link_local(&url) {
        let what = "the URL's address is link-local, where clouds keep their metadata";
        return Err(DnsError::setting(code, what));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        tracing::warn!(
            dns.provider = code,
            http.host = url.host_str(),
            "the DNS provider's credentials travel without TLS"
        );
    }
    Ok(url)
}

fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn is_link_local(url: &Url) -> bool {
    match address(url) {
        Some(IpAddr::V4(v4)) => v4.is_link_local(),
        Some(IpAddr::V6(v6)) => {
            let mapped = v6.to_ipv4_mapped().is_some_and(|v4| v4.is_link_local());
            mapped || v6.is_unicast_link_local()
        }
        None => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str() == Some("localhost") || address(url).is_some_and(|ip| ip.is_loopback())
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request and reads at most 4 MiB of the answer.
pub(crate) async fn send(
    code: &'static str,
    step: Step,
    request: RequestBuilder,
) -> Result<Reply, DnsError> {
    let failed = |e: reqwest::Error| {
        let what = if e.is_timeout() {
            "no answer in time"
        } else if e.is_connect() {
            "cannot connect"
        } else {
            "the connection failed"
        };
        // Without the URL: it may hold what should not be logged.
        DnsError::new(code, step, Fault::Network, what).caused_by(e.without_url())
    };
    let mut response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_LIMIT {
            let what = "the answer is longer than 4 MiB";
            return Err(DnsError::new(code, step, Fault::Provider, what).permanent());
        }
    }
    Ok(Reply {
        status,
        retry_after: retry_after(&headers),
        headers,
        body,
    })
}

/// Seconds of a `Retry-After` header; the date form is ignored.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_unless_they_say_otherwise() {
        let read = |text| base_url("pdns", text).map(|url| url.to_string());

        assert_eq!(
            read("dns.example:8081/pdns/").unwrap(),
            "https://dns.example:8081/pdns"
        );
        assert_eq!(
            read("http://127.0.0.1:8081").unwrap(),
            "http://127.0.0.1:8081/"
        );
        let metadata = ["http://169.254.169.254/", "http://[::ffff:169.254.169.254]"];
        for bad in ["", "ftp://x", "https://user:pw@x", "https://x/?a=b"]
            .into_iter()
            .chain(metadata)
        {
            let error = read(bad).unwrap_err();
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }
}
