//! What CAA records say to a vendor, in words. It warns and never blocks: the Console may see another horizon.

use std::time::Duration;

use evercert_api::ca_vendors::Capabilities;
use evercert_db::vendors::Vendor;
use evercert_dns::{CaaIssuer, CaaSet, CaaTree, CaaVerdict, Limits, LookupError, Resolver};
use evercert_types::DomainName;

use crate::lifecycle::dns_clients::Watch;
use crate::state::Console;

/// What is found about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nobody is named, or this CA is.
    Allowed(String),
    /// The CA would refuse.
    Against { detail: String, remedy: String },
    /// The look-up failed in a way that the CA will see, too.
    Broken { detail: String, remedy: String },
    /// The look-up failed; the CA may do better.
    Unknown(String),
}

/// A vendor about to issue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) identities: &'a [String],
    pub(crate) account: Option<&'a str>,
    pub(crate) method: &'a str,
}

/// What the CA calls itself in CAA records, as its directory said when it was last read.
pub(crate) fn identities(vendor: &Vendor) -> Vec<String> {
    serde_json::from_value::<Capabilities>(vendor.capabilities.clone())
        .map(|offered| offered.caa_identities)
        .unwrap_or_default()
}

/// The servers that the Console asks, with a time limit for each question.
pub(crate) fn resolver(console: &Console, limit: Duration) -> Result<Resolver, LookupError> {
    let limits = Limits {
        timeout: limit,
        tries: 1,
    };
    Ok(Watch::standard().resolver(console)?.with_limits(limits))
}

impl Question<'_> {
    /// Judges one name by the records that were found.
    pub(crate) fn judge(&self, tree: &CaaTree, name: &DomainName) -> Finding {
        let set = match tree.of(name.as_str()) {
            Ok(Some(set)) => set,
            Ok(None) => return Finding::Allowed("no CAA record: any CA may issue".to_owned()),
            Err(error) if error.is_server_failure() => {
                return Finding::Broken {
                    detail: format!("the CAA records cannot be had: {error}"),
                    remedy: "A CA that meets this refuses: check the zone's servers, and its DNSSEC signatures."
                        .to_owned(),
                };
            }
            Err(error) => return Finding::Unknown(error.to_string()),
        };
        let verdict = set.verdict(&CaaIssuer {
            identities: self.identities,
            account: self.account,
            method: self.method,
            wildcard: name.is_wildcard(),
        });
        self.in_words(&set, &verdict, name)
    }

    fn in_words(&self, set: &CaaSet, verdict: &CaaVerdict, name: &DomainName) -> Finding {
        let owner = &set.owner;
        let identity = self.identities.first().map_or("", String::as_str);
        let tag = if name.is_wildcard() {
            "issuewild"
        } else {
            "issue"
        };
        let (why, remedy) = match verdict {
            CaaVerdict::Allowed => {
                return Finding::Allowed(format!("the CAA records at {owner} allow this CA"));
            }
            CaaVerdict::UnknownCritical(tag) => (
                format!("have the tag \"{tag}\" with the critical flag, which CAs do not know"),
                format!("Remove the record \"{tag}\" at {owner}, or its flag."),
            ),
            CaaVerdict::OtherIssuer(others) if others.is_empty() => (
                "let no CA issue".to_owned(),
                format!("Add the record: {owner} CAA 0 {tag} \"{identity}\"."),
            ),
            CaaVerdict::OtherIssuer(others) => (
                format!("let only {} issue, not {identity}", others.join(", ")),
                format!("Add the record: {owner} CAA 0 {tag} \"{identity}\"."),
            ),
            CaaVerdict::OtherAccount(uri) => (
                format!(
                    "are for the account {uri}, and ours is {}",
                    self.account.unwrap_or("none")
                ),
                format!("Correct accounturi in the CAA record at {owner}."),
            ),
            CaaVerdict::OtherMethod(methods) => (
                format!("allow only {methods}, and {} will be used", self.method),
                format!(
                    "Add {} to validationmethods in the CAA record at {owner}.",
                    self.method
                ),
            ),
            other => (format!("say {other:?}"), String::new()),
        };
        Finding::Against {
            detail: format!("the CAA records at {owner} {why}"),
            remedy,
        }
    }
}
