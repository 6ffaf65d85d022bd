//! How a request finds its way, what is checked of each, and what every answer carries.

use std::collections::VecDeque;

use axum::http::Method;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};

use super::answer::{Answer, Effect, Fate, Nonced};
use super::endpoint::{Endpoint, Place};
use super::jws::Jws;
use super::limits::{LimitKind, nominal, refusal};
use super::problem::Problem;
use super::switches::{Eab, Nonce};
use super::world::{Call, Signed, Standing, World, index, random_token};

impl World {
    /// Answers a request: as canned, or as the switches say.
    pub(super) fn handle(&mut self, call: &Call) -> Answer {
        let prefix = self.switches.prefix.clone();
        let place = Place::of(&call.path, &prefix);
        let jws = (call.method == Method::POST).then(|| Jws::parse(&call.body));
        let entry = self
            .journal
            .note(call, place.endpoint, jws.as_ref(), self.clock.now());
        let canned = self.canned(place.endpoint);
        let answer = match canned {
            Some(canned) if canned.effect == Effect::None => canned,
            canned => {
                let own = self
                    .refused_by_rate(place.endpoint)
                    .unwrap_or_else(|| self.route(call, place, jws));
                canned.unwrap_or(own)
            }
        };
        self.journal.answered(entry, answer.status);
        self.finish(call, place.endpoint, answer)
    }

    fn canned(&mut self, endpoint: Endpoint) -> Option<Answer> {
        self.queues
            .get_mut(&endpoint)
            .and_then(VecDeque::pop_front)
            .or_else(|| self.standing.get(&endpoint).cloned())
    }

    /// The switch that refuses whatever is asked.
    fn refused_by_rate(&mut self, endpoint: Endpoint) -> Option<Answer> {
        let limit = self.switches.rate_limit?;
        let refuses = matches!(limit.kind, LimitKind::Requests | LimitKind::Storm)
            && endpoint != Endpoint::Directory;
        if !refuses || !self.take_rate_limit() {
            return None;
        }
        if limit.kind == LimitKind::Storm {
            return Some(Answer::html(429).retry_after(limit.retry_after));
        }
        let bucket = nominal(limit.kind);
        let wait = limit.retry_after;
        Some(refusal(limit.kind, bucket, "", wait, self.now()).into())
    }

    /// Counts one refusal of the rate limit switch; false when it has ended.
    pub(super) fn take_rate_limit(&mut self) -> bool {
        let Some(limit) = &mut self.switches.rate_limit else {
            return false;
        };
        if limit.count == 0 {
            return false;
        }
        limit.count -= 1;
        let kind = limit.kind;
        self.ledger.note(kind);
        true
    }

    fn route(
        &mut self,
        call: &Call,
        place: Place<'_>,
        jws: Option<Result<Jws, Problem>>,
    ) -> Answer {
        let result = match (call.method.as_str(), place.endpoint) {
            ("GET", Endpoint::Directory) => Ok(self.directory()),
            ("HEAD" | "GET", Endpoint::NewNonce) => Ok(self.new_nonce(&call.method)),
            ("GET", Endpoint::RenewalInfo) => self.renewal_info(place.id),
            ("POST", _) => match jws {
                Some(Ok(jws)) => self.post(call, place, &jws),
                Some(Err(problem)) => Err(problem),
                None => Err(Problem::malformed("No body")),
            },
            (_, Endpoint::Unknown) => Err(Problem::not_found("resource")),
            _ => Err(Problem::new(405, "malformed", "Method not allowed")),
        };
        result.unwrap_or_else(Answer::from)
    }

    fn post(&mut self, call: &Call, place: Place<'_>, jws: &Jws) -> Result<Answer, Problem> {
        self.check_envelope(call, jws)?;
        match place.endpoint {
            Endpoint::NewAccount => return self.new_account(call, jws),
            Endpoint::RevokeCert if jws.member("kid").is_none() => {
                return self.revoke_by_key(jws);
            }
            Endpoint::Unknown | Endpoint::Directory | Endpoint::NewNonce => {
                return Err(Problem::not_found("resource"));
            }
            _ => {}
        }
        let signed = self.by_account(call, jws)?;
        if place.endpoint != Endpoint::Account {
            self.check_terms_unchanged()?;
        }
        match place.endpoint {
            Endpoint::Account => self.account(&signed, place.id),
            Endpoint::Orders => self.orders_of_account(&signed, place.id),
            Endpoint::NewOrder => self.new_order(&signed),
            Endpoint::Order => self.order(&signed, place.id),
            Endpoint::Authorization => self.authorization(&signed, place.id),
            Endpoint::Challenge => self.challenge(&signed, place.id, place.detail),
            Endpoint::Finalize => self.finalize(&signed, place.id),
            Endpoint::Certificate => self.download(&signed, place.id, "0"),
            Endpoint::Alternate => self.download(&signed, place.id, place.detail),
            Endpoint::RevokeCert => self.revoke(&signed),
            Endpoint::KeyChange => self.key_change(&signed),
            _ => Err(Problem::new(405, "malformed", "Method not allowed")),
        }
    }

    /// What must be right before the key is looked for: media type, URL, nonce.
    fn check_envelope(&mut self, call: &Call, jws: &Jws) -> Result<(), Problem> {
        if call.content_type != "application/jose+json" {
            let detail = "Invalid Content-Type header on POST. Content-Type must be \"application/jose+json\"";
            return Err(Problem::new(415, "malformed", detail));
        }
        if jws.header["jwk"].is_object() == jws.header["kid"].is_string() {
            return Err(Problem::malformed("Exactly one of jwk and kid is wanted"));
        }
        let url = self.url(&call.path);
        if jws.member("url") != Some(url.as_str()) {
            let detail = format!("JWS header parameter 'url' incorrect. Expected {url:?}");
            return Err(Problem::unauthorized(detail));
        }
        let nonce = jws.member("nonce").unwrap_or_default();
        let known = self.nonces.remove(nonce);
        let refused = match &mut self.switches.nonce {
            Nonce::Reject(left @ 1..) if known => {
                *left -= 1;
                true
            }
            _ => false,
        };
        if known && !refused {
            return Ok(());
        }
        let detail = format!("JWS has an invalid anti-replay nonce: {nonce:?}");
        Err(Problem::new(400, "badNonce", detail))
    }

    fn by_account(&self, call: &Call, jws: &Jws) -> Result<Signed, Problem> {
        let kid = jws
            .member("kid")
            .ok_or_else(|| Problem::malformed("No Key ID in JWS header"))?;
        let unknown = || {
            let detail = format!("Account {kid:?} not found");
            Problem::new(400, "accountDoesNotExist", detail)
        };
        let number = kid.strip_prefix(&self.url("/acct/")).and_then(index);
        let (index, account) = number
            .and_then(|number| Some((number, self.accounts.get(number)?)))
            .filter(|(_, account)| account.state != Standing::Forgotten)
            .ok_or_else(unknown)?;
        if account.state == Standing::Deactivated {
            let detail = "Account is not valid, has status \"deactivated\"";
            return Err(Problem::new(401, "unauthorized", detail));
        }
        jws.verify(&account.key)?;
        Ok(Signed {
            account: index,
            payload: jws.json()?,
            url: self.url(&call.path),
        })
    }

    fn check_terms_unchanged(&self) -> Result<(), Problem> {
        let Some(url) = &self.switches.terms.changed else {
            return Ok(());
        };
        let detail = "Terms of service have changed";
        Err(Problem::new(403, "userActionRequired", detail)
            .instance(url)
            .header("link", format!("<{url}>;rel=\"terms-of-service\"")))
    }

    fn directory(&self) -> Answer {
        let listed = |path: &str| self.url(&format!("{}{path}", self.switches.prefix));
        let mut directory = json!({
            "newNonce": listed("/new-nonce"),
            "newAccount": listed("/new-acct"),
            "newOrder": listed("/new-order"),
            "revokeCert": listed("/revoke-cert"),
            "keyChange": listed("/key-change"),
            "meta": self.meta(),
        });
        if self.has_ari() {
            directory["renewalInfo"] = listed("/renewal-info").into();
        }
        for (member, value) in &self.switches.directory {
            directory[member] = value.clone();
        }
        if let Some(members) = directory.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        Answer::json(200, &directory)
    }

    fn meta(&self) -> Value {
        let switches = &self.switches;
        let mut meta = json!({
            "website": "https://stub.example",
            "caaIdentities": ["stub.example"],
            "externalAccountRequired": switches.eab != Eab::Off,
        });
        if let Some(terms) = &switches.terms.url {
            meta["termsOfService"] = terms.as_str().into();
        }
        for (name, profile) in &switches.profiles {
            meta["profiles"][name] = profile.description.as_str().into();
        }
        meta
    }

    fn new_nonce(&self, method: &Method) -> Answer {
        if self.switches.nonce == Nonce::Unavailable {
            return Answer::html(503);
        }
        Answer::new(if method == Method::HEAD { 200 } else { 204 }, "")
    }

    /// Adds what every answer carries.
    fn finish(&mut self, call: &Call, endpoint: Endpoint, answer: Answer) -> Answer {
        if answer.fate == Fate::Hang || answer.fate == Fate::Close {
            return answer;
        }
        let wants_nonce = call.method == Method::POST || endpoint == Endpoint::NewNonce;
        let mut answer = answer
            .header("cache-control", "public, max-age=0, no-cache")
            .header(
                "link",
                format!("<{}>;rel=\"index\"", self.url("/directory")),
            );
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&self.now()) {
            answer = answer.header("date", date);
        }
        if wants_nonce && answer.nonce == Nonced::Yes && self.switches.nonce != Nonce::Missing {
            self.counter += 1;
            let nonce = format!("stub-nonce-{}-{}", self.counter, random_token());
            self.nonces.insert(nonce.clone());
            answer = answer.header("replay-nonce", nonce);
        }
        answer
    }
}
