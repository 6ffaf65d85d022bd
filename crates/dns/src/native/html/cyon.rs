//! cyon.ch: the customer area's log-in, then pieces of pages within JSON.

use async_trait::async_trait;
use evercert_types::SharedClock;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::markup::{Piece, pieces};
use super::session::{HtmlSession, PASSWORD, USER};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::native::api::Repeat;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Provider, Receipt, Settings, TxtTarget,
};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};
use crate::{name, otp, txt};

const CODE: &str = "cyon";
const DEFAULT_TTL: u32 = 900;

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "cyon.ch",
    docs: "https://www.cyon.ch/support/a/dns-eintrage-erstellen-und-verwalten",
    least_privilege: Some(
        "The customer area's log-in is used, there is no other. Unofficial, may break.",
    ),
    notes: &[
        "cyon has no interface for programs: this is what acme.sh's dns_cyon script does since cyon's new DNS editor (December 2024; field names renamed then, mended again in 2026).",
        "Not certain: nobody has published a recording. How records are listed and removed is read from the script; somebody reported in February 2025 that removing failed after the new editor. Evercert tells when a page is not as expected.",
        "IDNA domains are chosen by their name in Unicode, as the site shows them; records have it in ASCII.",
    ],
    fields: &[
        USER.env(&["CY_Username"], &[]),
        PASSWORD.env(&["CY_Password"], &[]),
        Field::text(
            "otp_secret",
            "Two-factor secret",
            "Secret of the second factor in Base32, where the account has such.",
        )
        .secret()
        .optional()
        .env(&["CY_OTP_Secret"], &[]),
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
    ..super::CAPS
};

#[derive(Debug)]
struct Cyon {
    site: HtmlSession,
    otp_secret: Option<evercert_types::Secret<String>>,
    clock: SharedClock,
    ttl: u32,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    if reader
        .text("otp_secret")
        .is_some_and(|secret| !otp::is_secret(secret))
    {
        return Err(reader.error("otp_secret is no one-time password secret in Base32"));
    }
    Ok(Box::new(Cyon {
        site: HtmlSession::new(CODE, &reader, "https://my.cyon.ch", context)?,
        otp_secret: reader.secret("otp_secret"),
        clock: context.clock.clone(),
        ttl: reader.ttl("ttl", DEFAULT_TTL)?,
    }))
}

/// A record of the list: what is named to remove it, and its name and value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    hash: String,
    identifier: String,
    name: String,
    value: String,
}

#[async_trait]
impl Provider for Cyon {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _turn = self.site.turn.lock().await;
        let zone = self.enter(Step::FindZone, target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(&zone);
        let there = self.matching(target).await.map_err(at)?;
        let created = there.is_empty();
        if created {
            let (name, ttl) = (
                format!("{}.", target.fqdn),
                target.ttl.unwrap_or(self.ttl).to_string(),
            );
            let form = [
                ("name", name.as_str()),
                ("ttl", &ttl),
                ("type", "TXT"),
                ("dnscontent", &target.value),
            ];
            self.change(Step::Add, "/domain/dnseditor/add-record-async", &form)
                .await
                .map_err(at)?;
        }
        Ok(Receipt {
            zone,
            created,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let _turn = self.site.turn.lock().await;
        let zone = self.enter(Step::FindZone, target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(&zone);
        for record in self.matching(target).await.map_err(at)? {
            let form = [
                ("hash", record.hash.as_str()),
                ("identifier", &record.identifier),
            ];
            let path = "/domain/dnseditor/delete-record-async";
            self.change(Step::Remove, path, &form).await.map_err(at)?;
        }
        Ok(())
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let _turn = self.site.turn.lock().await;
        let domains = self.domains(Step::Check).await?;
        let mut report = CheckReport {
            zone: None,
            notes: vec![format!(
                "cyon accepts the log-in and lists {} domains.",
                domains.len()
            )],
        };
        if let Some(name) = name {
            let target = TxtTarget::new(name, "");
            let zone = self.enter(Step::Check, &target).await?;
            self.matching(&target).await?;
            report
                .notes
                .push(format!("It holds {zone}, whose records can be read."));
            report.zone = Some(zone);
        }
        Ok(report)
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl Cyon {
    /// Chooses the domain that holds the name: the site's later pages are about it.
    async fn enter(&self, step: Step, target: &TxtTarget) -> Result<String, DnsError> {
        let hint = target.zone_hint.as_deref().map(name::canonical);
        let domains = self.domains(step).await?;
        let fits = |domain: &&Domain| match &hint {
            Some(hint) => domain.name == *hint,
            None => name::is_within(&target.fqdn, &domain.name),
        };
        let found = domains
            .iter()
            .filter(fits)
            .max_by_key(|domain| domain.name.len());
        let none = || self.site.api.no_zone(&target.fqdn, hint.as_deref());
        let found = found.ok_or_else(none)?;
        let path = format!(
            "/user/environment/setdomain/d/{}/gik/{}",
            found.shown, found.key
        );
        let reply = self.site.get(step, &path).await?;
        let answer = self.json(step, &reply)?;
        match answer["authenticated"].as_bool() {
            Some(true) => Ok(found.name.clone()),
            _ => Err(self.refused(step, &reply, &answer)),
        }
    }

    /// The domains and their keys; logged in first, and again once where the session is over.
    async fn domains(&self, step: Step) -> Result<Vec<Domain>, DnsError> {
        for is_last in [false, true] {
            if is_last || !self.site.is_known() {
                self.log_in(step).await?;
            }
            let reply = self.site.get(step, "/domain/").await?;
            if reply.status.is_success()
                && let Some(domains) = domains(&pieces(&reply.text()))
            {
                return Ok(domains);
            }
            let is_out =
                reply.status.is_redirection() || matches!(reply.status.as_u16(), 401 | 403);
            let is_form = reply.text().contains("dologin");
            if is_last || !(is_out || is_form) {
                return Err(match reply.status.is_success() || is_out {
                    true => self.site.strange(step, &reply),
                    false => self.site.api.refused(step, &reply, ""),
                });
            }
        }
        Err(DnsError::new(
            CODE,
            step,
            Fault::Credentials,
            "the log-in does not last",
        ))
    }

    async fn log_in(&self, step: Step) -> Result<(), DnsError> {
        self.site.forget();
        let form = [
            ("username", self.site.user.as_str()),
            ("password", self.site.password.expose()),
            ("pathname", "/"),
        ];
        let reply = self
            .post(step, Repeat::Always, "/auth/index/dologin-async", &form)
            .await?;
        self.passed(step, &reply)?;
        // The front page refreshes the cookies.
        let front = self.site.get(step, "/").await?;
        let wants_more = reply.text().contains("multi_factor_form")
            || front.text().contains("multi_factor_form");
        if !wants_more {
            return Ok(());
        }
        let Some(secret) = &self.otp_secret else {
            let what = "the account wants a second factor, and otp_secret is not given";
            return Err(self.site.told(step, Fault::Credentials, what, &reply, ""));
        };
        let code = otp::code(secret.expose(), self.clock.now()).unwrap_or_default();
        let form = [
            ("totpcode", code.as_str()),
            ("pathname", "/"),
            ("rememberme", "0"),
        ];
        let reply = self
            .post(
                step,
                Repeat::WhenRefused,
                "/auth/multi-factor/domultifactorauth-async",
                &form,
            )
            .await?;
        self.passed(step, &reply)
    }

    fn passed(&self, step: Step, reply: &Reply) -> Result<(), DnsError> {
        let answer = self.json(step, reply)?;
        match answer["onSuccess"].as_str() {
            Some("success") => Ok(()),
            _ => {
                let words = answer["message"].as_str().unwrap_or_default();
                Err(self.site.told(
                    step,
                    Fault::Credentials,
                    "the log-in is not accepted",
                    reply,
                    words,
                ))
            }
        }
    }

    /// The records with the target's name and value.
    async fn matching(&self, target: &TxtTarget) -> Result<Vec<Listed>, DnsError> {
        let reply = self
            .site
            .get(Step::Read, "/domain/dnseditor/list-async")
            .await?;
        let answer = self.json(Step::Read, &reply)?;
        let mut html = String::new();
        texts(&answer, &mut html);
        if html.is_empty() {
            return Err(self.site.strange(Step::Read, &reply));
        }
        let mut found = records(&pieces(&html));
        found.retain(|record| record.name == target.fqdn && record.value == target.value);
        Ok(found)
    }

    async fn change(&self, step: Step, path: &str, form: &[(&str, &str)]) -> Result<(), DnsError> {
        let reply = self.post(step, Repeat::WhenRefused, path, form).await?;
        let answer = self.json(step, &reply)?;
        let is_valid = answer["valid"].as_bool().unwrap_or(true);
        match answer["status"].as_bool() {
            Some(true) if is_valid => Ok(()),
            _ => Err(self.refused(step, &reply, &answer)),
        }
    }

    /// The refusal that an answer tells: with a message, or with one within an error.
    fn refused(&self, step: Step, reply: &Reply, answer: &Value) -> DnsError {
        let words = answer["message"]
            .as_str()
            .or(answer["error"]["message"].as_str());
        match words.filter(|words| !words.is_empty()) {
            Some(words) => {
                let what = "the service refused";
                self.site.told(step, Fault::Provider, what, reply, words)
            }
            None => self.site.strange(step, reply),
        }
    }

    async fn post(
        &self,
        step: Step,
        repeat: Repeat,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<Reply, DnsError> {
        let url = format!("{}{path}", self.site.api.base);
        let make = || -> RequestBuilder {
            let request = self.site.api.client.post(&url).form(form);
            request.header("X-Requested-With", "XMLHttpRequest")
        };
        self.site.send(step, repeat, make).await
    }

    fn json(&self, step: Step, reply: &Reply) -> Result<Value, DnsError> {
        if !reply.status.is_success() {
            return Err(self.site.api.refused(step, reply, ""));
        }
        let read = serde_json::from_slice(&reply.body);
        read.map_err(|_| self.site.strange(step, reply))
    }
}

/// All the texts of a JSON value, one after the other.
fn texts(value: &Value, all: &mut String) {
    match value {
        Value::String(text) => all.push_str(text),
        Value::Array(list) => list.iter().for_each(|one| texts(one, all)),
        Value::Object(map) => map.values().for_each(|one| texts(one, all)),
        _ => {}
    }
}

/// A domain of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Domain {
    name: String,
    /// As the site writes it, which it wants to hear: IDNA names in Unicode.
    shown: String,
    key: String,
}

/// The domains of the account; `None`: the page lists none.
fn domains(pieces: &[Piece]) -> Option<Vec<Domain>> {
    let found: Vec<Domain> = pieces
        .iter()
        .filter_map(|piece| {
            let (shown, key) = (any(piece, "data-domain")?, any(piece, "data-itemkey")?);
            Some(Domain {
                name: name::canonical(shown),
                shown: shown.to_owned(),
                key: key.to_owned(),
            })
        })
        .collect();
    Some(found).filter(|found| !found.is_empty())
}

fn any<'a>(piece: &'a Piece, key: &str) -> Option<&'a str> {
    match piece {
        Piece::Start { name, .. } => piece.attribute(name, key),
        _ => None,
    }
}

/// The TXT records of the list; the identifier is type, name and value with bars between.
fn records(pieces: &[Piece]) -> Vec<Listed> {
    let rows = pieces.iter().filter_map(|piece| {
        let (hash, identifier) = (any(piece, "data-hash")?, any(piece, "data-identifier")?);
        let mut parts = identifier.splitn(3, '|');
        let (kind, name, value) = (parts.next()?, parts.next()?, parts.next()?);
        (kind == "TXT").then(|| Listed {
            hash: hash.to_owned(),
            identifier: identifier.to_owned(),
            name: name::canonical(name),
            value: txt::unquote(value),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_records_are_read_from_their_attributes() {
        let page =
            "<a class=\"x\" data-domain=\"Bücher.example\" data-itemkey=\"17\">Bücher.example</a>";
        assert_eq!(
            domains(&pieces(page)).unwrap(),
            [Domain {
                name: "xn--bcher-kva.example".to_owned(),
                shown: "Bücher.example".to_owned(),
                key: "17".to_owned()
            }]
        );
        assert!(domains(&pieces("<h1>Login</h1>")).is_none());

        let list = "<a data-hash=\"h1\" data-identifier=\"TXT|_acme-challenge.example.com.|v1\"></a><a data-hash=\"h2\" data-identifier=\"A|example.com.|192.0.2.1\"></a>";
        let found = records(&pieces(list));
        assert_eq!(
            (found.len(), found[0].value.as_str(), found[0].name.as_str()),
            (1, "v1", "_acme-challenge.example.com")
        );
    }
}
