//! Accounts (RFC 8555 §7.3): make, find, change, bind, roll the key, list orders.

use serde_json::{Value, json};

use super::answer::Answer;
use super::jws::{Jws, PublicKey, decode};
use super::limits::LimitKind;
use super::problem::Problem;
use super::switches::{Contacts, Eab, OrderLists};
use super::world::{Account, Call, Signed, Standing, World, index};

impl World {
    pub(super) fn new_account(&mut self, call: &Call, jws: &Jws) -> Result<Answer, Problem> {
        let key = PublicKey::from_jwk(&jws.header["jwk"])?;
        jws.verify(&key)?;
        let request = jws.json()?;
        let identity = key.identity();
        if let Some(&found) = self.account_of_key.get(&identity) {
            return self.existing(found);
        }
        if request["onlyReturnExisting"] == true {
            let detail = "No account exists with the provided key";
            return Err(Problem::new(400, "accountDoesNotExist", detail));
        }
        let external = self.check_binding(&request, &jws.header["jwk"], &self.url(&call.path))?;
        if self.switches.terms.url.is_some() && request["termsOfServiceAgreed"] != true {
            return Err(Problem::malformed("must agree to terms of service"));
        }
        let contact = self.check_contacts(&request["contact"])?;
        self.check_pretended(LimitKind::Accounts, "")?;
        let (limits, now) = (self.switches.limits, self.now());
        self.ledger.check(&limits, LimitKind::Accounts, "", now)?;
        self.ledger.spend(&limits, LimitKind::Accounts, "", now);
        self.accounts.push(Account {
            key,
            contact,
            external,
            state: Standing::Valid,
            orders: Vec::new(),
        });
        let index = self.accounts.len() - 1;
        self.account_of_key.insert(identity, index);
        Ok(self.show_account(index, 201))
    }

    /// `/acct/<n>`: read, change contacts, deactivate.
    pub(super) fn account(&mut self, signed: &Signed, id: &str) -> Result<Answer, Problem> {
        let number = self.own_account(signed, id)?;
        if let Some(status) = signed.payload["status"].as_str() {
            if status != "deactivated" {
                return Err(Problem::malformed(
                    "Invalid value provided for status field",
                ));
            }
            self.accounts[number].state = Standing::Deactivated;
        }
        if signed.payload["contact"].is_array() {
            let contact = self.check_contacts(&signed.payload["contact"])?;
            self.accounts[number].contact = contact;
        }
        Ok(self.show_account(number, 200))
    }

    /// `/acct/<n>/orders`, in one page.
    pub(super) fn orders_of_account(&self, signed: &Signed, id: &str) -> Result<Answer, Problem> {
        let number = self.own_account(signed, id)?;
        if self.switches.order_lists == OrderLists::Absent {
            return Err(Problem::not_found("resource"));
        }
        let orders = self.accounts[number].orders.iter();
        let orders: Vec<String> = orders.map(|&order| self.order_url(order)).collect();
        Ok(Answer::json(200, &json!({ "orders": orders })))
    }

    /// `/key-change` (RFC 8555 §7.3.5).
    pub(super) fn key_change(&mut self, signed: &Signed) -> Result<Answer, Problem> {
        let inner = Jws::from_value(&signed.payload)?;
        let key = PublicKey::from_jwk(&inner.header["jwk"])?;
        inner.verify(&key)?;
        let change = inner.json()?;
        let account = self.account_url(signed.account);
        let old = PublicKey::from_jwk(&change["oldKey"])?;
        if inner.member("url") != Some(signed.url.as_str())
            || change["account"] != account.as_str()
            || old != self.accounts[signed.account].key
        {
            return Err(Problem::malformed(
                "Key rollover: inner message does not fit",
            ));
        }
        if let Some(&holder) = self.account_of_key.get(&key.identity()) {
            let location = self.account_url(holder);
            return Err(Problem::new(409, "malformed", "New key is already in use")
                .header("location", location));
        }
        self.account_of_key.remove(&old.identity());
        self.account_of_key.insert(key.identity(), signed.account);
        self.accounts[signed.account].key = key;
        Ok(self.show_account(signed.account, 200))
    }

    pub(super) fn account_url(&self, number: usize) -> String {
        self.url(&format!("/acct/{}", number + 1))
    }

    fn own_account(&self, signed: &Signed, id: &str) -> Result<usize, Problem> {
        if index(id) == Some(signed.account) {
            return Ok(signed.account);
        }
        Err(Problem::unauthorized(
            "Request signing key did not match account key",
        ))
    }

    fn existing(&self, number: usize) -> Result<Answer, Problem> {
        if self.accounts[number].state == Standing::Deactivated {
            let detail = "An account with the provided public key exists but is deactivated";
            return Err(Problem::unauthorized(detail));
        }
        Ok(self.show_account(number, 200))
    }

    fn show_account(&self, number: usize, status: u16) -> Answer {
        let account = &self.accounts[number];
        let url = self.account_url(number);
        let mut object = json!({
            "status": if account.state == Standing::Valid { "valid" } else { "deactivated" },
        });
        if self.switches.contacts != Contacts::Dropped {
            object["contact"] = account.contact.clone().into();
        }
        if self.switches.order_lists == OrderLists::Offered {
            object["orders"] = format!("{url}/orders").into();
        }
        if let Some(external) = &account.external {
            object["externalAccountBinding"] = external.clone();
        }
        Answer::json(status, &object).header("location", url)
    }

    /// Checks an external account binding; a key that may serve once is used up by it.
    fn check_binding(
        &mut self,
        request: &Value,
        jwk: &Value,
        url: &str,
    ) -> Result<Option<Value>, Problem> {
        let binding = &request["externalAccountBinding"];
        if self.switches.eab == Eab::Off {
            return Ok(None);
        }
        if binding.is_null() {
            let detail = "No external account binding provided";
            return Err(Problem::new(403, "externalAccountRequired", detail));
        }
        let jws = Jws::from_value(binding)?;
        let kid = jws.member("kid").unwrap_or_default();
        let Some(secret) = self.switches.eab_keys.get(kid) else {
            let detail = format!("Unknown external account binding key id {kid:?}");
            return Err(Problem::unauthorized(detail));
        };
        if !jws.has_mac(secret) {
            let detail = "External account binding: the MAC does not verify";
            return Err(Problem::unauthorized(detail));
        }
        if jws.member("url") != Some(url) || jws.json()? != *jwk {
            let detail = "External account binding: url or payload is not that of the request";
            return Err(Problem::malformed(detail));
        }
        if self.switches.eab == Eab::RequiredOnce && !self.used_eab.insert(kid.to_owned()) {
            let detail = "The account is not awaiting external account binding";
            return Err(Problem::malformed(detail));
        }
        Ok(Some(binding.clone()))
    }

    /// Judges contacts in Boulder's words.
    fn check_contacts(&self, contacts: &Value) -> Result<Vec<String>, Problem> {
        let contacts: Vec<String> = contacts
            .as_array()
            .into_iter()
            .flatten()
            .map(|contact| contact.as_str().unwrap_or_default().to_owned())
            .collect();
        let refuse = |kind: &str, why: &str| {
            let detail = format!("Error validating contact(s) :: {why}");
            Err(Problem::new(400, kind, detail))
        };
        if contacts.is_empty() && self.switches.contacts == Contacts::Required {
            return refuse("invalidContact", "at least one contact is required");
        }
        for contact in &contacts {
            let Some(address) = contact.strip_prefix("mailto:") else {
                return refuse(
                    "unsupportedContact",
                    "only contact scheme 'mailto:' is supported",
                );
            };
            if !is_address(address) {
                return refuse("invalidContact", "unable to parse email address");
            }
        }
        let kept = self.switches.contacts != Contacts::Dropped;
        Ok(if kept { contacts } else { Vec::new() })
    }
}

/// Whether this looks like a mail address.
fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    })
}

/// The DER in a base64url member.
pub(super) fn der_member(payload: &Value, member: &str) -> Result<Vec<u8>, Problem> {
    let text = payload[member]
        .as_str()
        .ok_or_else(|| Problem::malformed(format!("No {member} in the request")))?;
    decode(text)
}
