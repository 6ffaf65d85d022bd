//! Who may issue: CAA records, found by climbing the tree, and what they say to one CA (RFC 8659, RFC 8657).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::lookup::LookupError;
use crate::name;
use crate::resolver::Resolver;

/// Tags whose meaning is known here; another one with the critical flag forbids issuing.
const KNOWN_TAGS: [&str; 6] = [
    "issue",
    "issuewild",
    "issuemail",
    "iodef",
    "contactemail",
    "contactphone",
];

/// One CAA record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaaRecord {
    /// Whether a CA that does not know the tag must not issue.
    pub critical: bool,
    /// Such as `issue`; lower case.
    pub tag: String,
    /// As published.
    pub value: String,
}

/// The records that count for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaaSet {
    /// Where in the tree they stand.
    pub owner: String,
    /// All of them; at least one.
    pub records: Vec<CaaRecord>,
}

/// A CA about to issue.
#[derive(Clone, Copy, Debug)]
pub struct CaaIssuer<'a> {
    /// Its names in CAA records, as its directory lists them.
    pub identities: &'a [String],
    /// URL of the account that orders, if it is known.
    pub account: Option<&'a str>,
    /// The challenge that will prove the name, such as `dns-01`.
    pub method: &'a str,
    /// The domain is asked for as `*.domain`.
    pub wildcard: bool,
}

/// What the records say to a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaaVerdict {
    /// Nothing stands against it.
    Allowed,
    /// A record with the critical flag has this tag, which is not known.
    UnknownCritical(String),
    /// None of the CA's names is listed; these are, or none at all may issue.
    OtherIssuer(Vec<String>),
    /// The CA is listed, for another account (RFC 8657 §3).
    OtherAccount(String),
    /// The CA is listed, for other ways to prove the name (RFC 8657 §4).
    OtherMethod(String),
}

/// The CAA records of some names and of the domains above them.
#[derive(Debug)]
pub struct CaaTree(BTreeMap<String, Result<Vec<CaaRecord>, LookupError>>);

/// So many questions at once.
const AT_ONCE: usize = 16;

impl Resolver {
    /// Asks for the CAA records of names and of all domains above them, a top-level domain alone left out; each
    /// domain once, several at a time. A `*.` in front is left out.
    pub async fn caa(&self, names: impl IntoIterator<Item = &str>) -> CaaTree {
        let domains: BTreeSet<String> = names.into_iter().flat_map(climbed).collect();
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut asking = JoinSet::new();
        for domain in domains {
            let (resolver, permits) = (self.clone(), Arc::clone(&permits));
            asking.spawn(async move {
                // Never closed: without a permit it is only less orderly.
                let _permit = permits.acquire_owned().await;
                let found = resolver.caa_at(&domain).await;
                (domain, found)
            });
        }
        CaaTree(asking.join_all().await.into_iter().collect())
    }

    /// The CAA records at that very name, or behind its CNAME.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn caa_at(&self, name: &str) -> Result<Vec<CaaRecord>, LookupError> {
        let answer = self.ask(name, RecordType::CAA).await?;
        let records = answer.answers().filter_map(|(_, data)| match data {
            RData::CAA(caa) => Some(CaaRecord {
                critical: caa.issuer_critical,
                tag: caa.tag.to_ascii_lowercase(),
                value: String::from_utf8_lossy(&caa.value).into_owned(),
            }),
            _ => None,
        });
        Ok(records.collect())
    }
}

/// The domain itself and those above it: whose records may count for it.
fn climbed(name: &str) -> Vec<String> {
    let name = name::canonical(name);
    let base = name.strip_prefix("*.").unwrap_or(&name);
    let domains = name::suffixes(base).filter(|domain| *domain == base || domain.contains('.'));
    domains.map(str::to_owned).collect()
}

impl CaaTree {
    /// The records that count for a name: its own, or those of the nearest domain above it that has some
    /// (RFC 8659 §3).
    ///
    /// # Errors
    /// When nobody knew at the name, or above it before records were found.
    pub fn of(&self, name: &str) -> Result<Option<CaaSet>, &LookupError> {
        for owner in climbed(name) {
            match self.0.get(&owner) {
                Some(Ok(records)) if !records.is_empty() => {
                    let records = records.clone();
                    return Ok(Some(CaaSet { owner, records }));
                }
                Some(Err(error)) => return Err(error),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl CaaSet {
    /// Whether the CA may issue, or the reason against it that is nearest to being allowed.
    pub fn verdict(&self, issuer: &CaaIssuer<'_>) -> CaaVerdict {
        let known = |record: &&CaaRecord| KNOWN_TAGS.contains(&record.tag.as_str());
        let unknown = self.records.iter().find(|one| one.critical && !known(one));
        if let Some(record) = unknown {
            return CaaVerdict::UnknownCritical(record.tag.clone());
        }
        let listed = self.relevant(issuer);
        if listed.is_empty() {
            return CaaVerdict::Allowed;
        }
        let of_issuer: Vec<&IssueValue> = listed
            .iter()
            .filter(|value| value.names_one_of(issuer.identities))
            .collect();
        if of_issuer.is_empty() {
            let mut others: Vec<String> = listed.into_iter().map(|value| value.domain).collect();
            others.retain(|domain| !domain.is_empty());
            return CaaVerdict::OtherIssuer(others);
        }
        nearest_to_allowed(&of_issuer, issuer)
    }

    /// The `issuewild` properties for a wildcard, where there are any; else the `issue` ones (RFC 8659 §4.3).
    fn relevant(&self, issuer: &CaaIssuer<'_>) -> Vec<IssueValue> {
        let of_tag = |tag: &str| -> Vec<IssueValue> {
            let records = self.records.iter().filter(|record| record.tag == tag);
            records
                .map(|record| IssueValue::parse(&record.value))
                .collect()
        };
        match issuer.wildcard.then(|| of_tag("issuewild")) {
            Some(wild) if !wild.is_empty() => wild,
            _ => of_tag("issue"),
        }
    }
}

fn nearest_to_allowed(values: &[&IssueValue], issuer: &CaaIssuer<'_>) -> CaaVerdict {
    let mut verdict = None;
    for value in values {
        match value.objection(issuer) {
            None => return CaaVerdict::Allowed,
            Some(objection) => verdict = verdict.or(Some(objection)),
        }
    }
    verdict.unwrap_or(CaaVerdict::Allowed)
}

/// The value of an `issue` or `issuewild` property (RFC 8659 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
struct IssueValue {
    /// Empty: nobody may.
    domain: String,
    parameters: Vec<(String, String)>,
}

impl IssueValue {
    /// A value that breaks the rules allows nobody (RFC 8659 §4.2): its domain is taken as it stands.
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';');
        let domain = name::canonical(parts.next().unwrap_or_default());
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters = parameters
            .map(|(tag, value)| (tag.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { domain, parameters }
    }

    fn names_one_of(&self, identities: &[String]) -> bool {
        let mut identities = identities.iter();
        identities.any(|identity| name::canonical(identity) == self.domain)
    }

    fn objection(&self, issuer: &CaaIssuer<'_>) -> Option<CaaVerdict> {
        for (tag, value) in &self.parameters {
            match tag.as_str() {
                "accounturi" if issuer.account.is_some_and(|account| account != value) => {
                    return Some(CaaVerdict::OtherAccount(value.clone()));
                }
                "validationmethods" if !value.split(',').any(|one| one.trim() == issuer.method) => {
                    return Some(CaaVerdict::OtherMethod(value.clone()));
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "https://ca.example/acct/7";

    fn set(records: &[(&str, &str)]) -> CaaSet {
        let record = |(tag, value): &(&str, &str)| CaaRecord {
            critical: tag.ends_with('!'),
            tag: tag.trim_end_matches('!').to_owned(),
            value: (*value).to_owned(),
        };
        CaaSet {
            owner: "example.org".to_owned(),
            records: records.iter().map(record).collect(),
        }
    }

    fn verdict(records: &[(&str, &str)], wildcard: bool) -> CaaVerdict {
        let identities = ["ca.example".to_owned()];
        set(records).verdict(&CaaIssuer {
            identities: &identities,
            account: Some(ACCOUNT),
            method: "dns-01",
            wildcard,
        })
    }

    #[test]
    fn who_is_listed_may_issue() {
        assert_eq!(
            verdict(&[("issue", "CA.example.")], false),
            CaaVerdict::Allowed
        );
        assert_eq!(
            verdict(
                &[("issue", "other.example"), ("issue", " ca.example ")],
                false
            ),
            CaaVerdict::Allowed
        );
        assert_eq!(
            verdict(&[("iodef", "mailto:a@b.c")], false),
            CaaVerdict::Allowed
        );
    }

    #[test]
    fn who_is_not_listed_may_not() {
        let others = CaaVerdict::OtherIssuer(vec!["other.example".to_owned()]);

        assert_eq!(verdict(&[("issue", "other.example")], false), others);
        assert_eq!(
            verdict(&[("issue", ";")], false),
            CaaVerdict::OtherIssuer(Vec::new())
        );
    }

    #[test]
    fn wildcards_follow_issuewild_where_there_is_one() {
        let records = [("issue", "ca.example"), ("issuewild", ";")];

        assert_eq!(verdict(&records, false), CaaVerdict::Allowed);
        assert_eq!(verdict(&records, true), CaaVerdict::OtherIssuer(Vec::new()));
        assert_eq!(verdict(&records[..1], true), CaaVerdict::Allowed);
        assert_eq!(verdict(&[("issuewild", ";")], false), CaaVerdict::Allowed);
    }

    #[test]
    fn account_and_method_are_compared() {
        let with =
            |parameters: &str| verdict(&[("issue", &format!("ca.example; {parameters}"))], false);

        assert_eq!(
            with(&format!(
                "accounturi={ACCOUNT}; validationmethods=http-01,dns-01"
            )),
            CaaVerdict::Allowed
        );
        assert_eq!(
            with("accounturi=https://x"),
            CaaVerdict::OtherAccount("https://x".to_owned())
        );
        assert_eq!(
            with("validationmethods=http-01"),
            CaaVerdict::OtherMethod("http-01".to_owned())
        );
        assert_eq!(with("unheard=of"), CaaVerdict::Allowed);
    }

    #[test]
    fn a_critical_tag_that_nobody_knows_forbids() {
        let records = [("issue", "ca.example"), ("tbs!", "x")];

        assert_eq!(
            verdict(&records, false),
            CaaVerdict::UnknownCritical("tbs".to_owned())
        );
        assert_eq!(verdict(&[("tbs", "x")], false), CaaVerdict::Allowed);
    }

    proptest::proptest! {
        #[test]
        fn any_value_is_survived(tag in "[a-z]{1,9}", value in "\\PC{0,60}", wildcard: bool) {
            verdict(&[(&tag, &value)], wildcard);
        }
    }
}
