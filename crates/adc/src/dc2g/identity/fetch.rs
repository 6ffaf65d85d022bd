//! Small documents of CAs over plain HTTP: OCSP responses and CRLs, which carry their own signatures.

use std::time::Duration;

use evercert_x509::tls::client_config;
use rustls::RootCertStore;

const CONNECT: Duration = Duration::from_secs(2);

/// A client for them: `http://` only, no proxy, no redirects.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher(reqwest::Client);

/// What to send.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Get,
    /// A body with its media type.
    Post(&'static str, Vec<u8>),
}

impl Fetcher {
    /// One that trusts no TLS server, as it never meets one.
    ///
    /// # Errors
    /// When the HTTP client cannot be made, which needs a broken system.
    pub(crate) fn new() -> Result<Self, String> {
        let tls = client_config(RootCertStore::empty(), None, &[]).map_err(|e| e.to_string())?;
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .build()
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// The body of a 200, up to `max` octets.
    ///
    /// # Errors
    /// In words.
    pub(crate) async fn fetch(
        &self,
        url: &str,
        ask: Ask,
        max: usize,
        limit: Duration,
    ) -> Result<Vec<u8>, String> {
        if !url.starts_with("http://") {
            return Err(format!("{url} is not an http:// URL"));
        }
        let request = match ask {
            Ask::Get => self.0.get(url),
            Ask::Post(kind, body) => self.0.post(url).header("content-type", kind).body(body),
        };
        let exchange = async {
            let mut response = request.send().await.map_err(|error| error.to_string())?;
            if response.status() != reqwest::StatusCode::OK {
                return Err(format!("{url} answered {}", response.status()));
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
                body.extend_from_slice(&chunk);
                if body.len() > max {
                    return Err(format!("{url} answered with more than {max} octets"));
                }
            }
            Ok(body)
        };
        let timed = tokio::time::timeout(limit, exchange).await;
        timed.unwrap_or_else(|_| Err(format!("{url} did not answer in time")))
    }
}
