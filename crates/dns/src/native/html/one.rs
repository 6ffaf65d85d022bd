//! one.com: the log-in of account.one.com (Keycloak) on behalf of the control panel, then the panel's own JSON.

use std::time::Duration;

use async_trait::async_trait;
use evercert_types::{Secret, SharedClock};
use reqwest::header::LOCATION;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::markup::{Piece, pieces};
use super::session::{HtmlSession, PASSWORD, USER};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::native::api::{Repeat, relative};
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Provider, Receipt, Settings, TxtTarget,
};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};
use crate::zone::is_public_suffix;
use crate::{name, otp, txt};

const CODE: &str = "one";
const DEFAULT_TTL: u32 = 600;
/// From the panel to the log-in and back; a browser gives up at about the same number.
const MOST_REDIRECTS: usize = 10;
/// What the panel says of a domain that is not the account's.
const NO_DOMAIN: &str = "CRMRST_000302";

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "one.com",
    docs: "https://www.one.com/admin/",
    least_privilege: Some(
        "The control panel's log-in is used, there is no other. Unofficial, may break. A guest user who may only edit DNS is enough.",
    ),
    notes: &[
        "one.com has no interface for programs: Evercert logs in as the control panel's web site does (Keycloak at account.one.com, as several public programs did from 2022 to 2025) and then uses the panel's own JSON. acme.sh's script still uses the log-in that was switched off before 2023.",
        "Of an account with several domains the panel shows one at a time; Evercert chooses the one it needs.",
        "A second factor by authenticator app is supported, others are not. Whether one.com asks programs for more, such as a captcha, is not known; this provider is among the least certain.",
    ],
    fields: &[
        USER.env(&["ONECOM_User"], &[]),
        PASSWORD.env(&["ONECOM_Password"], &[]),
        Field::text(
            "otp_secret",
            "Two-factor secret",
            "Secret of the authenticator app in Base32, where the account has such; confirmation by text message or by one.com's own app cannot be automated.",
        )
        .secret()
        .optional(),
        Field::text(
            "login_url",
            "Log-in URL",
            "Base URL of the log-in pages, where it is not the service's own.",
        )
        .optional(),
        BASE_URL,
        CA_BUNDLE,
        TTL,
    ],
    one_of: &[],
    unofficial: true,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    default_ttl: DEFAULT_TTL,
    propagation_limit: Duration::from_secs(600),
    ..super::CAPS
};

#[derive(Debug)]
struct One {
    site: HtmlSession,
    /// The other place that may be sent what the panel's log-in needs.
    login: Url,
    otp_secret: Option<Secret<String>>,
    clock: SharedClock,
    ttl: u32,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let otp_secret = reader.secret("otp_secret");
    if otp_secret
        .as_ref()
        .is_some_and(|secret| !otp::is_secret(secret.expose()))
    {
        return Err(reader.error("otp_secret is no one-time password secret in Base32"));
    }
    let login = reader
        .text("login_url")
        .unwrap_or("https://account.one.com");
    let mut site = HtmlSession::new(CODE, &reader, "https://www.one.com", context)?;
    site.api.secrets.extend(otp_secret.clone());
    Ok(Box::new(One {
        site,
        login: crate::http::base_url(CODE, login)?,
        otp_secret,
        clock: context.clock.clone(),
        ttl: reader.ttl("ttl", DEFAULT_TTL)?,
    }))
}

/// A TXT record of the panel's list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    id: String,
    prefix: String,
    value: String,
}

/// A domain and its records.
#[derive(Debug)]
struct Zone {
    name: String,
    records: Vec<Listed>,
}

#[async_trait]
impl Provider for One {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _turn = self.site.turn.lock().await;
        let zone = self.zone(Step::FindZone, target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(&zone.name);
        if let Some(there) = zone.matching(target).first() {
            return Ok(receipt(&zone.name, there.id.clone(), false));
        }
        let record = json!({
            "type": "dns_custom_records",
            "attributes": {
                "priority": 0,
                "ttl": target.ttl.unwrap_or(self.ttl),
                "type": "TXT",
                "prefix": relative(&target.fqdn, &zone.name),
                "content": target.value,
            },
        });
        let path = records_path(&zone.name);
        let reply = self
            .ask(Step::Add, Method::POST, &path, Some(&record))
            .await
            .map_err(at)?;
        let answer = self.read(Step::Add, &reply).map_err(at)?;
        match text(&answer["result"]["data"]["id"]) {
            Some(id) => Ok(receipt(&zone.name, id, true)),
            None => Err(at(self.site.strange(Step::Add, &reply))),
        }
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let _turn = self.site.turn.lock().await;
        let zone = self.zone(Step::FindZone, target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(&zone.name);
        for record in zone.matching(target) {
            let path = format!("{}/{}", records_path(&zone.name), record.id);
            let reply = self
                .ask(Step::Remove, Method::DELETE, &path, None)
                .await
                .map_err(at)?;
            if reply.status.as_u16() != 404 {
                self.read(Step::Remove, &reply).map_err(at)?;
            }
        }
        Ok(())
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let _turn = self.site.turn.lock().await;
        self.site.forget();
        self.log_in(Step::Check).await?;
        let mut report = CheckReport {
            zone: None,
            notes: vec!["one.com accepts the log-in.".to_owned()],
        };
        if let Some(name) = name {
            let zone = self.zone(Step::Check, &TxtTarget::new(name, "")).await?;
            let note = format!("It holds {}, whose records can be read.", zone.name);
            report.notes.push(note);
            report.zone = Some(zone.name);
        }
        Ok(report)
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

fn receipt(zone: &str, id: String, created: bool) -> Receipt {
    Receipt {
        zone: zone.to_owned(),
        record_ids: vec![id],
        created,
        ..Receipt::default()
    }
}

fn records_path(zone: &str) -> String {
    format!("/admin/api/domains/{zone}/dns/custom_records")
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Zone {
    fn matching(&self, target: &TxtTarget) -> Vec<&Listed> {
        let sub = relative(&target.fqdn, &self.name);
        let ours = |record: &&Listed| {
            record.value == target.value && record.prefix.eq_ignore_ascii_case(sub)
        };
        self.records.iter().filter(ours).collect()
    }
}

impl One {
    /// The longest domain of the account that holds the name, with its TXT records.
    async fn zone(&self, step: Step, target: &TxtTarget) -> Result<Zone, DnsError> {
        let hint = target.zone_hint.as_deref().map(name::canonical);
        let candidates: Vec<&str> = match &hint {
            Some(hint) => vec![hint],
            None => name::suffixes(&target.fqdn)
                .filter(|one| !one.starts_with('_'))
                .take_while(|one| one.contains('.') && !is_public_suffix(one))
                .collect(),
        };
        for candidate in candidates {
            if let Some(records) = self.records(step, candidate).await? {
                let name = candidate.to_owned();
                return Ok(Zone { name, records });
            }
        }
        Err(self.site.api.no_zone(&target.fqdn, hint.as_deref()))
    }

    /// The TXT records of a domain; `None`: the account has no such domain.
    async fn records(&self, step: Step, domain: &str) -> Result<Option<Vec<Listed>>, DnsError> {
        let path = records_path(domain);
        let mut reply = self.ask(step, Method::GET, &path, None).await?;
        if !reply.status.is_success() && is_about_domain(&reply) {
            // The panel of an account with several domains is about one of them at a time.
            let base = &self.site.api.base;
            let choose = format!("{base}/admin/select-admin-domain.do?domain={domain}");
            self.browse(step, &choose, &[]).await?;
            reply = self.ask(step, Method::GET, &path, None).await?;
        }
        if !reply.status.is_success() && is_about_domain(&reply) {
            return Ok(None);
        }
        let answer = self
            .read(step, &reply)
            .map_err(|error| error.at_name(domain))?;
        match answer["result"]["data"].as_array() {
            Some(rows) => Ok(Some(rows.iter().filter_map(listed).collect())),
            None => Err(self.site.strange(step, &reply)),
        }
    }

    /// Asks the panel; logs in first, and once more where the session is over.
    async fn ask(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, DnsError> {
        for is_last in [false, true] {
            if is_last || !self.site.is_known() {
                self.site.forget();
                self.log_in(step).await?;
            }
            let reply = self.send(step, &method, path, body).await?;
            if is_last || !is_logged_out(&reply) {
                return Ok(reply);
            }
        }
        let what = "the log-in does not last";
        Err(DnsError::new(CODE, step, Fault::Credentials, what))
    }

    async fn send(
        &self,
        step: Step,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, DnsError> {
        let url = format!("{}{path}", self.site.api.base);
        let repeat = match *method {
            Method::POST => Repeat::WhenRefused,
            _ => Repeat::Always,
        };
        let make = || {
            let request = self.site.api.client.request(method.clone(), &url);
            let request = request
                .header("Accept", "application/json, text/plain, */*")
                .header("X-Requested-With", "XMLHttpRequest");
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        self.site.send(step, repeat, make).await
    }

    /// A success of the panel as JSON; the error that it is otherwise.
    fn read(&self, step: Step, reply: &Reply) -> Result<Value, DnsError> {
        let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
        if !reply.status.is_success() {
            let words = answer.as_ref().and_then(|answer| {
                let places = [&answer["error"]["message"], &answer["message"]];
                places.into_iter().find_map(|place| place.as_str())
            });
            return Err(self
                .site
                .api
                .refused(step, reply, words.unwrap_or_default()));
        }
        match answer {
            Some(answer) if answer.get("result").is_some() => Ok(answer),
            _ => Err(self.site.strange(step, reply)),
        }
    }

    /// Opens the panel, which leads to the log-in, and fills its forms in until it leads back.
    async fn log_in(&self, step: Step) -> Result<(), DnsError> {
        let panel = format!("{}/admin/", self.site.api.base);
        let (page, url) = self.browse(step, &panel, &[]).await?;
        let Some(action) = form(&page, "kc-form-login") else {
            return match url.as_str().starts_with(&panel) && self.site.is_known() {
                true => Ok(()),
                false => Err(self.site.strange(step, &page)),
            };
        };
        let form_data = [
            ("username", self.site.user.as_str()),
            ("password", self.site.password.expose()),
            ("credentialId", ""),
        ];
        let (mut page, mut url) = self.submit(step, &url, &action, &form_data).await?;
        if let Some(action) = form(&page, "kc-otp-login-form") {
            let Some(secret) = &self.otp_secret else {
                let what = "the account wants a second factor, and otp_secret is not given";
                return Err(self.site.told(step, Fault::Credentials, what, &page, ""));
            };
            let code = otp::code(secret.expose(), self.clock.now()).unwrap_or_default();
            let form_data = [("otp", code.as_str()), ("login", "Log In")];
            (page, url) = self.submit(step, &url, &action, &form_data).await?;
        }
        let asks_again = ["kc-form-login", "kc-otp-login-form"];
        if asks_again.iter().any(|id| form(&page, id).is_some()) {
            let what = "the log-in is not accepted";
            let words = feedback(&page);
            return Err(self
                .site
                .told(step, Fault::Credentials, what, &page, &words));
        }
        match url.as_str().starts_with(&panel) {
            true => Ok(()),
            false => Err(self.site.strange(step, &page)),
        }
    }

    /// Sends a form of the log-in pages to where it says.
    async fn submit(
        &self,
        step: Step,
        page: &Url,
        action: &str,
        form: &[(&str, &str)],
    ) -> Result<(Reply, Url), DnsError> {
        let target = page.join(action).ok().filter(|url| self.is_login(url));
        match target {
            Some(url) => self.browse(step, url.as_str(), form).await,
            None => {
                let what = "the log-in form leads to a strange host; the password was not sent";
                Err(DnsError::new(CODE, step, Fault::Provider, what).permanent())
            }
        }
    }

    /// Reads a page, or sends a form, and follows redirects within the panel and the log-in.
    async fn browse(
        &self,
        step: Step,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<(Reply, Url), DnsError> {
        let strange = |what: &str| DnsError::new(CODE, step, Fault::Provider, what).permanent();
        let mut url: Url = url.parse().map_err(|_| strange("a page has no address"))?;
        let mut form = Some(form).filter(|form| !form.is_empty());
        for _ in 0..MOST_REDIRECTS {
            let make = || match form {
                Some(form) => self.site.api.client.post(url.clone()).form(form),
                None => self.site.api.client.get(url.clone()),
            };
            // The form's address is good once: sent again it would be an expired page.
            let repeat = match form {
                Some(_) => Repeat::WhenRefused,
                None => Repeat::Always,
            };
            let reply = self.site.send(step, repeat, make).await?;
            if !reply.status.is_redirection() {
                return match reply.status.is_client_error() || reply.status.is_server_error() {
                    true => Err(self.site.api.refused(step, &reply, &feedback(&reply))),
                    false => Ok((reply, url)),
                };
            }
            let target = reply.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            let target = target.and_then(|to| url.join(to).ok());
            url = target
                .filter(|to| self.is_ours(to))
                .ok_or_else(|| strange("the web site leads to a strange host"))?;
            form = None;
        }
        Err(strange("the log-in leads around in a circle"))
    }

    /// Whether the address is one of the log-in's: only it gets the password.
    fn is_login(&self, url: &Url) -> bool {
        origin(url) == origin(&self.login)
    }

    fn is_ours(&self, url: &Url) -> bool {
        let panel = self.site.api.base.parse().ok();
        self.is_login(url) || panel.is_some_and(|panel| origin(url) == origin(&panel))
    }
}

fn origin(url: &Url) -> (String, Option<String>, Option<u16>) {
    let host = url.host_str().map(str::to_owned);
    (url.scheme().to_owned(), host, url.port_or_known_default())
}

/// The panel sends whoever is not logged in to the log-in, or shows it.
fn is_logged_out(reply: &Reply) -> bool {
    reply.status.is_redirection()
        || reply.status.as_u16() == 401
        || form(reply, "kc-form-login").is_some()
}

fn is_about_domain(reply: &Reply) -> bool {
    reply.status.as_u16() == 404 || reply.text().contains(NO_DOMAIN)
}

fn listed(row: &Value) -> Option<Listed> {
    let attributes = &row["attributes"];
    let is_txt = attributes["type"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("TXT"));
    is_txt.then_some(())?;
    Some(Listed {
        id: text(&row["id"])?,
        prefix: match attributes["prefix"].as_str().unwrap_or_default() {
            "@" => String::new(),
            prefix => prefix.to_owned(),
        },
        value: txt::unquote(attributes["content"].as_str()?),
    })
}

/// Where the form of that id leads.
fn form(reply: &Reply, id: &str) -> Option<String> {
    let pieces = pieces(&reply.text());
    let found = pieces
        .iter()
        .find(|piece| piece.attribute("form", "id") == Some(id))?;
    found.attribute("form", "action").map(str::to_owned)
}

/// What the log-in says is wrong.
fn feedback(reply: &Reply) -> String {
    let pieces = pieces(&reply.text());
    let is_mark = |piece: &Piece| {
        let class = piece.attribute("span", "class");
        class.is_some_and(|class| class.contains("kc-feedback-text"))
    };
    let after = pieces.iter().skip_while(|piece| !is_mark(piece)).nth(1);
    match after {
        Some(Piece::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_whatever_their_ids_are() {
        let row = json!({"type": "dns_custom_records", "id": 16_684_569, "attributes": {"prefix": "_acme-challenge", "type": "TXT", "content": "\"v1\"", "priority": 0, "ttl": 600}});
        let found = listed(&row).unwrap();
        assert_eq!(
            (found.id.as_str(), found.value.as_str()),
            ("16684569", "v1")
        );
        let other = json!({"type": "dns_service_records", "id": "1", "attributes": {"prefix": "", "type": "A", "content": "192.0.2.1"}});
        assert!(listed(&other).is_none());
    }
}
