//! NITRO over TLS: log in, keep the session, log in again when it has expired.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use evercert_types::Secret;
use serde_json::{Value as Json, json};

use crate::shell::pin::Pin;
use crate::shell::wire::{Exchange, LIMIT, Raw, Reply, WARNING};

/// Whom the ADC must be, and who asks.
pub(crate) struct Login {
    /// `https://host:port`.
    pub(crate) url: String,
    /// The user.
    pub(crate) user: String,
    /// The user's password.
    pub(crate) password: Secret<String>,
    /// How the ADC's certificate is checked.
    pub(crate) trust: Trust,
}

/// How an ADC's certificate is checked.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// By the system's CAs.
    System,
    /// By the CAs of this PEM text.
    Roots(String),
    /// It is the one with this SHA-256.
    Pinned(Pin),
}

/// An ADC where somebody is logged in.
pub(crate) struct Remote {
    http: reqwest::Client,
    base: String,
    user: String,
    password: Secret<String>,
    token: Mutex<Secret<String>>,
}

impl Remote {
    /// Logs in.
    pub(crate) async fn connect(login: Login) -> Result<Self> {
        let Some(host) = login.url.strip_prefix("https://").filter(|h| !h.is_empty()) else {
            bail!(
                "{:?} is not the address of an ADC: it begins with https://, as in https://192.0.2.10:443 (--nitro)",
                login.url
            );
        };
        let remote = Self {
            http: client(&login.trust)?,
            base: format!("https://{}", host.trim_end_matches('/')),
            user: login.user,
            password: login.password,
            token: Mutex::new(Secret::new(String::new())),
        };
        remote.log_in().await?;
        Ok(remote)
    }

    /// Asks; when the session has expired, after logging in anew.
    pub(super) async fn exchange(&self, exchange: &Exchange) -> Result<Raw> {
        let raw = self.ask(exchange).await?;
        let expired = raw.status == 401
            && Reply::read(&raw).is_ok_and(|reply| matches!(reply.code, 444 | 1027));
        if !expired {
            return Ok(raw);
        }
        self.log_in().await?;
        self.ask(exchange).await
    }

    /// Ends the session.
    pub(crate) async fn log_out(&self) -> Result<()> {
        self.ask(&post("logout", json!({}))?).await.map(drop)
    }

    async fn log_in(&self) -> Result<()> {
        let credentials = json!({"username": self.user, "password": self.password.expose()});
        let raw = self.ask(&post("login", credentials)?).await?;
        let reply = Reply::read(&raw)?;
        if reply.code != 0 {
            bail!("the ADC does not log {} in: {}", self.user, reply.message);
        }
        let Some(Json::String(token)) = reply.members.get("sessionid") else {
            bail!("the ADC's answer to the log-in has no sessionid");
        };
        *self.lock() = Secret::new(token.clone());
        Ok(())
    }

    async fn ask(&self, exchange: &Exchange) -> Result<Raw> {
        let method = reqwest::Method::from_bytes(exchange.method.as_bytes())
            .context("preparing the request")?;
        let mut request = self
            .http
            .request(method, format!("{}{}", self.base, exchange.target))
            .header("content-type", "application/json");
        let token = self.lock().expose().clone();
        if !token.is_empty() {
            request = request.header("cookie", format!("NITRO_AUTH_TOKEN={}", encoded(&token)));
        }
        if let Some(body) = &exchange.body {
            request = request.body(body.clone());
        }
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&self.base, &error))?;
        let warnings = response.headers().get_all(WARNING).iter();
        let warnings = warnings
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect();
        let status = response.status().as_u16();
        let body = response.bytes().await.context("reading the ADC's answer")?;
        Ok(Raw {
            status,
            warnings,
            body: body.to_vec(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Secret<String>> {
        self.token
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.user, self.base)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({self})")
    }
}

fn client(trust: &Trust) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("evercert/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .timeout(LIMIT)
        .redirect(reqwest::redirect::Policy::none());
    let builder = match trust {
        Trust::System => builder,
        Trust::Roots(pem) => {
            let roots = evercert_x509::tls::root_store(pem).context("reading --ca")?;
            let tls = evercert_x509::tls::client_config(roots, None, &[b"http/1.1"])
                .context("preparing TLS")?;
            builder.tls_backend_preconfigured(tls)
        }
        Trust::Pinned(pin) => builder.tls_backend_preconfigured(pin.client_config()?),
    };
    builder.build().context("preparing the HTTP client")
}

fn post(kind: &str, object: Json) -> Result<Exchange> {
    Ok(Exchange {
        method: "POST",
        target: format!("/nitro/v1/config/{kind}"),
        body: Some(serde_json::to_string(&json!({ kind: object })).context("writing the request")?),
    })
}

/// `#` and `%` may not stand in a cookie as they are.
fn encoded(token: &str) -> String {
    token.replace('%', "%25").replace('#', "%23")
}

fn unreachable(base: &str, error: &reqwest::Error) -> anyhow::Error {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    let last = last.to_string();
    let hint = if last.contains("ertificate") || last.contains("UnknownIssuer") {
        "; give its CA with --ca FILE, or the SHA-256 of its certificate with --fingerprint"
    } else {
        "; is the address right (--nitro), and NITRO switched on there?"
    };
    anyhow::anyhow!("cannot reach the ADC at {base}: {last}{hint}")
}
