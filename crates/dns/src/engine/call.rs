//! One request of a description: its holes filled, said who asks, sent, answered, judged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evercert_types::{Secret, SharedClock};
use jiff::Timestamp;
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use super::answer::{Answer, Condition, plain, tree_of};
use super::description::{Auth, Description, FaultText, Mode};
use super::request::{FormText, Request};
use super::session::Session;
use super::template::Vars;
use super::zone::Found;
use crate::account::Account;
use crate::error::{DnsError, Fault, Step};
use crate::http;
use crate::otp;
use crate::zone_cache::ZoneCache;

/// How often a request is sent that was told to come later, or whose connection failed.
const TRIES: u32 = 3;
/// The longest wait that is waited here; a longer one is told to the caller.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A request before it is sent.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Draft {
    pub(crate) fn new(method: &str, url: Url) -> Self {
        Self {
            method: method.parse().unwrap_or(Method::GET),
            url,
            headers: Vec::new(),
            content_type: None,
            body: None,
        }
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn header(&mut self, name: &str, value: String) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }

    pub(crate) fn query(&self) -> Vec<(String, String)> {
        self.url
            .query_pairs()
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect()
    }
}

/// Speaks to one account of a described provider.
pub(crate) struct Caller {
    pub(crate) code: &'static str,
    pub(crate) description: &'static Description,
    pub(crate) client: Client,
    /// Without final slash.
    pub(crate) base: String,
    /// The settings, as `cred.<key>`.
    pub(crate) creds: Vars,
    pub(crate) secrets: Vec<Secret<String>>,
    pub(crate) clock: SharedClock,
    /// Of one request.
    pub(crate) timeout: Duration,
    pub(crate) session: Mutex<Option<Session>>,
    /// Held while logging in; the time step whose one-time password was used last.
    pub(crate) logging_in: tokio::sync::Mutex<Option<i64>>,
    pub(crate) account: Arc<Account>,
    pub(crate) zones: ZoneCache<Found>,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("code", &self.code)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// What a request is for: its step in errors, what its holes are filled with, the values of the set it writes.
#[derive(Clone, Copy)]
pub(crate) struct Purpose<'a> {
    pub(crate) step: Step,
    pub(crate) vars: &'a Vars,
    pub(crate) values: &'a [String],
    /// What counts as success beside the description's own rule.
    pub(crate) ok: &'a [Condition],
}

impl Caller {
    /// Sends a request as the account, logging in first where that is needed, and once more when the session is over.
    ///
    /// Answers whatever came; [`judge`](Self::judge) says what it means.
    pub(crate) async fn call(
        &self,
        request: &Request,
        purpose: Purpose<'_>,
        next: Option<Url>,
    ) -> Result<Answer, DnsError> {
        let session = self.log_in(purpose.step).await?;
        let answer = self.send(request, purpose, &session, next.clone()).await?;
        if !self.is_over(&answer) {
            return Ok(answer);
        }
        self.forget(&session);
        let session = self.log_in(purpose.step).await?;
        self.send(request, purpose, &session, next).await
    }

    /// Sends one request in a session; waits out what can be waited out.
    pub(crate) async fn send(
        &self,
        request: &Request,
        purpose: Purpose<'_>,
        session: &Session,
        next: Option<Url>,
    ) -> Result<Answer, DnsError> {
        // What was asked for twice is found twice; what was added twice may be there twice.
        let reads = matches!(purpose.step, Step::Check | Step::FindZone | Step::Read);
        let is_set = self.description.records.mode == Mode::Rrset;
        let repeatable = reads || request.method == "DELETE" || (is_set && request.method == "PUT");
        let mut attempt = 0;
        loop {
            attempt += 1;
            let last = attempt >= TRIES;
            let draft = self.draft(request, purpose, session, next.clone())?;
            let place = self.account.place().await;
            let sent = http::send(self.code, purpose.step, self.build(draft)).await;
            drop(place);
            let reply = match sent {
                Ok(reply) => reply,
                // Whether a POST was carried out is not known: whoever asked reads first.
                Err(error) if last || !repeatable || !error.is_retryable() => return Err(error),
                Err(_) => {
                    tokio::time::sleep(pause(attempt, None)).await;
                    continue;
                }
            };
            let busy = matches!(reply.status.as_u16(), 429 | 502 | 503 | 504);
            let refused_unseen = reply.status == StatusCode::TOO_MANY_REQUESTS
                || reply.status == StatusCode::SERVICE_UNAVAILABLE;
            let wait = pause(attempt, reply.retry_after);
            if busy && !last && (repeatable || refused_unseen) && wait <= LONGEST_WAIT {
                tokio::time::sleep(wait).await;
                continue;
            }
            let text = reply.text();
            return Ok(Answer {
                status: reply.status,
                tree: tree_of(
                    request.answers.unwrap_or(self.description.http.answers),
                    &text,
                ),
                headers: reply.headers,
                text,
            });
        }
    }

    fn build(&self, draft: Draft) -> reqwest::RequestBuilder {
        let mut request = self
            .client
            .request(draft.method, draft.url)
            .timeout(self.timeout);
        if let Some(content_type) = draft.content_type {
            request = request.header("Content-Type", content_type);
        }
        for (name, value) in draft.headers {
            request = request.header(name, value);
        }
        match draft.body {
            Some(body) => request.body(body),
            None => request,
        }
    }

    fn draft(
        &self,
        request: &Request,
        purpose: Purpose<'_>,
        session: &Session,
        next: Option<Url>,
    ) -> Result<Draft, DnsError> {
        let now = self.clock.now();
        let vars = self.vars(purpose.vars, session, now);
        let auth = self.auth();
        let is_next = next.is_some();
        let url = match next {
            Some(url) => url,
            None => self.url(request, &vars)?,
        };
        let mut draft = Draft::new(&request.method, url);
        let query = request
            .query
            .iter()
            .filter(|_| !is_next)
            .chain(auth.iter().flat_map(|auth| &auth.query));
        let mut query: Vec<(String, String)> =
            query.map(|(k, v)| (k.clone(), v.render(&vars))).collect();
        query.extend(each_value(request, &vars, purpose.values));
        for (key, value) in query {
            // A page that is asked for replaces the first page's parameter.
            if !draft.query().iter().any(|(known, _)| *known == key) {
                draft.url.query_pairs_mut().append_pair(&key, &value);
            }
        }
        let texts = self
            .description
            .http
            .headers
            .iter()
            .chain(auth.iter().flat_map(|auth| &auth.headers));
        for (name, text) in texts.chain(&request.headers) {
            draft.header(name, text.render(&vars));
        }
        for (name, text) in self
            .description
            .login
            .iter()
            .flat_map(|login| &login.headers)
            // The log-in itself has nothing to show yet.
            .filter(|_| !session.kept.is_empty())
        {
            draft.header(name, text.render(&vars));
        }
        if let Some(basic) = &request.basic {
            draft.header("Authorization", basic.render(&vars));
        }
        self.put_body(&mut draft, request, purpose, &vars);
        if let Some(auth) = auth.filter(|_| request.basic.is_none()) {
            self.authenticate(&mut draft, auth, &vars, now);
        }
        Ok(draft)
    }

    pub(crate) fn url(&self, request: &Request, vars: &Vars) -> Result<Url, DnsError> {
        let path = request
            .path
            .as_ref()
            .map(|path| path.render(vars))
            .unwrap_or_default();
        let text = match path.contains("://") {
            true => path,
            false => format!("{}{path}", self.base),
        };
        text.parse().map_err(|_| {
            DnsError::setting(
                self.code,
                "a URL of the provider cannot be built from the settings",
            )
        })
    }

    fn put_body(&self, draft: &mut Draft, request: &Request, purpose: Purpose<'_>, vars: &Vars) {
        let auth = self.auth();
        let mut put = |content_type: &str, body: Vec<u8>| {
            draft.content_type = Some(content_type.to_owned());
            draft.body = Some(body);
        };
        if let Some(json) = &request.json {
            let mut body = json.render(vars, purpose.values);
            if let Value::Object(map) = &mut body {
                let extra = auth.iter().flat_map(|auth| &auth.json);
                map.extend(extra.map(|(key, text)| (key.clone(), text.render_json(vars))));
            }
            put("application/json", body.to_string().into_bytes());
        } else if let Some(form) = &request.form {
            let extra = auth
                .iter()
                .flat_map(|auth| &auth.form)
                .map(|(key, text)| (key.clone(), text.render(vars)));
            let own = form
                .iter()
                .map(|(key, value)| (key.clone(), form_value(value, vars, purpose.values)));
            let pairs: BTreeMap<String, String> = own.chain(extra).collect();
            put(
                "application/x-www-form-urlencoded",
                encode_form(&pairs).into_bytes(),
            );
        } else if let Some(call) = &request.xmlrpc {
            let body = call.render(vars, purpose.values);
            put("text/xml; charset=utf-8", body.into_bytes());
        } else if let Some(xml) = &request.xml {
            put("text/xml; charset=utf-8", xml.render(vars).into_bytes());
        } else if let Some(text) = &request.text {
            put("text/plain; charset=utf-8", text.render(vars).into_bytes());
        }
    }

    fn authenticate(&self, draft: &mut Draft, auth: &Auth, vars: &Vars, now: Timestamp) {
        if let Some(basic) = &auth.basic {
            draft.header("Authorization", basic.render(vars));
        }
        if let Some(signer) = auth.signer {
            signer.sign(draft, &self.creds, now, &nonce());
        }
    }

    /// The first way to authenticate whose settings are all there.
    fn auth(&self) -> Option<&'static Auth> {
        let given = |key: &String| {
            self.creds
                .get(&format!("cred.{key}"))
                .is_some_and(|value| !value.is_empty())
        };
        self.description
            .http
            .auth
            .iter()
            .find(|auth| auth.when.iter().all(given))
    }

    fn vars(&self, own: &Vars, session: &Session, now: Timestamp) -> Vars {
        let mut vars = self.creds.clone();
        vars.extend(
            session
                .kept
                .iter()
                .map(|(key, value)| (format!("session.{key}"), value.clone())),
        );
        vars.insert("now".to_owned(), now.as_second().to_string());
        for field in self.description.fields.iter().filter(|field| field.totp) {
            let secret = self.creds.get(&format!("cred.{}", field.key));
            let code = secret.and_then(|secret| otp::code(secret, now));
            vars.insert(format!("totp.{}", field.key), code.unwrap_or_default());
        }
        vars.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
        vars
    }

    /// Whether the session was ended by the other side.
    fn is_over(&self, answer: &Answer) -> bool {
        let logins = self.description.login.iter();
        let mut told = logins.filter_map(|login| login.expired.as_ref());
        // Without a log-in of these settings, nothing can be over: the credentials are not accepted.
        let logs_in = (self.description.login.iter()).any(|login| self.is_wanted(login));
        logs_in
            && (answer.status == StatusCode::UNAUTHORIZED
                || told.any(|expired| expired.holds(answer)))
    }

    /// Whether an answer is a success; the error that it is otherwise.
    pub(crate) fn judge(&self, answer: &Answer, purpose: Purpose<'_>) -> Result<(), DnsError> {
        let rules = match purpose.ok {
            [] => self.description.http.ok.as_slice(),
            own => own,
        };
        let names_status = rules.iter().any(|rule| !rule.status.is_empty());
        let status = names_status || answer.status.is_success();
        if status && answer.tree.is_some() && rules.iter().all(|rule| rule.holds(answer)) {
            return Ok(());
        }
        Err(self.refusal(answer, purpose.step))
    }

    /// What an answer other than success means.
    pub(crate) fn refusal(&self, answer: &Answer, step: Step) -> DnsError {
        let http = &self.description.http;
        let tree = answer.tree.as_ref();
        let code = http.code.iter().find_map(|path| path.text_in(answer));
        let words: Vec<String> = (http.message.iter())
            .flat_map(|path| tree.map(|tree| path.values(tree)).unwrap_or_default())
            .filter_map(plain)
            .filter(|text| !text.is_empty())
            .collect();
        let is_explained = code.is_some() || !words.is_empty();
        let words = match words.is_empty() {
            true => answer.text.clone(),
            false => words.join("; "),
        };
        let meaning = http
            .meanings
            .iter()
            .find(|meaning| meaning.when.holds(answer));
        let fault = meaning.map_or_else(|| by_status(answer), |meaning| meaning.fault);
        let (fault, what, permanent) = match fault {
            FaultText::Clock => (
                Fault::Clock,
                "the time of the request is not accepted",
                true,
            ),
            FaultText::Credentials => {
                (Fault::Credentials, "the credentials are not accepted", true)
            }
            FaultText::Permission => (Fault::Permission, "the credentials may not do this", true),
            FaultText::Busy => (Fault::Provider, "the service is busy or failed", false),
            FaultText::Refused
                if tree.is_none()
                    || (answer.status.is_success() && (!is_explained || is_page(&answer.text))) =>
            {
                (
                    Fault::Provider,
                    "the answer is not what this service answers",
                    false,
                )
            }
            FaultText::Refused => (Fault::Provider, "the service refused", true),
            FaultText::Zone => (
                Fault::Zone,
                "the service does not hold this zone or record",
                true,
            ),
        };
        let status = match code {
            Some(code) => format!("HTTP {}, code {code}", answer.status.as_u16()),
            None => format!("HTTP {}", answer.status.as_u16()),
        };
        let secrets = self.masked();
        let error = DnsError::new(self.code, step, fault, what)
            .with_status(status)
            .with_words(&words, &secrets.iter().collect::<Vec<_>>())
            .with_retry_after(http::retry_after(&answer.headers));
        let error = if permanent { error.permanent() } else { error };
        match meaning.and_then(|meaning| meaning.remedy.as_ref()) {
            Some(remedy) => error.with_remedy(remedy),
            None => error,
        }
    }

    /// Everything that must not be shown: secret settings and what the session keeps.
    fn masked(&self) -> Vec<Secret<String>> {
        let session = self
            .session
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let kept = session
            .iter()
            .flat_map(|session| session.kept.values().cloned().map(Secret::new));
        self.secrets
            .iter()
            .cloned()
            .chain(kept.collect::<Vec<_>>())
            .collect()
    }
}

/// Whether a body is a page for people, which a service or somebody in between shows in place of an answer.
fn is_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(14).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// What a status means where the description says nothing.
fn by_status(answer: &Answer) -> FaultText {
    match answer.status.as_u16() {
        401 => FaultText::Credentials,
        403 => FaultText::Permission,
        404 => FaultText::Zone,
        408 | 425 | 429 | 500..=599 => FaultText::Busy,
        _ => FaultText::Refused,
    }
}

fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    asked.unwrap_or_else(|| Duration::from_millis(250 << attempt.min(6)))
}

/// The parameters that come once for each value of a set.
fn each_value(request: &Request, vars: &Vars, values: &[String]) -> Vec<(String, String)> {
    let numbered = values.iter().enumerate().map(|(number, value)| {
        let mut vars = vars.clone();
        vars.insert("v".to_owned(), value.clone());
        vars.insert("i".to_owned(), number.to_string());
        let pairs = request.query_each.iter();
        let pairs =
            pairs.map(|(key, text)| (key.replace("{i}", &number.to_string()), text.render(&vars)));
        pairs.collect::<Vec<_>>()
    });
    numbered.flatten().collect()
}

fn form_value(value: &FormText, vars: &Vars, values: &[String]) -> String {
    match value {
        FormText::Text(text) => text.render(vars),
        FormText::Json { json } => json.render(vars, values).to_string(),
    }
}

fn encode_form(pairs: &BTreeMap<String, String>) -> String {
    let encoded = pairs.iter().map(|(key, value)| {
        format!(
            "{}={}",
            super::template::percent(key),
            super::template::percent(value)
        )
    });
    encoded.collect::<Vec<_>>().join("&")
}

/// Twenty random digits for signatures.
fn nonce() -> String {
    let mut octets = [0u8; 10];
    // Without randomness a nonce of zeros is refused by the server as used: nothing is signed twice alike.
    if aws_lc_rs::rand::fill(&mut octets).is_err() {
        tracing::warn!("no randomness for a nonce");
    }
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
