//! What a certificate is ordered for: DNS names and IP addresses (RFC 8555 §9.7.7, RFC 8738).

use std::net::IpAddr;

use evercert_types::DomainName;
use serde::{Deserialize, Serialize};

use crate::config::CaConfig;
use crate::problem::{Kind, Problem};

/// Most identifiers one order may have.
pub(crate) const MAX_IDENTIFIERS: usize = 100;

/// An identifier as it stands in orders and authorizations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Identifier {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: String,
}

/// What an order asks for, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Dns(DomainName),
    Ip(IpAddr),
}

impl Subject {
    /// As it stands in an order: a wildcard with its `*.`.
    pub(crate) fn identifier(&self) -> Identifier {
        match self {
            Self::Dns(name) => Identifier::dns(name.as_str()),
            Self::Ip(ip) => Identifier {
                kind: "ip".to_owned(),
                value: ip.to_string(),
            },
        }
    }

    /// As it stands in an authorization: the name without `*.` (RFC 8555 §7.1.4).
    pub(crate) fn authorized(&self) -> Identifier {
        match self {
            Self::Dns(name) => Identifier::dns(name.base()),
            Self::Ip(_) => self.identifier(),
        }
    }

    pub(crate) fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.is_wildcard())
    }
}

impl Identifier {
    pub(crate) fn dns(value: &str) -> Self {
        Self {
            kind: "dns".to_owned(),
            value: value.to_owned(),
        }
    }

    /// Reads what was kept; it was checked when it came in.
    pub(crate) fn subject(&self) -> Option<Subject> {
        match self.kind.as_str() {
            "dns" => self.value.parse().ok().map(Subject::Dns),
            "ip" => self.value.parse().ok().map(Subject::Ip),
            _ => None,
        }
    }
}

/// Checks the identifiers of a newOrder; duplicates are dropped.
///
/// # Errors
/// One problem with a sub-problem for each identifier that is refused.
pub(crate) fn accept(
    identifiers: &[Identifier],
    config: &CaConfig,
) -> Result<Vec<Subject>, Problem> {
    if identifiers.is_empty() {
        return Err(Problem::malformed("an order needs at least one identifier"));
    }
    if identifiers.len() > MAX_IDENTIFIERS {
        return Err(Problem::malformed(format!(
            "an order may have at most {MAX_IDENTIFIERS} identifiers; this one has {}",
            identifiers.len()
        )));
    }
    let mut subjects: Vec<Subject> = Vec::new();
    let mut refused: Vec<(Identifier, Kind, String)> = Vec::new();
    for identifier in identifiers {
        match accept_one(identifier, config) {
            Ok(subject) if subjects.contains(&subject) => {}
            Ok(subject) => subjects.push(subject),
            Err((kind, why)) => refused.push((identifier.clone(), kind, why)),
        }
    }
    let Some((first, kind, why)) = refused.first() else {
        return Ok(subjects);
    };
    let detail = match refused.len() {
        1 => format!("cannot issue for \"{}\": {why}", first.value),
        more => format!(
            "cannot issue for \"{}\": {why} (and {} more)",
            first.value,
            more - 1
        ),
    };
    let problem = Problem::new(*kind, detail);
    Err(refused
        .into_iter()
        .fold(problem, |all, (identifier, kind, why)| {
            all.with_sub(identifier, kind, why)
        }))
}

fn accept_one(identifier: &Identifier, config: &CaConfig) -> Result<Subject, (Kind, String)> {
    match identifier.kind.as_str() {
        "dns" => accept_name(&identifier.value, config).map(Subject::Dns),
        "ip" if config.ip_identifiers => identifier
            .value
            .parse()
            .map(Subject::Ip)
            .map_err(|_| (Kind::Malformed, "it is no IP address".to_owned())),
        other => Err((
            Kind::UnsupportedIdentifier,
            format!("identifiers of type \"{other}\" are not issued for"),
        )),
    }
}

fn accept_name(value: &str, config: &CaConfig) -> Result<DomainName, (Kind, String)> {
    if !value.is_ascii() {
        return Err((
            Kind::Malformed,
            "an internationalised name must be given as A-labels".to_owned(),
        ));
    }
    let name = DomainName::new(value).map_err(|error| (Kind::Malformed, error.to_string()))?;
    if value.ends_with('.') || value.trim() != value {
        return Err((
            Kind::Malformed,
            "a name has no final dot and no spaces".to_owned(),
        ));
    }
    if name.as_str().contains('_') {
        return Err((
            Kind::RejectedIdentifier,
            "a name in a certificate has no underscore".to_owned(),
        ));
    }
    let rejected = config
        .rejected_domains
        .iter()
        .find(|domain| name.is_within(domain.base()));
    match rejected {
        Some(domain) => Err((
            Kind::RejectedIdentifier,
            format!("policy forbids issuing below {domain}"),
        )),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refused_identifier_gets_its_own_word() {
        let config = CaConfig {
            rejected_domains: vec!["bank.example".parse().unwrap()],
            ip_identifiers: false,
            ..CaConfig::default()
        };
        let identifiers = [
            Identifier::dns("good.example"),
            Identifier::dns("www.bank.example"),
            Identifier::dns("bücher.example"),
            Identifier {
                kind: "ip".into(),
                value: "192.0.2.1".into(),
            },
        ];

        let problem = accept(&identifiers, &config).unwrap_err();

        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            json["type"],
            "urn:ietf:params:acme:error:rejectedIdentifier"
        );
        assert_eq!(json["subproblems"].as_array().unwrap().len(), 3);
        assert_eq!(json["subproblems"][2]["identifier"]["type"], "ip");
    }

    #[test]
    fn duplicates_and_case_are_folded() {
        let identifiers = [
            Identifier::dns("A.example"),
            Identifier::dns("a.example"),
            Identifier::dns("*.a.example"),
        ];

        let subjects = accept(&identifiers, &CaConfig::default()).unwrap();

        assert_eq!(subjects.len(), 2);
        assert!(subjects[1].is_wildcard());
        assert_eq!(subjects[1].authorized(), Identifier::dns("a.example"));
    }
}
