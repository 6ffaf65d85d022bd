//! A web site as a person uses it: cookies, one request after the other, pages of one megabyte at most.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use evercert_types::Secret;
use reqwest::RequestBuilder;
use reqwest::header::SET_COOKIE;

use crate::account::{Pace, Rate};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::native::api::{Api, Repeat};
use crate::provider::{Context, Field};
use crate::setting::Reader;

/// No page that is read is longer.
const PAGE_LIMIT: usize = 1 << 20;
/// Characters of a page's text that are shown when it is not understood.
const EXTRACT: usize = 300;

/// As fast as a person at most.
const PACE: Pace = Pace {
    at_once: 1,
    rate: Some(Rate {
        requests: 1,
        within: Duration::from_millis(1_500),
    }),
};

/// What the settings of such providers have in common.
pub(super) const USER: Field = Field::text(
    "user",
    "User name",
    "Name with which one logs in at the web site.",
);
pub(super) const PASSWORD: Field =
    Field::text("password", "Password", "Password of the web site.").secret();

/// One account at one web site.
#[derive(Debug)]
pub(super) struct HtmlSession {
    pub(super) api: Api,
    pub(super) user: String,
    pub(super) password: Secret<String>,
    /// By the host that gave it, or the domain that it named, and by name.
    cookies: Mutex<BTreeMap<(String, String), String>>,
    /// Held from the log-in to the last page: sites know one page at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl HtmlSession {
    pub(super) fn new(
        code: &'static str,
        reader: &Reader<'_>,
        site: &str,
        context: &Context,
    ) -> Result<Self, DnsError> {
        // Held until the account of the first request is the same.
        let _account = context.accounts.account(PACE);
        let base = reader.text("base_url").unwrap_or(site);
        let mut api = Api::new(code, base, reader.text("ca_bundle"), context)?;
        let password = reader.secret("password").unwrap_or_default();
        api.secrets = vec![password.clone()];
        Ok(Self {
            api,
            user: reader.required("user")?.to_owned(),
            password,
            cookies: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Reads a page.
    pub(super) async fn get(&self, step: Step, path: &str) -> Result<Reply, DnsError> {
        let url = format!("{}{path}", self.api.base);
        self.send(step, Repeat::Always, || self.api.client.get(&url))
            .await
    }

    /// Sends a form.
    pub(super) async fn post(
        &self,
        step: Step,
        repeat: Repeat,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<Reply, DnsError> {
        let url = format!("{}{path}", self.api.base);
        self.send(step, repeat, || self.api.client.post(&url).form(form))
            .await
    }

    /// Sends whatever is made, with the cookies, and keeps those that come.
    pub(super) async fn send(
        &self,
        step: Step,
        repeat: Repeat,
        make: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<Reply, DnsError> {
        let host = make()
            .build()
            .ok()
            .and_then(|request| request.url().host_str().map(str::to_owned))
            .unwrap_or_default();
        let cookies = self.cookies(&host);
        let complete = || {
            let request = make().header("Accept-Language", "en-US,en;q=0.5");
            match cookies.is_empty() {
                true => request,
                false => request.header("Cookie", &cookies),
            }
        };
        let reply = self.api.send(step, repeat, complete).await?;
        if reply.body.len() > PAGE_LIMIT {
            let what = "a page of the web site is longer than 1 MiB";
            return Err(DnsError::new(self.api.code, step, Fault::Provider, what).permanent());
        }
        // Half a list would be taken for one that ends there.
        let body = reply.body.trim_ascii();
        if reply.status.is_success() && body.starts_with(b"<") && !body.ends_with(b">") {
            return Err(self.strange(step, &reply));
        }
        self.keep(&host, &reply);
        Ok(reply)
    }

    /// Those that the host may see (RFC 6265 §5.1.3).
    fn cookies(&self, host: &str) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = cookies
            .iter()
            .filter(|((domain, _), _)| domain == host || crate::name::is_within(host, domain))
            .map(|((_, name), value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, host: &str, reply: &Reply) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let set = reply.headers.get_all(SET_COOKIE).iter();
        for cookie in set.filter_map(|cookie| cookie.to_str().ok()) {
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let (mut domain, mut is_over) = (host.to_owned(), false);
            for (key, value) in parts.filter_map(|part| part.split_once('=')) {
                let value = value.trim().trim_start_matches('.');
                match key.trim().to_ascii_lowercase().as_str() {
                    "domain" if crate::name::is_within(host, value) => {
                        domain = value.to_ascii_lowercase();
                    }
                    "max-age" => is_over = value.parse::<i64>().is_ok_and(|left| left <= 0),
                    _ => {}
                }
            }
            let key = (domain, name.trim().to_owned());
            match is_over {
                true => cookies.remove(&key),
                false => cookies.insert(key, value.trim().to_owned()),
            };
        }
    }

    pub(super) fn has_cookie(&self, name: &str) -> bool {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.keys().any(|(_, known)| known == name)
    }

    /// Whether the site knows us, as far as we know.
    pub(super) fn is_known(&self) -> bool {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        !cookies.is_empty()
    }

    /// Forgets who is logged in.
    pub(super) fn forget(&self) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.clear();
    }

    /// A page that is not as it was expected, with its first words.
    pub(super) fn strange(&self, step: Step, reply: &Reply) -> DnsError {
        let pieces = super::markup::pieces(&reply.text());
        let texts = pieces.into_iter().filter_map(|piece| match piece {
            super::markup::Piece::Text(text) => Some(text),
            _ => None,
        });
        let words: String = texts
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(EXTRACT)
            .collect();
        let what = "the page is not what this service answers";
        self.api
            .error(step, Fault::Provider, what, reply, &words)
            .with_remedy("the web site may have changed; tell the makers of Evercert, and use another DNS provider for the challenge names meanwhile")
    }

    /// An error that the page tells.
    pub(super) fn told(
        &self,
        step: Step,
        fault: Fault,
        what: &str,
        reply: &Reply,
        words: &str,
    ) -> DnsError {
        let error = self.api.error(step, fault, what, reply, words);
        error.permanent()
    }
}
