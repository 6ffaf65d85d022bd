//! The one way this crate speaks HTTP: time limits, own user agent, no redirects, small bodies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, StatusCode, Url};

use tokio::time::Instant;

use crate::breaker::Breakers;
use crate::error::{DnsError, Fault, Step};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No answer that is needed is longer.
const BODY_LIMIT: usize = 4 << 20;
const USER_AGENT: &str = concat!("evercert/", env!("CARGO_PKG_VERSION"));

/// Where clouds tell a machine's own credentials, beside all link-local addresses: Azure, Alibaba, Oracle.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// The same of Amazon and of Google.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// A client for the URL that trusts the system's roots, or only the given PEM bundle.
///
/// It does not connect to where clouds keep their metadata, whatever a name's address is. Proxies of the environment are
/// used, but not towards this host itself. Clients that trust the system's roots are the same for all providers: to read
/// some 140 certificates for each takes longer than most requests.
pub(crate) fn client(
    code: &'static str,
    url: &Url,
    ca_bundle: Option<&str>,
) -> Result<Client, DnsError> {
    static DIRECT: OnceLock<Client> = OnceLock::new();
    static BY_ENVIRONMENT: OnceLock<Client> = OnceLock::new();

    let make = || builder(url).dns_resolver(Arc::new(NoMetadata));
    if ca_bundle.is_some() {
        return built(code, make(), ca_bundle);
    }
    let shared = match is_direct(url) {
        true => &DIRECT,
        false => &BY_ENVIRONMENT,
    };
    if let Some(client) = shared.get() {
        return Ok(client.clone());
    }
    let client = built(code, make(), None)?;
    Ok(shared.get_or_init(|| client).clone())
}

/// A client for the metadata service of a cloud, asked directly.
pub(crate) fn metadata_client(code: &'static str, url: &Url) -> Result<Client, DnsError> {
    built(code, builder(url), None)
}

fn builder(url: &Url) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none());
    match is_direct(url) {
        true => builder.no_proxy(),
        false => builder,
    }
}

/// Whether no proxy of the environment stands between.
fn is_direct(url: &Url) -> bool {
    is_loopback(url) || is_metadata(url)
}

fn built(
    code: &'static str,
    mut builder: ClientBuilder,
    ca_bundle: Option<&str>,
) -> Result<Client, DnsError> {
    let failed = |what: &str, e: reqwest::Error| DnsError::setting(code, what).caused_by(e);
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
    if is_metadata(&url) {
        let what = "the URL's address is one where clouds keep their metadata";
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

fn is_metadata(url: &Url) -> bool {
    address(url).is_some_and(is_metadata_address)
}

/// Whether a cloud may keep its metadata there: no DNS provider has such an address.
fn is_metadata_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_metadata_address(v4.into()),
            None => v6.is_unicast_link_local() || METADATA_V6.contains(&v6),
        },
    }
}

/// The system's addresses of a name, without those where clouds keep their metadata.
#[derive(Debug)]
struct NoMetadata;

impl Resolve for NoMetadata {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(usable(found.collect()).map(|usable| Box::new(usable.into_iter()) as _)?)
        })
    }
}

fn usable(mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, std::io::Error> {
    found.retain(|address| !is_metadata_address(address.ip()));
    match found.is_empty() {
        true => Err(std::io::Error::other(
            "the name has no address that a DNS provider may have",
        )),
        false => Ok(found),
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
    let (client, request) = request.build_split();
    let request = request.map_err(failed)?;
    let host = format!("{code} {}", request.url().authority());
    let breakers = Breakers::of_process();
    if let Err(rest) = breakers.admit(&host, Instant::now()) {
        let what = "the last five requests got no answer; for some seconds none is sent";
        return Err(DnsError::new(code, step, Fault::Network, what).with_retry_after(Some(rest)));
    }
    let sent = client.execute(request).await;
    match &sent {
        Ok(_) => breakers.answered(&host),
        Err(_) => breakers.failed(&host, Instant::now()),
    }
    let mut response = sent.map_err(failed)?;
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

/// How long a `Retry-After` header asks to wait; a date is counted from the answer's own (RFC 9110 §10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = date(headers, RETRY_AFTER)?.duration_since(date(headers, DATE)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text.trim())
        .ok()
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
        let metadata = [
            "http://169.254.169.254/",
            "http://[::ffff:169.254.169.254]",
            "https://100.100.100.200",
            "https://[fd00:ec2::254]",
            "https://[fe80::1]/",
        ];
        for bad in ["", "ftp://x", "https://user:pw@x", "https://x/?a=b"]
            .into_iter()
            .chain(metadata)
        {
            let error = read(bad).unwrap_err();
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_name_that_leads_to_a_cloud_s_metadata_is_not_followed_there() {
        let metadata: SocketAddr = "169.254.169.254:0".parse().unwrap();
        let service: SocketAddr = "192.0.2.1:0".parse().unwrap();

        assert_eq!(usable(vec![metadata, service]).unwrap(), [service]);
        assert!(usable(vec![metadata]).is_err());
    }

    #[test]
    fn the_time_to_wait_is_given_in_seconds_or_as_a_date() {
        let asked = |retry_after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            super::retry_after(&headers).map(|wait| wait.as_secs())
        };
        let (now, later) = (
            "Sat, 21 Nov 2026 17:00:00 GMT",
            "Sat, 21 Nov 2026 17:01:30 GMT",
        );

        assert_eq!(asked("120", None), Some(120));
        assert_eq!(asked(later, Some(now)), Some(90));
        assert_eq!(asked(now, Some(later)), Some(0));
        assert_eq!(asked(later, None), None);
        assert_eq!(asked("soon", Some(now)), None);
    }
}
