//! What an order costs: one token from each bucket that the CA counts it in.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use evercert_db::ledger::{BucketKey, Draw};
use evercert_db::vendors::Vendor;
use evercert_types::DomainName;

use super::rules::{Kind, Rule};

/// A set of names shown in full up to this length.
const SHOWN: usize = 160;

/// Why an order may be exempt from limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exemption {
    /// It says which certificate it replaces, inside that one's ARI window.
    pub(crate) by_ari: bool,
    /// The same names were issued in the last 120 days.
    pub(crate) as_renewal: bool,
}

/// What is ordered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goods<'a> {
    pub(crate) names: &'a [DomainName],
    pub(crate) ips: &'a [IpAddr],
}

impl Goods<'_> {
    /// The names without `*.`, each once: what a CA validates.
    pub(crate) fn bases(&self) -> BTreeSet<String> {
        self.names
            .iter()
            .map(|name| name.base().to_owned())
            .collect()
    }

    /// Registered domains, IPv4 addresses and IPv6 networks.
    fn domains(&self) -> BTreeSet<String> {
        let names = self.names.iter().map(|name| registered_domain(name.base()));
        names
            .chain(self.ips.iter().map(|ip| network(*ip)))
            .collect()
    }

    fn sorted(&self) -> BTreeSet<String> {
        let names = self.names.iter().map(|name| name.as_str().to_owned());
        names
            .chain(self.ips.iter().map(IpAddr::to_string))
            .collect()
    }

    /// The same for the same names in any order.
    pub(crate) fn digest(&self) -> String {
        let text = self.sorted().into_iter().collect::<Vec<_>>().join(",");
        let octets = digest(&SHA256, text.as_bytes());
        octets
            .as_ref()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect()
    }

    /// The set as people read it, and still one for each set.
    fn set(&self) -> String {
        let sorted = self.sorted();
        let text = sorted.iter().cloned().collect::<Vec<_>>().join(",");
        if text.len() <= SHOWN {
            return text;
        }
        let first = sorted.first().map(String::as_str).unwrap_or_default();
        let digest = self.digest();
        format!("{first} and {} more ({})", sorted.len() - 1, &digest[..16])
    }
}

/// What an order of these goods takes, in the order of the buckets' keys.
pub(crate) fn price(
    vendor: &Vendor,
    rules: &[Rule],
    goods: Goods<'_>,
    exemption: Exemption,
) -> Vec<Draw> {
    let mut draws: Vec<Draw> = rules
        .iter()
        .filter(|rule| rule.kind != Kind::Failures && !is_exempt(rule, exemption))
        .flat_map(|rule| {
            let subjects = subjects(rule.kind, goods).into_iter();
            subjects.map(|subject| one(vendor, rule, subject))
        })
        .collect();
    draws.sort();
    draws
}

/// What must not be empty or held, though an order takes nothing of it: failures are counted when they happen, and a CA
/// may speak of limits that it publishes nowhere.
pub(crate) fn needed(vendor: &Vendor, rules: &[Rule], goods: Goods<'_>) -> Vec<Draw> {
    let mut needed = vec![held_only(vendor, Kind::Everything, String::new())];
    let kinds = [Kind::Orders, Kind::PerDomain, Kind::PerSet, Kind::Failures];
    for kind in kinds {
        let rule = rules.iter().find(|rule| rule.kind == kind);
        let subjects = subjects(kind, goods).into_iter();
        match rule {
            Some(rule) if kind == Kind::Failures => {
                needed.extend(subjects.map(|subject| one(vendor, rule, subject)));
            }
            Some(_) => {}
            None => needed.extend(subjects.map(|subject| held_only(vendor, kind, subject))),
        }
    }
    needed
}

/// What the CA counts of these goods for a limit.
fn subjects(kind: Kind, goods: Goods<'_>) -> BTreeSet<String> {
    match kind {
        Kind::Orders => BTreeSet::from([String::new()]),
        Kind::PerDomain => goods.domains(),
        Kind::PerSet => BTreeSet::from([goods.set()]),
        Kind::Failures => goods.bases(),
        _ => BTreeSet::new(),
    }
}

/// A bucket that nothing is taken from; the CA's word can hold it.
pub(crate) fn held_only(vendor: &Vendor, kind: Kind, subject: String) -> Draw {
    Draw {
        key: key(vendor, kind, subject),
        burst: 0,
        refill_secs: 0,
    }
}

/// A token of one bucket.
pub(crate) fn one(vendor: &Vendor, rule: &Rule, subject: String) -> Draw {
    Draw {
        key: key(vendor, rule.kind, subject),
        burst: rule.burst,
        refill_secs: rule.refill_secs,
    }
}

/// The bucket of a vendor.
pub(crate) fn key(vendor: &Vendor, kind: Kind, subject: String) -> BucketKey {
    let scope = match kind.is_by_account() {
        true => vendor.id.to_string(),
        false => vendor.directory_url.clone(),
    };
    BucketKey {
        scope,
        kind: kind.as_str().to_owned(),
        subject,
    }
}

/// The bucket of [`Kind::PerSet`] for these goods.
pub(crate) fn set_key(vendor: &Vendor, goods: Goods<'_>) -> BucketKey {
    key(vendor, Kind::PerSet, goods.set())
}

const fn is_exempt(rule: &Rule, exemption: Exemption) -> bool {
    (exemption.by_ari && rule.exempt_ari) || (exemption.as_renewal && rule.exempt_renewal)
}

/// The domain that somebody registered, by the Public Suffix List; a suffix itself stands for itself.
pub(crate) fn registered_domain(name: &str) -> String {
    psl::domain_str(name).unwrap_or(name).to_owned()
}

/// An IPv4 address, or the /64 of an IPv6 address.
fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            let prefix = std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            format!("{prefix}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{rules, tests::lets_encrypt};
    use super::*;

    fn names(texts: &[&str]) -> Vec<DomainName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn subjects(draws: &[Draw], kind: Kind) -> Vec<&str> {
        let fitting = draws.iter().filter(|draw| draw.key.kind == kind.as_str());
        fitting.map(|draw| draw.key.subject.as_str()).collect()
    }

    #[test]
    fn an_order_costs_one_for_each_registered_domain_and_network() {
        let vendor = lets_encrypt();
        let names = names(&["b.example.co.uk", "*.example.co.uk", "example.com"]);
        let ips =
            ["192.0.2.1", "2001:db8:1:2:3::4", "2001:db8:1:2::9"].map(|ip| ip.parse().unwrap());
        let goods = Goods {
            names: &names,
            ips: &ips,
        };

        let draws = price(&vendor, &rules(&vendor), goods, Exemption::default());

        assert_eq!(
            subjects(&draws, Kind::PerDomain),
            [
                "192.0.2.1",
                "2001:db8:1:2::/64",
                "example.co.uk",
                "example.com"
            ]
        );
        assert_eq!(subjects(&draws, Kind::Orders), [""]);
        assert_eq!(subjects(&draws, Kind::PerSet).len(), 1);
        assert!(draws.is_sorted());
        let needed = needed(&vendor, &rules(&vendor), goods);
        assert_eq!(
            subjects(&needed, Kind::Failures),
            ["b.example.co.uk", "example.co.uk", "example.com"]
        );
    }

    #[test]
    fn exemptions_are_those_of_the_vendor() {
        let vendor = lets_encrypt();
        let names = names(&["example.com"]);
        let goods = Goods {
            names: &names,
            ips: &[],
        };
        let kinds = |exemption| -> Vec<String> {
            let draws = price(&vendor, &rules(&vendor), goods, exemption);
            draws.into_iter().map(|draw| draw.key.kind).collect()
        };

        let renewal = Exemption {
            as_renewal: true,
            ..Exemption::default()
        };
        let ari = Exemption {
            by_ari: true,
            ..Exemption::default()
        };

        assert_eq!(kinds(renewal), ["certificates_per_exact_set"]);
        assert_eq!(kinds(ari), [""; 0]);
        assert_eq!(kinds(Exemption::default()).len(), 3);
    }

    #[test]
    fn a_set_is_the_same_in_any_order_and_short_enough_for_a_key() {
        let (one, other) = (
            names(&["a.example", "b.example"]),
            names(&["b.example", "a.example"]),
        );
        let goods = |names| Goods { names, ips: &[] };
        assert_eq!(goods(&one).digest(), goods(&other).digest());
        assert_eq!(goods(&one).set(), "a.example,b.example");

        let many: Vec<String> = (0..90).map(|n| format!("n{n}.example")).collect();
        let many = names(&many.iter().map(String::as_str).collect::<Vec<_>>());
        let fewer = &many[1..];
        assert!(goods(&many).set().starts_with("n0.example and 89 more ("));
        assert_ne!(goods(&many).set(), goods(fewer).set());
    }
}
