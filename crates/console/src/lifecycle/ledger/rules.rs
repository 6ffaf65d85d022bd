//! What a vendor limits: the operator's own numbers, else those that the vendor publishes.

use evercert_acme::vendors::{self, LimitKind};
use evercert_db::terms::LimitTerms;
use evercert_db::vendors::Vendor;

/// Orders that `replaces` a certificate inside its ARI window.
pub(crate) const ARI: &str = "ari";
/// Orders for names that were issued together in the last 120 days.
pub(crate) const RENEWAL: &str = "renewal";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// New accounts from one address.
    Accounts,
    /// New orders of the account.
    Orders,
    /// Certificates with a name below one registered domain, or with one address.
    PerDomain,
    /// Certificates with exactly the same names.
    PerSet,
    /// Failed authorizations of one name.
    Failures,
    /// Failed authorizations of one name in a row, after which the CA pauses it.
    InARow,
    /// Orders under way at once.
    AtOnce,
    /// Everything: the CA refused for a limit that it did not name.
    Everything,
}

/// One limit of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    /// So many at once.
    pub(crate) burst: u32,
    /// Seconds until one more is allowed.
    pub(crate) refill_secs: u32,
    /// Orders that `replaces` a certificate inside its ARI window count nothing.
    pub(crate) exempt_ari: bool,
    /// Orders for names that were issued together in the last 120 days count nothing.
    pub(crate) exempt_renewal: bool,
    /// Whether the operator set it.
    pub(crate) own: bool,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Accounts,
        Self::Orders,
        Self::PerDomain,
        Self::PerSet,
        Self::Failures,
        Self::InARow,
        Self::AtOnce,
        Self::Everything,
    ];

    /// The word for it in the API and the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => LimitKind::NewAccountsPerIp.as_str(),
            Self::Orders => LimitKind::NewOrdersPerAccount.as_str(),
            Self::PerDomain => LimitKind::CertificatesPerRegisteredDomain.as_str(),
            Self::PerSet => LimitKind::CertificatesPerExactSet.as_str(),
            Self::Failures => LimitKind::FailedAuthorizationsPerName.as_str(),
            Self::InARow => LimitKind::ConsecutiveFailuresPerName.as_str(),
            Self::AtOnce => "orders_at_once",
            Self::Everything => "everything",
        }
    }

    /// What is counted, for people.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Accounts => LimitKind::NewAccountsPerIp.in_words(),
            Self::Orders => LimitKind::NewOrdersPerAccount.in_words(),
            Self::PerDomain => LimitKind::CertificatesPerRegisteredDomain.in_words(),
            Self::PerSet => LimitKind::CertificatesPerExactSet.in_words(),
            Self::Failures => LimitKind::FailedAuthorizationsPerName.in_words(),
            Self::InARow => LimitKind::ConsecutiveFailuresPerName.in_words(),
            Self::AtOnce => "orders under way at once",
            Self::Everything => "requests of any kind",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether the CA counts it by account; else by what all its accounts together do.
    pub(crate) const fn is_by_account(self) -> bool {
        !matches!(self, Self::Accounts | Self::PerDomain | Self::PerSet)
    }

    const fn of(kind: LimitKind) -> Option<Self> {
        Some(match kind {
            LimitKind::NewAccountsPerIp => Self::Accounts,
            LimitKind::NewOrdersPerAccount => Self::Orders,
            LimitKind::CertificatesPerRegisteredDomain => Self::PerDomain,
            LimitKind::CertificatesPerExactSet => Self::PerSet,
            LimitKind::FailedAuthorizationsPerName => Self::Failures,
            LimitKind::ConsecutiveFailuresPerName => Self::InARow,
            _ => return None,
        })
    }
}

/// The built-in description of a vendor.
pub(crate) fn described(vendor: &Vendor) -> Option<&'static vendors::Vendor> {
    let by_code = vendor
        .options
        .type_code
        .as_deref()
        .and_then(vendors::vendor);
    by_code.or_else(|| vendors::vendor_of(&vendor.directory_url))
}

/// What a vendor limits, one rule a kind.
pub(crate) fn rules(vendor: &Vendor) -> Vec<Rule> {
    let known = described(vendor);
    let published = known.map(|known| known.limits).unwrap_or_default();
    let mut rules: Vec<Rule> = published
        .iter()
        .filter_map(|limit| {
            Some(Rule {
                kind: Kind::of(limit.kind)?,
                burst: limit.burst,
                refill_secs: u32::try_from(limit.refill_every_secs).unwrap_or(u32::MAX),
                exempt_ari: limit.exempt_ari,
                exempt_renewal: limit.exempt_renewal,
                own: false,
            })
        })
        .collect();
    if let Some(burst) = known.and_then(|known| known.max_orders_at_once) {
        rules.push(Rule {
            kind: Kind::AtOnce,
            burst,
            refill_secs: 5,
            exempt_ari: false,
            exempt_renewal: false,
            own: false,
        });
    }
    for (word, terms) in &vendor.options.limits {
        let Some(kind) = Kind::of_word(word) else {
            continue;
        };
        set(&mut rules, kind, terms);
    }
    rules.sort_by_key(|rule| rule.kind);
    rules
}

/// The operator's numbers; what is exempt stays so.
fn set(rules: &mut Vec<Rule>, kind: Kind, terms: &LimitTerms) {
    let former = rules.iter().find(|rule| rule.kind == kind).copied();
    rules.retain(|rule| rule.kind != kind);
    let says = |word: &str, vendor_says: bool| match &terms.exempt {
        Some(words) => words.iter().any(|own| own == word),
        None => vendor_says,
    };
    if terms.burst > 0 {
        rules.push(Rule {
            kind,
            burst: terms.burst,
            refill_secs: terms.refill_secs,
            exempt_ari: says(ARI, former.is_some_and(|rule| rule.exempt_ari)),
            exempt_renewal: says(RENEWAL, former.is_some_and(|rule| rule.exempt_renewal)),
            own: true,
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use evercert_db::terms::VendorOptions;
    use evercert_types::VendorId;
    use jiff::Timestamp;

    use super::*;

    /// A vendor with Let's Encrypt's limits.
    pub(in crate::lifecycle) fn lets_encrypt() -> Vendor {
        Vendor {
            id: VendorId::new(),
            name: "le".to_owned(),
            directory_url: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            email: None,
            ca_bundle: None,
            eab_kid: None,
            renew_before: None,
            profile: None,
            preferred_chain: None,
            capabilities: serde_json::json!({}),
            options: VendorOptions::default(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn words_and_kinds_are_one_to_one() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_word(kind.as_str()), Some(kind));
            assert!(kind.in_words().contains(' '));
        }
    }

    #[test]
    fn the_operators_numbers_come_before_the_vendors() {
        let mut vendor = lets_encrypt();
        let terms = |burst| LimitTerms {
            burst,
            refill_secs: 9,
            exempt: None,
        };
        vendor
            .options
            .limits
            .insert("new_orders_per_account".to_owned(), terms(7));
        vendor
            .options
            .limits
            .insert("certificates_per_exact_set".to_owned(), terms(0));
        vendor
            .options
            .limits
            .insert("orders_at_once".to_owned(), terms(3));

        let rules = rules(&vendor);

        let rule = |kind| rules.iter().find(|rule| rule.kind == kind);
        let orders = rule(Kind::Orders).unwrap();
        assert_eq!((orders.burst, orders.refill_secs, orders.own), (7, 9, true));
        assert!(orders.exempt_ari && orders.exempt_renewal);
        assert_eq!(rule(Kind::PerSet), None);
        assert_eq!(rule(Kind::AtOnce).unwrap().burst, 3);
        assert_eq!(rule(Kind::PerDomain).unwrap().burst, 50);
    }

    #[test]
    fn a_frail_ca_gets_few_orders_at_once() {
        let mut vendor = lets_encrypt();
        vendor.directory_url = "https://acme.zerossl.com/v2/DV90".to_owned();

        let rules = rules(&vendor);

        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].kind, rules[0].burst), (Kind::AtOnce, 4));
    }
}
