//! The client side of the Console's REST API.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use evercert_api::{Page, Problem};
use evercert_types::Secret;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::output::Output;

/// Where `--help` shows how to reach a Console.
const HEADING: &str = "The Console";

/// Where the Console is, and who asks.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ClientArgs {
    /// The Console's URL.
    #[arg(
        long,
        env = "EVERCERT_URL",
        default_value = "https://127.0.0.1:8443",
        global = true,
        help_heading = HEADING
    )]
    url: String,
    /// File with an API token; without one, `EVERCERT_TOKEN` holds the token itself.
    #[arg(
        long,
        env = "EVERCERT_TOKEN_FILE",
        value_name = "FILE",
        global = true,
        help_heading = HEADING
    )]
    token_file: Option<PathBuf>,
    /// PEM file of the CA that the Console's certificate is checked against (DATA_DIR/console-ca.pem); default: the system's.
    #[arg(
        long,
        env = "EVERCERT_CACERT",
        value_name = "PEM",
        global = true,
        help_heading = HEADING
    )]
    cacert: Option<PathBuf>,
    /// How results are printed.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true,
        help_heading = crate::output::HEADING
    )]
    pub(crate) output: Output,
}

/// A connection to a Console.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret<String>,
}

impl ClientArgs {
    /// Reads token and CA, and makes the client.
    pub(crate) fn connect(&self) -> Result<Client> {
        let roots = match &self.cacert {
            Some(file) => Some(std::fs::read_to_string(file).with_context(|| {
                format!(
                    "reading the Console's CA from {} (--cacert, EVERCERT_CACERT)",
                    file.display()
                )
            })?),
            None => None,
        };
        Client::new(&self.url, self.token()?, roots.as_deref())
    }

    fn token(&self) -> Result<Secret<String>> {
        if let Some(file) = &self.token_file {
            let text = std::fs::read_to_string(file).with_context(|| {
                format!(
                    "reading the API token from {} (--token-file, EVERCERT_TOKEN_FILE)",
                    file.display()
                )
            })?;
            return Ok(Secret::new(text.trim().to_owned()));
        }
        match std::env::var("EVERCERT_TOKEN") {
            Ok(token) if !token.trim().is_empty() => Ok(Secret::new(token.trim().to_owned())),
            _ => bail!(
                "no API token: set EVERCERT_TOKEN or give --token-file FILE \
                 (`evercert console init --token-file FILE` makes the first one)"
            ),
        }
    }
}

impl Client {
    /// A client for the Console at `url`; `roots` in PEM, or the system's.
    pub(crate) fn new(url: &str, token: Secret<String>, roots: Option<&str>) -> Result<Self> {
        if !url.starts_with("https://") {
            bail!(
                "{url:?} is not a Console's URL: it begins with https://, as in https://127.0.0.1:8443 \
                 (--url, EVERCERT_URL)"
            );
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("evercert/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(90))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = roots {
            let roots = evercert_x509::tls::root_store(pem)
                .context("reading the Console's CA (--cacert, EVERCERT_CACERT)")?;
            let tls = evercert_x509::tls::client_config(roots, None, &[b"h2", b"http/1.1"])
                .context("preparing TLS")?;
            builder = builder.tls_backend_preconfigured(tls);
        }
        let http = builder.build().context("preparing the HTTP client")?;
        Ok(Self {
            http,
            base: format!("{}/api/v1", url.trim_end_matches('/')),
            token,
        })
    }

    /// Reads a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// Reads every page of a list; `path` has a query already.
    pub(crate) async fn all_pages<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let cursor_part = cursor.map_or_else(String::new, |cursor| {
                format!("&cursor={}", segment(&cursor))
            });
            let page: Page<T> = self.get(&format!("{path}{cursor_part}")).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Makes a resource, or does something to it.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Changes a resource.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Replaces a resource.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// Removes a resource.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        let _nothing: serde_json::Value = self.call(Method::DELETE, path, None::<&()>).await?;
        Ok(())
    }

    /// Removes a resource, and answers what came of it.
    pub(crate) async fn delete_for<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::DELETE, path, None::<&()>).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&self.base, error))?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .context("reading the Console's answer")?;
        if status.is_success() {
            let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
            return serde_json::from_slice(bytes)
                .context("the Console's answer is not what this version understands");
        }
        Err(refusal(status, &bytes))
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    serde_json::from_slice::<Problem>(body).map_or_else(
        |_| {
            let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
            anyhow::anyhow!(
                "HTTP {status} without a problem document; is this a Console's URL? {text}"
            )
        },
        anyhow::Error::new,
    )
}

fn unreachable(base: &str, error: reqwest::Error) -> anyhow::Error {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let last = causes.pop().unwrap_or_else(|| error.to_string());
    let hint = if last.contains("NotValidForName") || last.contains("not valid for name") {
        "; use a name of its certificate, or start the Console with --public-name"
    } else if last.contains("UnknownIssuer") || last.contains("certificate") {
        "; give the Console's CA with --cacert DATA_DIR/console-ca.pem"
    } else {
        "; is the Console running, and the URL right (--url, EVERCERT_URL)?"
    };
    anyhow::anyhow!("cannot reach the Console at {base}: {last}{hint}")
}

/// Makes text safe as one part of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_sent_without_tls() {
        for url in ["http://127.0.0.1:8443", "127.0.0.1:8443", ""] {
            let refused = Client::new(url, Secret::new("evc_x".to_owned()), None);

            let text = refused.err().map(|error| error.to_string());
            assert!(text.is_some_and(|t| t.contains("https://") && !t.contains("evc_x")));
        }
    }

    #[test]
    fn path_parts_are_escaped() {
        assert_eq!(segment("web/1 *"), "web%2F1%20%2A");
        assert_eq!(segment("*.example.com"), "%2A.example.com");
    }
}
