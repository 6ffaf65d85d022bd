//! What the CA knows: accounts, orders, authorizations, certificates; in memory, journalled.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::identifier::Identifier;
use crate::journal::{Journal, JournalError};
use crate::problem::Problem;

/// An account (RFC 8555 §7.1.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    /// Its public key as JWK.
    pub(crate) key: Value,
    pub(crate) thumbprint: String,
    pub(crate) deactivated: bool,
    pub(crate) contact: Vec<String>,
    pub(crate) terms_agreed: bool,
    /// The binding as it was given.
    pub(crate) external: Option<Value>,
}

/// An order (RFC 8555 §7.1.3); its status follows from its parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) authorizations: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) profile: String,
    pub(crate) replaces: Option<String>,
    /// The accepted request, base64url: from then on the order is processing.
    pub(crate) csr: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) error: Option<Problem>,
}

/// The status of an order (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderStatus {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

/// An authorization (RFC 8555 §7.1.4).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) identifier: Identifier,
    pub(crate) wildcard: bool,
    pub(crate) status: AuthorizationStatus,
    pub(crate) expires: Timestamp,
    pub(crate) challenges: Vec<Challenge>,
}

/// The status of an authorization (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthorizationStatus {
    Pending,
    Valid,
    Invalid,
    Deactivated,
    Expired,
}

/// A challenge (RFC 8555 §7.1.5).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) kind: ChallengeKind,
    pub(crate) token: String,
    pub(crate) status: ChallengeStatus,
    pub(crate) validated: Option<Timestamp>,
    pub(crate) error: Option<Problem>,
}

/// How control is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChallengeKind {
    #[serde(rename = "dns-01")]
    Dns01,
    #[serde(rename = "http-01")]
    Http01,
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

/// The status of a challenge (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChallengeStatus {
    Pending,
    Processing,
    Valid,
    Invalid,
}

/// A certificate that was issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The leaf as PEM.
    pub(crate) pem: String,
    pub(crate) fingerprint: String,
    pub(crate) ari: String,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) revoked: Option<Revocation>,
    /// The order that said it replaces this one.
    pub(crate) replaced_by: Option<String>,
    /// A renewal window set from outside, instead of the computed one.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
}

/// When and why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) at: Timestamp,
    pub(crate) reason: u8,
}

/// A thing in its new state, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    Account(Account),
    Order(Order),
    Authorization(Authorization),
    Certificate(Issued),
}

/// All of it, with the ways to find it.
#[derive(Debug, Default)]
pub(crate) struct Store {
    accounts: HashMap<String, Account>,
    account_of_key: HashMap<String, String>,
    orders: HashMap<String, Order>,
    orders_of: HashMap<String, Vec<String>>,
    authorizations: HashMap<String, Authorization>,
    newest: HashMap<(String, Identifier, bool), String>,
    certificates: HashMap<String, Issued>,
    certificate_of_ari: HashMap<String, String>,
    certificate_of_fingerprint: HashMap<String, String>,
    journal: Option<Journal>,
    changed: bool,
}

impl Store {
    /// A store that begins with these records and writes what follows to the journal.
    pub(crate) fn new(records: Vec<Record>, journal: Option<Journal>) -> Self {
        let mut store = Self::default();
        for record in records {
            store.apply(record);
        }
        store.journal = journal;
        store
    }

    /// Makes a change as a whole: first in the journal, then in memory.
    ///
    /// # Errors
    /// `serverInternal` when the journal cannot be written; then nothing has changed.
    pub(crate) fn commit(&mut self, change: Vec<Record>) -> Result<(), Problem> {
        if let Some(journal) = &mut self.journal {
            journal
                .append(&change)
                .map_err(|error: JournalError| Problem::internal("saving the change", &error))?;
            self.changed = true;
        }
        for record in change {
            self.apply(record);
        }
        Ok(())
    }

    /// The journal's file when something was written since the last call.
    pub(crate) fn unflushed(&mut self) -> Option<std::fs::File> {
        let journal = self.journal.as_ref().filter(|_| self.changed)?;
        let file = journal.sync_handle().ok();
        self.changed = false;
        file
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    pub(crate) fn account_of_key(&self, thumbprint: &str) -> Option<&Account> {
        self.account_of_key
            .get(thumbprint)
            .and_then(|id| self.accounts.get(id))
    }

    pub(crate) fn order(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    /// The account's orders, oldest first.
    pub(crate) fn orders_of(&self, account: &str) -> &[String] {
        self.orders_of.get(account).map_or(&[], Vec::as_slice)
    }

    /// Orders whose certificate is still to be issued.
    pub(crate) fn unfinished_orders(&self) -> Vec<String> {
        self.orders
            .values()
            .filter(|o| o.csr.is_some() && o.certificate.is_none() && o.error.is_none())
            .map(|order| order.id.clone())
            .collect()
    }

    pub(crate) fn authorization(&self, id: &str) -> Option<&Authorization> {
        self.authorizations.get(id)
    }

    /// Challenges whose validation was begun and has no outcome.
    pub(crate) fn unfinished_challenges(&self) -> Vec<(String, usize)> {
        self.authorizations
            .values()
            .filter(|authorization| authorization.status == AuthorizationStatus::Pending)
            .flat_map(|authorization| {
                authorization
                    .challenges
                    .iter()
                    .enumerate()
                    .filter(|(_, challenge)| challenge.status == ChallengeStatus::Processing)
                    .map(|(index, _)| (authorization.id.clone(), index))
            })
            .collect()
    }

    /// The account's newest authorization for an identifier.
    pub(crate) fn newest_authorization(
        &self,
        account: &str,
        identifier: &Identifier,
        wildcard: bool,
    ) -> Option<&Authorization> {
        let key = (account.to_owned(), identifier.clone(), wildcard);
        self.newest
            .get(&key)
            .and_then(|id| self.authorizations.get(id))
    }

    pub(crate) fn certificate(&self, id: &str) -> Option<&Issued> {
        self.certificates.get(id)
    }

    pub(crate) fn certificate_of_ari(&self, ari: &str) -> Option<&Issued> {
        self.certificate_of_ari
            .get(ari)
            .and_then(|id| self.certificates.get(id))
    }

    pub(crate) fn certificate_of_fingerprint(&self, fingerprint: &str) -> Option<&Issued> {
        self.certificate_of_fingerprint
            .get(fingerprint)
            .and_then(|id| self.certificates.get(id))
    }

    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Issued> {
        self.certificates.values()
    }

    /// The status of an order at a moment: it follows from what it waits for.
    pub(crate) fn order_status(&self, order: &Order, now: Timestamp) -> OrderStatus {
        if order.certificate.is_some() {
            return OrderStatus::Valid;
        }
        if order.error.is_some() {
            return OrderStatus::Invalid;
        }
        if order.csr.is_some() {
            return OrderStatus::Processing;
        }
        if order.expires <= now {
            return OrderStatus::Invalid;
        }
        let mut status = OrderStatus::Ready;
        for id in &order.authorizations {
            match self.authorization(id).map(|found| found.status_at(now)) {
                Some(AuthorizationStatus::Valid) => {}
                Some(AuthorizationStatus::Pending) => status = OrderStatus::Pending,
                _ => return OrderStatus::Invalid,
            }
        }
        status
    }

    /// Forgets orders and authorizations that ended before `horizon`; certificates are kept.
    pub(crate) fn prune(&mut self, horizon: Timestamp) {
        let orders = &mut self.orders;
        orders.retain(|_, order| order.expires > horizon || order.certificate.is_some());
        for list in self.orders_of.values_mut() {
            list.retain(|id| orders.contains_key(id));
        }
        let authorizations = &mut self.authorizations;
        authorizations.retain(|_, authorization| authorization.expires > horizon);
        self.newest.retain(|_, id| authorizations.contains_key(id));
    }

    /// Everything, as records to begin a journal with.
    pub(crate) fn records(&self) -> Vec<Record> {
        let accounts = self.accounts.values().cloned().map(Record::Account);
        let authorizations = self.authorizations.values().cloned();
        let certificates = self.certificates.values().cloned();
        // Orders in the order they were made: the lists of accounts follow from it.
        let orders = self
            .orders_of
            .values()
            .flatten()
            .filter_map(|id| self.orders.get(id).cloned());
        accounts
            .chain(authorizations.map(Record::Authorization))
            .chain(orders.map(Record::Order))
            .chain(certificates.map(Record::Certificate))
            .collect()
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Account(account) => self.apply_account(account),
            Record::Order(order) => {
                if !self.orders.contains_key(&order.id) {
                    self.orders_of
                        .entry(order.account.clone())
                        .or_default()
                        .push(order.id.clone());
                }
                self.orders.insert(order.id.clone(), order);
            }
            Record::Authorization(authorization) => {
                let key = (
                    authorization.account.clone(),
                    authorization.identifier.clone(),
                    authorization.wildcard,
                );
                if !self.authorizations.contains_key(&authorization.id) {
                    self.newest.insert(key, authorization.id.clone());
                }
                self.authorizations
                    .insert(authorization.id.clone(), authorization);
            }
            Record::Certificate(issued) => {
                let id = issued.id.clone();
                self.certificate_of_ari
                    .insert(issued.ari.clone(), id.clone());
                self.certificate_of_fingerprint
                    .insert(issued.fingerprint.clone(), id.clone());
                self.certificates.insert(id, issued);
            }
        }
    }

    fn apply_account(&mut self, account: Account) {
        if let Some(old) = self.accounts.get(&account.id) {
            self.account_of_key.remove(&old.thumbprint);
        }
        self.account_of_key
            .insert(account.thumbprint.clone(), account.id.clone());
        self.accounts.insert(account.id.clone(), account);
    }
}

impl Authorization {
    /// Its status at a moment: time ends it too (RFC 8555 §7.1.6).
    pub(crate) fn status_at(&self, now: Timestamp) -> AuthorizationStatus {
        match self.status {
            AuthorizationStatus::Valid if self.expires <= now => AuthorizationStatus::Expired,
            AuthorizationStatus::Pending if self.expires <= now => AuthorizationStatus::Invalid,
            status => status,
        }
    }
}

impl ChallengeKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dns01 => "dns-01",
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{account, on_full_disk};
    use crate::problem::Kind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn authorization(id: &str, status: AuthorizationStatus) -> Record {
        Record::Authorization(Authorization {
            id: id.to_owned(),
            account: "a".to_owned(),
            identifier: Identifier::dns("a.example"),
            wildcard: false,
            status,
            expires: at(1000),
            challenges: Vec::new(),
        })
    }

    fn order(id: &str, authorizations: &[&str]) -> Order {
        Order {
            id: id.to_owned(),
            account: "a".to_owned(),
            identifiers: vec![Identifier::dns("a.example")],
            authorizations: authorizations.iter().map(|id| (*id).to_owned()).collect(),
            expires: at(500),
            not_before: None,
            not_after: None,
            profile: "classic".to_owned(),
            replaces: None,
            csr: None,
            certificate: None,
            error: None,
        }
    }

    #[test]
    fn the_status_of_an_order_follows_from_its_parts_and_the_time() {
        use AuthorizationStatus::{Deactivated, Invalid, Pending, Valid};
        let store = Store::new(
            vec![
                authorization("v", Valid),
                authorization("p", Pending),
                authorization("i", Invalid),
                authorization("d", Deactivated),
            ],
            None,
        );
        let status = |order: &Order, now| store.order_status(order, at(now));

        assert_eq!(status(&order("1", &["v"]), 0), OrderStatus::Ready);
        assert_eq!(status(&order("1", &["v", "p"]), 0), OrderStatus::Pending);
        assert_eq!(status(&order("1", &["p", "i"]), 0), OrderStatus::Invalid);
        assert_eq!(status(&order("1", &["v", "d"]), 0), OrderStatus::Invalid);
        assert_eq!(status(&order("1", &["forgotten"]), 0), OrderStatus::Invalid);
        assert_eq!(status(&order("1", &["v"]), 500), OrderStatus::Invalid);
        let mut late = order("1", &["v"]);
        late.expires = at(5000);
        assert_eq!(status(&late, 2000), OrderStatus::Invalid, "expired");
        late.csr = Some(String::new());
        assert_eq!(status(&late, 9000), OrderStatus::Processing);
        late.error = Some(Problem::new(Kind::BadCsr, "x"));
        assert_eq!(status(&late, 9000), OrderStatus::Invalid);
        late.certificate = Some(String::new());
        assert_eq!(status(&late, 9000), OrderStatus::Valid);
    }

    #[test]
    fn a_full_disk_changes_nothing_and_is_an_internal_error() {
        let mut store = Store::new(Vec::new(), Some(on_full_disk()));

        let problem = store.commit(vec![account("a")]).unwrap_err();

        assert!(problem.detail().contains("saving the change"));
        assert!(store.account("a").is_none());
    }

    #[test]
    fn what_ended_long_ago_is_forgotten_but_certified_orders_are_not() {
        let mut certified = order("2", &["v"]);
        certified.certificate = Some("c".to_owned());
        let mut store = Store::new(
            vec![
                authorization("v", AuthorizationStatus::Valid),
                Record::Order(order("1", &["v"])),
                Record::Order(certified),
            ],
            None,
        );

        store.prune(at(2000));

        assert_eq!(store.orders_of("a"), ["2"]);
        assert!(store.order("1").is_none() && store.authorization("v").is_none());
        let name = Identifier::dns("a.example");
        assert!(store.newest_authorization("a", &name, false).is_none());
    }

    #[test]
    fn records_make_the_same_store_again() {
        let mut store = Store::new(vec![account("a")], None);
        for id in ["3", "1", "2"] {
            store
                .commit(vec![Record::Order(order(id, &["v"]))])
                .unwrap();
        }

        let again = Store::new(store.records(), None);

        assert_eq!(again.orders_of("a"), ["3", "1", "2"]);
        assert!(again.account_of_key("thumbprint of a").is_some());
    }
}
