//! Dynamic client certificate generation: what a back-end profile says of it, and what it must not say.

use std::time::Duration;

use crate::codes;
use crate::error::NsError;
use crate::model::Config;
use crate::model::object::Object;
use crate::value::{Value, Values};

/// How client certificates are made (`-dynamicClientCert…` of a back-end profile).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DynamicClientCert {
    /// Longest validity.
    pub lifetime: Duration,
    /// Names of the extensions taken over; `None` for all.
    pub extensions: Option<Vec<String>>,
    /// Object identifiers of further ones, dotted.
    pub custom_oids: Vec<String>,
    /// Template of the subject; `None` for the client's own.
    pub subject: Option<String>,
    /// What kind of key they are for.
    pub key_algorithm: ForgedKeyAlgorithm,
    /// Whether each has a key of its own, and not the day's.
    pub has_fresh_key: bool,
    /// Certkey to make one from when the client showed none.
    pub fallback: Option<String>,
    /// Whether a client whose revocation status is not known gets none.
    pub drops_unknown_status: bool,
    /// Whether a client with an unknown critical extension gets none.
    pub drops_unknown_critical: bool,
    /// Patterns of names that get none.
    pub deny: Vec<String>,
    /// Most certificates kept.
    pub cache_size: usize,
    /// How long one is kept.
    pub cache_timeout: Duration,
    /// Most certificates made a second; `None` for any number.
    pub rate: Option<u64>,
    /// URL of the forging CA's CRL.
    pub crl_url: Option<String>,
    /// Whether they tell what they were made from.
    pub tells_provenance: bool,
    /// Idle connections kept for each client.
    pub idle: usize,
}

/// What kind of key generated certificates are for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ForgedKeyAlgorithm {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA of 2048 bits.
    Rsa2048,
}

impl DynamicClientCert {
    /// What a profile says.
    pub(super) fn of(profile: &Object) -> Self {
        let value = |name: &str| profile.effective(&format!("dynamicClientCert{name}"));
        let is =
            |name: &str, word: &str| value(name).as_ref().and_then(Value::as_text) == Some(word);
        let number = |name: &str| {
            value(name)
                .as_ref()
                .and_then(Value::as_integer)
                .unwrap_or(0)
        };
        let text = |name: &str| value(name)?.as_text().map(str::to_owned);
        let words = |name: &str| Some(value(name)?.as_list()?.to_vec());
        let size = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
        Self {
            lifetime: Duration::from_secs(number("Lifetime").saturating_mul(60)),
            extensions: words("Extensions"),
            custom_oids: words("CustomOids").unwrap_or_default(),
            subject: text("Subject"),
            key_algorithm: match value("KeyAlgorithm").as_ref().and_then(Value::as_text) {
                Some("P_384") => ForgedKeyAlgorithm::P384,
                Some("RSA_2048") => ForgedKeyAlgorithm::Rsa2048,
                _ => ForgedKeyAlgorithm::P256,
            },
            has_fresh_key: is("Key", "FRESH"),
            fallback: text("Fallback"),
            drops_unknown_status: !is("UnknownStatus", "IGNORE"),
            drops_unknown_critical: !is("UnknownCritical", "IGNORE"),
            deny: words("Deny").unwrap_or_default(),
            cache_size: size("CacheSize"),
            cache_timeout: Duration::from_secs(number("CacheTimeout")),
            rate: Some(number("Rate")).filter(|rate| *rate > 0),
            crl_url: text("CrlUrl"),
            tells_provenance: is("Provenance", "ENABLED"),
            idle: size("Idle"),
        }
    }
}

impl Config {
    /// A CA that signs has a key, and is not the certificate that is copied.
    pub(super) fn check_forging_ca(&self, values: &Values) -> Result<(), NsError> {
        let name = values
            .get("certkeyName")
            .and_then(Value::as_text)
            .unwrap_or_default();
        let has_key = self
            .object("ssl certKey", name)
            .is_none_or(|certkey| certkey.value("key").is_some() || certkey.is("inform", "PFX"));
        match has_key {
            true => Ok(()),
            false => Err(NsError::about(
                &codes::INVALID_VALUE,
                format!("{name} has no private key to sign with"),
            )),
        }
    }
}

/// Checks values that depend on each other, and those with a grammar of their own.
pub(super) fn check_dynamic_client_cert(values: &Values) -> Result<(), NsError> {
    let refuse = |argument: &'static str, value: &str| {
        Err(NsError::argument(
            &codes::INVALID_ARGUMENT_VALUE,
            argument,
            value,
        ))
    };
    let word = |name: &str| values.get(name).and_then(Value::as_text);
    let is_fresh = word("dynamicClientCertKey") == Some("FRESH");
    if is_fresh && word("dynamicClientCertKeyAlgorithm") == Some("RSA_2048") {
        // A new RSA key takes a tenth of a second: anyone could stop the appliance with some handshakes.
        return refuse("dynamicClientCertKey", "FRESH");
    }
    let oids = values.get("dynamicClientCertCustomOids");
    let oids = oids.and_then(Value::as_list).unwrap_or_default();
    if let Some(wrong) = oids.iter().find(|oid| !is_oid(oid)) {
        return refuse("dynamicClientCertCustomOids", wrong);
    }
    match word("dynamicClientCertCrlUrl") {
        Some(url) if !is_http_url(url) => refuse("dynamicClientCertCrlUrl", url),
        _ => match word("dynamicClientCertSubject") {
            Some(subject) if !is_subject(subject) => refuse("dynamicClientCertSubject", subject),
            _ => Ok(()),
        },
    }
}

/// Dotted numbers, the first of them 0 to 2.
fn is_oid(text: &str) -> bool {
    let is_number = |part: &str| {
        !part.is_empty() && part.len() <= 39 && part.bytes().all(|octet| octet.is_ascii_digit())
    };
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() > 1
        && matches!(parts[0], "0" | "1" | "2")
        && parts.iter().all(|part| is_number(part))
}

fn is_http_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    text.is_ascii() && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// Parts `KEYWORD=value` with commas between; the data plane knows the keywords and the names in braces.
fn is_subject(text: &str) -> bool {
    let plain = text.replace("\\,", "");
    plain.split(',').all(|part| {
        part.split_once('=')
            .is_some_and(|(keyword, value)| !keyword.trim().is_empty() && !value.trim().is_empty())
    }) && plain.matches('{').count() == plain.matches('}').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_urls_and_subjects_are_told_from_other_text() {
        assert!(is_oid("1.3.6.1.4.1.311.25.2") && is_oid("2.5.29.17"));
        assert!(!is_oid("3.1") && !is_oid("1") && !is_oid("1..2") && !is_oid("keyUsage"));
        assert!(
            is_http_url("http://crl.example/a.crl")
                && !is_http_url("ldap://x")
                && !is_http_url("http:///x")
        );
        assert!(
            is_subject("DC=corp,O=A\\, B,CN={UPN}")
                && !is_subject("alice")
                && !is_subject("CN={UPN")
        );
    }
}
