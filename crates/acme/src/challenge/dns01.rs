//! dns-01: a TXT record at `_acme-challenge.<name>` (RFC 8555 §8.4).

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use evercert_dns::TxtTarget;

use super::{ChallengeType, key_authorization};
use crate::authorization::Authorization;
use crate::key::AccountKey;

/// The record's value: 43 characters of base64url.
///
/// A name and its wildcard share the record's name and have two values, which must stand together.
pub fn dns01_value(token: &str, key: &AccountKey) -> String {
    let text = key_authorization(token, key);
    BASE64URL.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// The record's name, before any CNAME is followed; without final dot.
pub fn record_name(authorization: &Authorization) -> String {
    let value = &authorization.identifier.value;
    format!(
        "_acme-challenge.{}",
        value.strip_prefix("*.").unwrap_or(value)
    )
}

/// What has to be published for authorizations, grouped by the name where it stands: the values of
/// one group must stand together, and are written under one lock.
///
/// `effective` tells where a record's name leads when CNAMEs are followed. Authorizations without a
/// dns-01 challenge to solve are left out.
pub fn targets<'a>(
    authorizations: impl IntoIterator<Item = &'a Authorization>,
    key: &AccountKey,
    effective: impl Fn(&str) -> String,
) -> BTreeMap<String, Vec<TxtTarget>> {
    let mut groups = BTreeMap::<String, Vec<TxtTarget>>::new();
    for authorization in authorizations {
        let Some(challenge) = authorization.to_solve(&ChallengeType::Dns01) else {
            continue;
        };
        let name = effective(&record_name(authorization));
        let target = TxtTarget::new(&name, dns01_value(challenge.token(), key));
        groups.entry(target.fqdn.clone()).or_default().push(target);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SignatureAlgorithm;

    fn pending(value: &str, token: &str) -> Authorization {
        let text = format!(
            r#"{{"status": "pending", "identifier": {{"type": "dns", "value": "{value}"}},
                "challenges": [{{"type": "dns-01", "url": "u", "token": "{token}"}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn values_are_grouped_by_the_name_where_they_stand() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();
        let mut all = vec![
            pending("example.org", "a"),
            pending("example.org", "b"),
            pending("www.example.org", "c"),
            pending("done.example", "d"),
        ];
        all[3].status = crate::AuthorizationStatus::Valid;

        let groups = targets(&all, &key, |name| match name {
            "_acme-challenge.www.example.org" => "Www.Delegated.Example.".to_owned(),
            other => other.to_owned(),
        });

        let names: Vec<_> = groups.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["_acme-challenge.example.org", "www.delegated.example"]
        );
        assert_eq!(groups["_acme-challenge.example.org"].len(), 2);
        assert_eq!(
            groups["www.delegated.example"][0].value,
            dns01_value("c", &key)
        );
    }

    #[test]
    fn values_are_43_characters_and_differ_by_token_and_key() {
        let keys = [(); 2].map(|()| AccountKey::generate(SignatureAlgorithm::Es256).unwrap());

        let values = [
            dns01_value("a", &keys[0]),
            dns01_value("b", &keys[0]),
            dns01_value("a", &keys[1]),
        ];

        assert!(values.iter().all(|value| value.len() == 43));
        assert!(values[0] != values[1] && values[0] != values[2]);
    }

    #[test]
    fn a_name_and_its_wildcard_share_the_record() {
        let at = |value: &str| {
            let text = format!(
                r#"{{"status":"pending","identifier":{{"type":"dns","value":"{value}"}}}}"#
            );
            record_name(&serde_json::from_str(&text).unwrap())
        };

        assert_eq!(at("example.org"), "_acme-challenge.example.org");
        assert_eq!(at("*.example.org"), "_acme-challenge.example.org");
    }
}
