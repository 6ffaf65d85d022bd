//! Orders: asking for a certificate and following it (RFC 8555 §7.1.3, §7.4).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use evercert_types::DomainName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::account::Account;
use crate::authorization::{Authorization, AuthorizationStatus};
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::poll::{Resource, Verdict};
use crate::problem::Problem;
use crate::stage::Stage;
use crate::wire::{lenient_time, null_as_default, open_words};

/// What a certificate is to be for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// Of what kind.
    #[serde(rename = "type")]
    pub kind: IdentifierType,
    /// A domain name in A-labels (in an order perhaps with `*.`), or an IP address.
    pub value: String,
}

/// An order as the CA shows it, with its URL; can be saved and read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Where it can be read again.
    #[serde(default)]
    pub url: String,
    /// How far it is.
    pub status: OrderStatus,
    /// What was asked for; not in the order it was asked.
    #[serde(default, deserialize_with = "null_as_default")]
    pub identifiers: Vec<Identifier>,
    /// The URLs of its authorizations; in no order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub authorizations: Vec<String>,
    /// Where the CSR goes.
    pub finalize: String,
    /// Where the certificate is, once the order is valid.
    #[serde(default)]
    pub certificate: Option<String>,
    /// When the CA gives the order up.
    #[serde(default, deserialize_with = "lenient_time")]
    pub expires: Option<Timestamp>,
    /// When the certificate is asked to begin.
    #[serde(default, deserialize_with = "lenient_time")]
    pub not_before: Option<Timestamp>,
    /// When the certificate is asked to end.
    #[serde(default, deserialize_with = "lenient_time")]
    pub not_after: Option<Timestamp>,
    /// Why it is invalid.
    #[serde(default)]
    pub error: Option<Problem>,
    /// The profile the CA applies (draft-ietf-acme-profiles).
    #[serde(default)]
    pub profile: Option<String>,
    /// The certificate it replaces (RFC 9773 §5), when the CA accepted that.
    #[serde(default)]
    pub replaces: Option<String>,
    /// When the CA wants to be asked again; of the last answer only, never saved.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// What is ordered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewOrder {
    /// The names and addresses.
    pub identifiers: Vec<Identifier>,
    /// One of the directory's profiles; the CA's default without.
    pub profile: Option<String>,
    /// The certificate id (RFC 9773 §4.1) of the one it replaces; see
    /// [`AcmeError::may_be_due_to_replaces`].
    pub replaces: Option<String>,
    /// When it shall begin; most CAs refuse or ignore it.
    pub not_before: Option<Timestamp>,
    /// When it shall end; most CAs refuse or ignore it.
    pub not_after: Option<Timestamp>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It can be finalized, or is beyond that.
    Ready,
    /// The certificate can be downloaded.
    Valid,
}

open_words! {
    /// How far an order is (RFC 8555 §7.1.6).
    OrderStatus {
        /// Authorizations are missing.
        Pending = "pending",
        /// It waits for the CSR.
        Ready = "ready",
        /// The CA issues.
        Processing = "processing",
        /// The certificate is there.
        Valid = "valid",
        /// It failed.
        Invalid = "invalid",
    }
    /// The kinds of identifiers (RFC 8555 §9.7.7).
    IdentifierType {
        /// A domain name.
        Dns = "dns",
        /// An IP address (RFC 8738).
        Ip = "ip",
    }
}

impl Identifier {
    /// A domain name, perhaps a wildcard.
    pub fn dns(name: &DomainName) -> Self {
        Self {
            kind: IdentifierType::Dns,
            value: name.as_str().to_owned(),
        }
    }

    /// An address, IPv6 in the form of RFC 5952.
    pub fn ip(address: IpAddr) -> Self {
        Self {
            kind: IdentifierType::Ip,
            value: address.to_string(),
        }
    }
}

impl fmt::Display for Identifier {
    /// Its value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

impl NewOrder {
    /// An order with the CA's defaults.
    pub fn new(identifiers: impl IntoIterator<Item = Identifier>) -> Self {
        Self {
            identifiers: identifiers.into_iter().collect(),
            ..Self::default()
        }
    }

    fn payload(&self) -> Value {
        let mut payload = json!({ "identifiers": self.identifiers });
        let words = [
            ("profile", self.profile.clone()),
            ("replaces", self.replaces.clone()),
            ("notBefore", self.not_before.map(whole_seconds)),
            ("notAfter", self.not_after.map(whole_seconds)),
        ];
        for (member, value) in words {
            if let Some(value) = value {
                payload[member] = value.into();
            }
        }
        payload
    }
}

impl Order {
    /// Where the certificate is.
    ///
    /// # Errors
    /// [`AcmeError::Malformed`] when the order has none, as before it is valid.
    pub fn certificate_url(&self) -> Result<&str, AcmeError> {
        self.certificate
            .as_deref()
            .ok_or_else(|| AcmeError::Malformed {
                stage: Stage::Order,
                url: self.url.clone(),
                what: "the order names no certificate".to_owned(),
                excerpt: format!("status {}", self.status),
            })
    }

    /// Whether nothing more will come of it: `invalid`, or a word that some CAs use instead.
    pub fn is_lost(&self) -> bool {
        match &self.status {
            OrderStatus::Invalid => true,
            OrderStatus::Other(word) => matches!(
                word.as_str(),
                "deactivated" | "expired" | "revoked" | "canceled" | "cancelled"
            ),
            _ => false,
        }
    }
}

impl Account {
    /// Places an order; save the URL of what comes back.
    ///
    /// The CA may answer with an older order for the same names, or one that is ready at once. It
    /// is repeated only when the CA surely did not get it: otherwise look into [`Self::orders`] or
    /// order again.
    ///
    /// # Errors
    /// What the CA refuses, [`AcmeError::Problem`], per name where it says so.
    pub async fn new_order(&self, new: &NewOrder) -> Result<Order, AcmeError> {
        let url = &self.client().directory().new_order;
        let payload = new.payload();
        let post = Post::act(Stage::NewOrder, url, &payload, Repeat::IfNeverArrived);
        let reply = self.post(&post, self.client().deadline()).await?;
        let url = reply.location()?;
        Order::from_reply(&reply, &url)
    }

    /// Reads an order.
    ///
    /// # Errors
    /// What the CA or the network refuses.
    pub async fn order(&self, url: &str) -> Result<Order, AcmeError> {
        self.read(url).await
    }

    /// Reads an order until it is what is waited for.
    ///
    /// # Errors
    /// [`AcmeError::OrderInvalid`] when it failed, with the authorizations that did if the order
    /// itself does not say why; [`AcmeError::Timeout`] at the deadline.
    pub async fn poll_order(
        &self,
        url: &str,
        until: Until,
        deadline: Instant,
    ) -> Result<Order, AcmeError> {
        let order: Order = self
            .poll(url, deadline, |order: &Order| verdict(order, until))
            .await?;
        if !order.is_lost() {
            return Ok(order);
        }
        let failures = match order.error {
            Some(_) => Vec::new(),
            None => self.failed_authorizations(&order, deadline).await,
        };
        Err(AcmeError::OrderInvalid {
            order: Box::new(order),
            failures,
        })
    }

    /// The authorizations that explain a failed order, as far as they can be read.
    async fn failed_authorizations(&self, order: &Order, deadline: Instant) -> Vec<Authorization> {
        let mut failures = Vec::new();
        for url in &order.authorizations {
            let Ok(authorization) = self.read_by::<Authorization>(url, deadline).await else {
                break;
            };
            let fine = [AuthorizationStatus::Pending, AuthorizationStatus::Valid];
            if !fine.contains(&authorization.status) {
                failures.push(authorization);
            }
        }
        failures
    }
}

impl Resource for Order {
    const STAGE: Stage = Stage::Order;

    fn placed_at(&mut self, url: &str, retry_after: Option<Duration>) {
        url.clone_into(&mut self.url);
        self.retry_after = retry_after;
    }

    fn state(&self) -> &str {
        self.status.as_str()
    }
}

fn verdict(order: &Order, until: Until) -> Verdict {
    let reached = match (&order.status, until) {
        (OrderStatus::Valid, Until::Valid) => order.certificate.is_some(),
        (OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid, Until::Ready) => true,
        _ => order.is_lost(),
    };
    if reached {
        Verdict::Finished
    } else {
        Verdict::Wait
    }
}

/// RFC 3339 without fractions, which some CAs cannot read.
fn whole_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Order {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_example_of_rfc_8555_section_7_1_3_is_read() {
        let order = order(
            r#"{
            "status": "valid", "expires": "2016-01-20T14:09:07.99Z",
            "identifiers": [{"type": "dns", "value": "www.example.org"},
                            {"type": "dns", "value": "example.org"}],
            "notBefore": "2016-01-01T00:00:00Z", "notAfter": "2016-01-08T00:00:00Z",
            "authorizations": ["https://example.com/acme/authz/PAniVnsZcis",
                               "https://example.com/acme/authz/r4HqLzrSrpI"],
            "finalize": "https://example.com/acme/order/TOlocE8rfgo/finalize",
            "certificate": "https://example.com/acme/cert/mAt3xBGaobw"}"#,
        );

        assert_eq!(order.status, OrderStatus::Valid);
        assert_eq!(order.authorizations.len(), 2);
        assert_eq!(order.expires.unwrap().as_second(), 1_453_298_947);
        assert_eq!(verdict(&order, Until::Valid), Verdict::Finished);
    }

    #[test]
    fn illegal_states_and_unknown_identifiers_are_kept_as_text() {
        let order = order(
            r#"{"status": "deactivated", "finalize": "f", "authorizations": null,
                "identifiers": [{"type": "permanent-identifier", "value": "123"}]}"#,
        );

        assert_eq!(order.status, OrderStatus::Other("deactivated".to_owned()));
        assert_eq!(order.identifiers[0].kind.as_str(), "permanent-identifier");
        assert!(order.is_lost());
    }

    #[test]
    fn an_order_survives_storage() {
        let order = order(
            r#"{"url": "https://ca/o/1", "status": "resting", "finalize": "f", "new": true,
                "error": {"type": "urn:ietf:params:acme:error:caa", "detail": "no", "x": [1]}}"#,
        );

        let text = serde_json::to_string(&order).unwrap();

        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
        assert!(text.contains("resting") && text.contains("\"x\":[1]"));
    }

    #[test]
    fn ready_or_beyond_is_enough_to_finalize_and_an_unknown_state_is_waited_out() {
        let at = |status: &str| order(&format!(r#"{{"status":"{status}","finalize":"f"}}"#));

        for status in ["ready", "processing", "valid", "invalid"] {
            assert_eq!(
                verdict(&at(status), Until::Ready),
                Verdict::Finished,
                "{status}"
            );
        }
        for status in ["pending", "hibernating"] {
            assert_eq!(
                verdict(&at(status), Until::Ready),
                Verdict::Wait,
                "{status}"
            );
        }
        for status in ["pending", "ready", "processing", "valid"] {
            assert_eq!(
                verdict(&at(status), Until::Valid),
                Verdict::Wait,
                "{status}"
            );
        }
    }

    #[test]
    fn only_what_was_given_is_ordered() {
        let plain = NewOrder::new([Identifier::ip("2001:DB8::1".parse().unwrap())]);
        let full = NewOrder {
            profile: Some("shortlived".to_owned()),
            replaces: Some("a.b".to_owned()),
            not_after: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
            ..NewOrder::new([Identifier::dns(&"*.Example.com".parse().unwrap())])
        };

        assert_eq!(
            plain.payload(),
            json!({"identifiers": [{"type": "ip", "value": "2001:db8::1"}]})
        );
        assert_eq!(
            full.payload(),
            json!({"identifiers": [{"type": "dns", "value": "*.example.com"}],
                   "profile": "shortlived", "replaces": "a.b",
                   "notAfter": "2026-01-02T03:04:05Z"})
        );
    }
}
