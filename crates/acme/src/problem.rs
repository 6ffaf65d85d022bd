//! Problem documents: a CA's own account of what went wrong (RFC 9457, RFC 8555 §6.7).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::fault::Fault;
use crate::order::Identifier;
use crate::stage::Stage;

/// What a CA says went wrong, typed where it can be and kept word for word.
///
/// Serialises as the CA's JSON; reading never fails, whatever the JSON holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The type URN, `urn:ietf:params:acme:error:…`; `about:blank` when the CA names none.
    pub problem_type: String,
    /// A short title, seldom given.
    pub title: Option<String>,
    /// The explanation for people.
    pub detail: Option<String>,
    /// The HTTP status: that of the answer, else the document's own.
    pub status: Option<u16>,
    /// A URL where the account's holder may act: terms to accept, for instance.
    pub instance: Option<String>,
    /// One problem for each name that is at fault (RFC 8555 §6.7.1).
    pub subproblems: Vec<Subproblem>,
    /// How long to wait, from the `Retry-After` header or the date in the detail.
    pub retry_after: Option<Duration>,
    /// The step it answered; absent inside an order or a challenge.
    pub stage: Option<Stage>,
    /// The document as received; as JSON text when it stood inside another object.
    pub verbatim: String,
}

/// What is wrong with one of several identifiers (RFC 8555 §6.7.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Subproblem {
    /// The type URN.
    pub problem_type: String,
    /// The explanation for people.
    pub detail: Option<String>,
    /// Which name it is about.
    pub identifier: Option<Identifier>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The registered error types (RFC 8555 §6.7, RFC 9773 §7.4, ACME profiles).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* $variant,)*
            /// A type this version does not know, or none.
            Other,
        }

        impl ProblemKind {
            /// Every registered kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The last part of the URN; empty for [`Self::Other`].
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* Self::Other => "" }
            }

            fn from_type(problem_type: &str) -> Self {
                let name = problem_type
                    .strip_prefix("urn:ietf:params:acme:error:")
                    .or_else(|| problem_type.strip_prefix("urn:acme:error:"));
                match name { $(Some($text) => Self::$variant,)* _ => Self::Other }
            }
        }
    };
}

kinds! {
    /// The account does not exist at this CA.
    AccountDoesNotExist = "accountDoesNotExist",
    /// The terms of service must be agreed to (draft-era name, still sent by Pebble).
    AgreementRequired = "agreementRequired",
    /// The certificate named in `replaces` was already replaced (RFC 9773).
    AlreadyReplaced = "alreadyReplaced",
    /// The certificate was already revoked.
    AlreadyRevoked = "alreadyRevoked",
    /// The CSR is unacceptable.
    BadCsr = "badCSR",
    /// The nonce was unacceptable.
    BadNonce = "badNonce",
    /// The account's or certificate's public key is unacceptable.
    BadPublicKey = "badPublicKey",
    /// The revocation reason is not allowed.
    BadRevocationReason = "badRevocationReason",
    /// The signature algorithm is not supported.
    BadSignatureAlgorithm = "badSignatureAlgorithm",
    /// CAA records forbid the CA to issue.
    Caa = "caa",
    /// Several problems; see the sub-problems.
    Compound = "compound",
    /// The request conflicts with a current state.
    Conflict = "conflict",
    /// The CA could not connect to the validation target.
    Connection = "connection",
    /// A DNS look-up failed during validation.
    Dns = "dns",
    /// The CA wants an external account binding.
    ExternalAccountRequired = "externalAccountRequired",
    /// The response to the challenge did not match.
    IncorrectResponse = "incorrectResponse",
    /// A contact address is invalid.
    InvalidContact = "invalidContact",
    /// The CA does not offer the profile asked for.
    InvalidProfile = "invalidProfile",
    /// The request was malformed.
    Malformed = "malformed",
    /// The order is not yet ready to be finalized.
    OrderNotReady = "orderNotReady",
    /// A rate limit was reached.
    RateLimited = "rateLimited",
    /// The CA will not issue for the identifier.
    RejectedIdentifier = "rejectedIdentifier",
    /// An internal error of the CA.
    ServerInternal = "serverInternal",
    /// A TLS error during validation.
    Tls = "tls",
    /// The account or key is not allowed, or validation found the wrong value.
    Unauthorized = "unauthorized",
    /// A contact URL's scheme is not supported.
    UnsupportedContact = "unsupportedContact",
    /// An identifier's type is not supported.
    UnsupportedIdentifier = "unsupportedIdentifier",
    /// The account's holder must visit `instance`.
    UserActionRequired = "userActionRequired",
}

impl Problem {
    /// Reads a problem out of JSON of any shape.
    pub fn from_json(value: &Value) -> Self {
        Self {
            problem_type: text(value, "type").unwrap_or_else(|| "about:blank".to_owned()),
            title: text(value, "title"),
            detail: text(value, "detail"),
            status: value["status"].as_u64().and_then(|n| n.try_into().ok()),
            instance: text(value, "instance"),
            subproblems: value["subproblems"]
                .as_array()
                .map(|list| list.iter().map(Subproblem::from_json).collect())
                .unwrap_or_default(),
            retry_after: None,
            stage: None,
            verbatim: value.to_string(),
        }
    }

    /// The registered kind.
    pub fn kind(&self) -> ProblemKind {
        ProblemKind::from_type(&self.problem_type)
    }

    /// Whose fault it is, and so which back-off applies.
    pub fn fault(&self) -> Fault {
        use ProblemKind as K;
        match self.kind() {
            K::RateLimited if self.unpause_url().is_some() => Fault::Configuration,
            K::RateLimited => Fault::RateLimited,
            K::BadNonce | K::ServerInternal => Fault::Outage,
            K::OrderNotReady | K::Conflict => Fault::Transient,
            K::Caa | K::Connection | K::Dns | K::IncorrectResponse | K::Tls => Fault::Validation,
            K::Unauthorized if self.stage.is_none() => Fault::Validation,
            K::Compound => self.compound_fault(),
            K::Other => match self.status {
                Some(429) => Fault::RateLimited,
                Some(408 | 500..) => Fault::Outage,
                None => Fault::Validation,
                _ => Fault::Configuration,
            },
            _ if self.status.is_some_and(|status| status >= 500) => Fault::Outage,
            _ => Fault::Configuration,
        }
    }

    /// Whether the same request may succeed later with nothing changed here.
    ///
    /// A CAA record or a wrong response has to be changed first, so these say no.
    pub fn is_retryable(&self) -> bool {
        match self.fault() {
            Fault::RateLimited | Fault::Outage | Fault::Transient => true,
            Fault::Validation => !matches!(
                self.kind(),
                ProblemKind::Caa | ProblemKind::Unauthorized | ProblemKind::IncorrectResponse
            ),
            Fault::Configuration => false,
        }
    }

    /// Where to lift a pause that Let's Encrypt laid on the account: waiting does not help then.
    pub fn unpause_url(&self) -> Option<&str> {
        let detail = self.detail.as_deref()?;
        let paused = detail.contains("temporarily prevented") || detail.contains("unpause");
        let url = &detail[detail.find("https://").filter(|_| paused)?..];
        let end = url.find(char::is_whitespace).unwrap_or(url.len());
        Some(url[..end].trim_end_matches(['.', ',', ')']))
    }

    /// What its reader can do about it.
    pub fn remedy(&self) -> String {
        if let Some(url) = self.unpause_url() {
            return format!("The CA has paused these names after many failures; unpause at {url}.");
        }
        let instance = self.instance.as_deref().unwrap_or("the CA's site");
        let kind = self.kind();
        if kind == ProblemKind::UserActionRequired {
            return format!("Visit {instance} and do what the CA asks there, then try again.");
        }
        kind.remedy().to_owned()
    }

    fn compound_fault(&self) -> Fault {
        let kinds: Vec<_> = self.subproblems.iter().map(Subproblem::kind).collect();
        let validation = |kind: &ProblemKind| {
            use ProblemKind as K;
            matches!(
                kind,
                K::Caa | K::Connection | K::Dns | K::IncorrectResponse | K::Tls
            )
        };
        if !kinds.is_empty() && kinds.iter().all(validation) {
            Fault::Validation
        } else {
            Fault::Configuration
        }
    }
}

impl fmt::Display for Problem {
    /// `detail (type)`, then each sub-problem with its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.detail.as_deref().or(self.title.as_deref());
        let short = self
            .problem_type
            .rsplit(':')
            .next()
            .unwrap_or(&self.problem_type);
        match words {
            Some(words) => write!(f, "{words} ({short})")?,
            None => write!(f, "{short}")?,
        }
        self.subproblems
            .iter()
            .try_for_each(|sub| write!(f, "; {sub}"))
    }
}

impl Subproblem {
    /// The registered kind.
    pub fn kind(&self) -> ProblemKind {
        ProblemKind::from_type(&self.problem_type)
    }

    fn from_json(value: &Value) -> Self {
        Self {
            problem_type: text(value, "type").unwrap_or_else(|| "about:blank".to_owned()),
            detail: text(value, "detail").or_else(|| text(value, "title")),
            identifier: Identifier::deserialize(&value["identifier"]).ok(),
        }
    }
}

impl fmt::Display for Subproblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(identifier) = &self.identifier {
            write!(f, "{identifier}: ")?;
        }
        f.write_str(self.detail.as_deref().unwrap_or(&self.problem_type))
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.verbatim).unwrap_or_default();
        value.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::from_json(&Value::deserialize(d)?))
    }
}

impl ProblemKind {
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::AccountDoesNotExist => {
                "The CA does not know this account: check that the directory URL is the one it was \
                 registered at (staging and production differ), or register again."
            }
            Self::AgreementRequired => "Agree to the CA's terms of service and register again.",
            Self::AlreadyReplaced => "Order again without naming the certificate it replaces.",
            Self::AlreadyRevoked => "Nothing to do: the certificate is revoked.",
            Self::BadCsr | Self::BadPublicKey => {
                "Choose another key algorithm or size; the certificate's key must differ from the \
                 account's, and the CSR must hold the order's names and nothing more."
            }
            Self::BadNonce | Self::ServerInternal => {
                "The CA has trouble of its own; it is tried again by itself."
            }
            Self::BadRevocationReason => "Choose another revocation reason.",
            Self::BadSignatureAlgorithm => "Register an account with an ES256 key.",
            Self::Caa => "Allow this CA in the CAA records of the domain, then order again.",
            Self::Compound | Self::RejectedIdentifier | Self::UnsupportedIdentifier => {
                "Remove or correct the names that the CA refuses."
            }
            Self::Conflict | Self::OrderNotReady => "Read the order again and go on from there.",
            Self::Connection | Self::Tls => {
                "Make the validation address reachable from the Internet, over IPv4 and IPv6."
            }
            Self::Dns => {
                "Check that every authoritative server of the zone answers, and its DNSSEC."
            }
            Self::ExternalAccountRequired => {
                "Enter the key id and HMAC key (EAB) that the CA's portal gives."
            }
            Self::IncorrectResponse => {
                "Check that the validation record or file holds the value of this order."
            }
            Self::InvalidContact | Self::UnsupportedContact => {
                "Correct the account's e-mail address."
            }
            Self::InvalidProfile => "Choose a profile that the CA's directory lists.",
            Self::Malformed => "Check the directory URL and the names; the CA's words say which.",
            Self::RateLimited => "Wait until the time the CA names; asking earlier does not help.",
            Self::Unauthorized => {
                "Check that the account may order these names: EAB, pre-validated domains, and \
                 that the validation record is visible to the CA."
            }
            Self::UserActionRequired | Self::Other => "Do what the CA's own words say.",
        }
    }
}

fn text(value: &Value, member: &str) -> Option<String> {
    match &value[member] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(value: Value) -> Problem {
        Problem::from_json(&value)
    }

    #[test]
    fn the_example_of_rfc_8555_section_6_7_1_is_read() {
        let problem = problem(json!({
            "type": "urn:ietf:params:acme:error:malformed",
            "detail": "Some of the identifiers requested were rejected",
            "subproblems": [
                {"type": "urn:ietf:params:acme:error:malformed",
                 "detail": "Invalid underscore in DNS name \"_example.org\"",
                 "identifier": {"type": "dns", "value": "_example.org"}},
                {"type": "urn:ietf:params:acme:error:rejectedIdentifier",
                 "detail": "This CA will not issue for \"example.net\"",
                 "identifier": {"type": "dns", "value": "example.net"}}
            ]
        }));

        assert_eq!(problem.kind(), ProblemKind::Malformed);
        assert_eq!(
            problem.subproblems[1].kind(),
            ProblemKind::RejectedIdentifier
        );
        assert_eq!(
            problem.to_string(),
            "Some of the identifiers requested were rejected (malformed); \
             _example.org: Invalid underscore in DNS name \"_example.org\"; \
             example.net: This CA will not issue for \"example.net\""
        );
    }

    #[test]
    fn every_kind_round_trips_through_its_urn_and_has_a_remedy() {
        for kind in ProblemKind::ALL {
            for prefix in ["urn:ietf:params:acme:error:", "urn:acme:error:"] {
                let problem = problem(json!({"type": format!("{prefix}{}", kind.as_str())}));
                assert_eq!(problem.kind(), *kind);
                assert!(!problem.remedy().is_empty());
            }
        }
    }

    #[test]
    fn odd_members_do_not_lose_the_problem() {
        let problem = problem(json!({
            "type": 7, "detail": {"a": 1}, "status": "500", "subproblems": [null, {"identifier": 1}]
        }));

        assert_eq!(problem.problem_type, "7");
        assert_eq!(problem.detail.as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(problem.status, None);
        assert_eq!(problem.subproblems.len(), 2);
    }

    #[test]
    fn a_pause_is_for_the_operator_and_not_for_waiting() {
        let problem = problem(json!({
            "type": "urn:ietf:params:acme:error:rateLimited",
            "detail": "Your account is temporarily prevented from requesting certificates for \
                       example.com and possibly others. Please visit: https://ca.test/unpause?jwt=x.",
            "status": 429
        }));

        assert_eq!(problem.unpause_url(), Some("https://ca.test/unpause?jwt=x"));
        assert!(!problem.is_retryable());
        assert!(problem.remedy().contains("https://ca.test/unpause?jwt=x"));
    }

    #[test]
    fn faults_follow_the_policy_table() {
        let fault = |kind: &str| {
            problem(json!({"type": format!("urn:ietf:params:acme:error:{kind}")})).fault()
        };

        assert_eq!(fault("rateLimited"), Fault::RateLimited);
        assert_eq!(fault("serverInternal"), Fault::Outage);
        assert_eq!(fault("dns"), Fault::Validation);
        assert_eq!(fault("unauthorized"), Fault::Validation);
        assert_eq!(fault("badCSR"), Fault::Configuration);
        assert_eq!(fault("orderNotReady"), Fault::Transient);
    }

    fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z:]{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                Just("type".to_owned()),
                Just("detail".to_owned()),
                Just("status".to_owned()),
                Just("subproblems".to_owned()),
                Just("identifier".to_owned()),
                "[a-z]{1,6}",
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key, inner, 0..5)
                    .prop_map(|map| Value::from(serde_json::Map::from_iter(map))),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn any_json_is_read_and_kept_word_for_word(value in any_json()) {
            let problem: Problem = serde_json::from_value(value.clone()).unwrap();

            proptest::prop_assert_eq!(serde_json::to_value(&problem).unwrap(), value);
            proptest::prop_assert!(!problem.remedy().is_empty());
            proptest::prop_assert!(problem.to_string().len() >= problem.subproblems.len());
        }

        #[test]
        fn any_detail_can_be_searched_for_a_link(detail in "\\PC{0,60}( https://)?\\PC{0,20}") {
            let problem = problem(json!({ "detail": format!("unpause {detail}") }));
            if let Some(url) = problem.unpause_url() {
                proptest::prop_assert!(url.starts_with("https"));
            }
        }
    }
}
