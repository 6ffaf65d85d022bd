//! Which names a CA issues for: by form (RFC 1123, UTS 46) and, at public CAs, by the rules that they share.
//!
//! The words for what is wrong are Boulder's, the CA software of Let's Encrypt: people search for them.

use evercert_acme::vendors;
use evercert_api::{Problem, ProblemCode};
use evercert_db::vendors::Vendor;
use evercert_types::{DomainName, NameError};

use crate::lifecycle::failure::{Class, Failure, Stage};
use crate::lifecycle::{LifecycleError, messages};

/// At a public CA, a name has at most so many labels.
const MOST_LABELS: usize = 10;

/// Descriptions of CAs whose names need not be public.
const PRIVATE: [&str; 3] = ["acme", "local", "pebble"];

/// Whom a CA issues for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The world: names must be public.
    Public,
    /// Its operator's own: internal names are fine.
    Private,
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameFault {
    /// In Boulder's words.
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
    /// Whether it is no domain name at all, for any CA.
    is_malformed: bool,
}

const fn malformed(why: &'static str, remedy: &'static str) -> NameFault {
    NameFault {
        why,
        remedy,
        is_malformed: true,
    }
}

const fn not_public(why: &'static str, remedy: &'static str) -> NameFault {
    NameFault {
        why,
        remedy,
        is_malformed: false,
    }
}

const EMPTY: NameFault = malformed("Domain name is empty", "Give a name, or leave it out.");
const TOO_LONG: NameFault = malformed(
    "Domain name is longer than 253 bytes",
    "Choose a shorter name.",
);
const LABEL_EMPTY: NameFault = malformed(
    "Domain name can not have two dots in a row",
    "Remove the surplus dot.",
);
const LABEL_TOO_LONG: NameFault = malformed(
    "Domain has a label (component between dots) longer than 63 bytes",
    "Choose shorter labels.",
);
const BAD_CHARACTER: NameFault = malformed(
    "Domain name contains an invalid character",
    "Use letters, digits and inner hyphens.",
);
const BAD_WILDCARD: NameFault = malformed(
    "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name",
    "Write `*.` in front of the domain, and no other star.",
);
const BAD_PUNYCODE: NameFault = malformed(
    "Domain name contains malformed punycode",
    "Give the name in its own letters; it is converted here.",
);
const ADDRESS: NameFault = malformed(
    "Identifier type is DNS but value is an IP address",
    "Ask for it as an IP address, at a CA that issues for those, or use a name.",
);
const UNDERSCORE: NameFault = not_public(
    "Domain name contains an invalid character",
    "Public CAs do not issue for names with an underscore: use a hyphen, or a private CA.",
);
const NEEDS_DOT: NameFault = not_public(
    "Domain name needs at least one dot",
    "Write the full name, as host.example.com; a private CA may issue for a single label.",
);
const TOO_MANY_LABELS: NameFault = not_public(
    "Domain name has more than 10 labels (parts)",
    "Use a name with fewer labels, or a wildcard further up.",
);
const RESERVED_LABEL: NameFault = not_public(
    "Domain name contains an invalid label in a reserved format (R-LDH: '??--')",
    "Only converted international names have `--` as third and fourth character: choose another label.",
);
const NO_PUBLIC_SUFFIX: NameFault = not_public(
    "Domain name does not end with a valid public suffix (TLD)",
    "Use a name below a public domain; a private CA may issue for internal names.",
);
const IS_SUFFIX: NameFault = not_public(
    "Domain name is an ICANN TLD",
    "Use a name below it that is registered for you.",
);
const WILDCARD_OF_SUFFIX: NameFault = not_public(
    "Domain name is a wildcard for an ICANN TLD",
    "Use a wildcard below a domain that is registered for you.",
);

/// The description of a vendor's CA: the one chosen when it was saved, else by its directory's URL.
pub(crate) fn description(vendor: &Vendor) -> Option<&'static vendors::Vendor> {
    let chosen = vendor
        .options
        .type_code
        .as_deref()
        .and_then(vendors::vendor);
    chosen.or_else(|| vendors::vendor_of(&vendor.directory_url))
}

impl Audience {
    /// A CA that is not described is its operator's own.
    pub(crate) fn of(vendor: &Vendor) -> Self {
        match description(vendor) {
            Some(known) if !PRIVATE.contains(&known.code) => Self::Public,
            _ => Self::Private,
        }
    }
}

impl NameFault {
    /// The sentence that NetScaler Console shows for it.
    pub(crate) fn known_as(&self, name: &str) -> String {
        if self.is_malformed {
            messages::INVALID_NAME.to_owned()
        } else {
            messages::invalid_identifier(name, self.why)
        }
    }

    /// Name and fault in one sentence.
    pub(crate) fn describe(&self, name: &str) -> String {
        format!("Cannot issue for \"{name}\": {}", self.why)
    }
}

/// Reads a name as an operator wrote it, and judges it.
pub(crate) fn read(text: &str, audience: Audience) -> Result<DomainName, NameFault> {
    let name = DomainName::new(text).map_err(|error| form_fault(&error))?;
    match fault(&name, audience) {
        Some(fault) => Err(fault),
        None => Ok(name),
    }
}

fn form_fault(error: &NameError) -> NameFault {
    match error {
        NameError::Empty => EMPTY,
        NameError::TooLong(_) => TOO_LONG,
        NameError::BadLabel { label, .. } if label.is_empty() => LABEL_EMPTY,
        NameError::BadLabel { label, .. } if label.len() > 63 => LABEL_TOO_LONG,
        NameError::BadLabel { .. } => BAD_CHARACTER,
        NameError::BadWildcard(_) => BAD_WILDCARD,
        NameError::BadUnicode(_) => BAD_PUNYCODE,
        NameError::IsAddress(_) => ADDRESS,
    }
}

/// What stands against a name at a CA of this audience.
pub(crate) fn fault(name: &DomainName, audience: Audience) -> Option<NameFault> {
    if audience == Audience::Private {
        return None;
    }
    let base = name.base();
    if base.contains('_') {
        return Some(UNDERSCORE);
    }
    let labels: Vec<&str> = base.split('.').collect();
    if labels.len() < 2 {
        return Some(NEEDS_DOT);
    }
    if labels.len() > MOST_LABELS {
        return Some(TOO_MANY_LABELS);
    }
    let is_reserved = |label: &&str| label.get(2..4) == Some("--") && !label.starts_with("xn--");
    if labels.iter().any(is_reserved) {
        return Some(RESERVED_LABEL);
    }
    if base.contains("xn--") && idna::domain_to_unicode(base).1.is_err() {
        return Some(BAD_PUNYCODE);
    }
    suffix_fault(name)
}

fn suffix_fault(name: &DomainName) -> Option<NameFault> {
    let base = name.base();
    let suffix = psl::suffix(base.as_bytes()).filter(psl::Suffix::is_known);
    let Some(suffix) = suffix else {
        return Some(NO_PUBLIC_SUFFIX);
    };
    let is_suffix = suffix == base && suffix.typ() == Some(psl::Type::Icann);
    match (is_suffix, name.is_wildcard()) {
        (false, _) => None,
        (true, false) => Some(IS_SUFFIX),
        (true, true) => Some(WILDCARD_OF_SUFFIX),
    }
}

/// Whether a CA issues for names that are asked for.
///
/// # Errors
/// A problem that points to the first offending domain, and lists all of them.
pub(crate) fn check_wanted(vendor: &Vendor, names: &[DomainName]) -> Result<(), LifecycleError> {
    let offending = offending(vendor, names);
    let Some((index, name, fault)) = offending.first() else {
        return Ok(());
    };
    let problem = Problem::new(ProblemCode::DomainInvalid, list(&offending))
        .known_as(fault.known_as(name.as_str()))
        .with_remedy(fault.remedy)
        .at(format!("/domains/{index}"));
    Err(problem.into())
}

/// Whether a CA issues for the names of a certificate that is there.
///
/// # Errors
/// A problem that lists the offending names.
pub(crate) fn check_stored(vendor: &Vendor, names: &[DomainName]) -> Result<(), LifecycleError> {
    let offending = offending(vendor, names);
    if offending.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(ProblemCode::CertificateInvalidDomain, list(&offending));
    Err(problem.known_as(messages::INVALID_DOMAIN).into())
}

/// The same of an order's names, as its failure.
pub(crate) fn order_failure(
    vendor: &Vendor,
    names: &[DomainName],
    reason: &str,
) -> Option<Failure> {
    let offending = offending(vendor, names);
    let (_, name, fault) = offending.first()?;
    let failure = |code| {
        Failure::new(
            Stage::Preflight,
            Class::Configuration,
            code,
            list(&offending),
        )
    };
    Some(match reason {
        "missing" => failure("domain.invalid")
            .known_as(fault.known_as(name.as_str()))
            .with_remedy(fault.remedy),
        _ => failure("certificate.invalid_domain")
            .known_as(messages::INVALID_DOMAIN)
            .with_remedy(
                ProblemCode::CertificateInvalidDomain
                    .remedy()
                    .unwrap_or_default(),
            ),
    })
}

type Offending<'a> = (usize, &'a DomainName, NameFault);

fn offending<'a>(vendor: &Vendor, names: &'a [DomainName]) -> Vec<Offending<'a>> {
    let audience = Audience::of(vendor);
    let judged = names.iter().enumerate();
    judged
        .filter_map(|(index, name)| Some((index, name, fault(name, audience)?)))
        .collect()
}

fn list(offending: &[Offending<'_>]) -> String {
    let each = offending.iter();
    let each: Vec<String> = each
        .map(|(_, name, fault)| fault.describe(name.as_str()))
        .collect();
    format!("{}.", each.join("; "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(text: &str, audience: Audience) -> Option<&'static str> {
        read(text, audience).err().map(|fault| fault.why)
    }

    #[test]
    fn public_cas_have_rules_of_their_own() {
        for (name, fault) in [
            ("testdomain", NEEDS_DOT),
            ("host.internal", NO_PUBLIC_SUFFIX),
            ("co.uk", IS_SUFFIX),
            ("*.co.uk", WILDCARD_OF_SUFFIX),
            ("a.b.c.d.e.f.g.h.i.example.com", TOO_MANY_LABELS),
            ("ab--c.example.com", RESERVED_LABEL),
            ("my_host.example.com", UNDERSCORE),
            ("xn--a.example.com", BAD_PUNYCODE),
        ] {
            assert_eq!(why(name, Audience::Public), Some(fault.why), "{name}");
        }
        for good in [
            "example.com",
            "*.example.co.uk",
            "bücher.example.com",
            "xn--bcher-kva.example.com",
            "me.duckdns.org",
        ] {
            assert_eq!(why(good, Audience::Public), None, "{good}");
        }
    }

    #[test]
    fn private_cas_take_internal_names() {
        for name in ["testdomain", "host.internal", "co.uk", "my_host.corp"] {
            assert_eq!(why(name, Audience::Private), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_none_for_any_ca() {
        let long = "a".repeat(64) + ".example.com";
        for (text, fault) in [
            ("", EMPTY),
            ("a..b", LABEL_EMPTY),
            ("192.0.2.1", ADDRESS),
            ("2001:db8::1", ADDRESS),
            ("a.*.example.com", BAD_WILDCARD),
            ("**.example.com", BAD_WILDCARD),
            ("-a.example.com", BAD_CHARACTER),
            ("a b.example.com", BAD_CHARACTER),
            (&long, LABEL_TOO_LONG),
        ] {
            assert_eq!(why(text, Audience::Private), Some(fault.why), "{text}");
            assert_eq!(why(text, Audience::Public), Some(fault.why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            for audience in [Audience::Public, Audience::Private] {
                if let Err(fault) = read(&text, audience) {
                    prop_assert!(fault.known_as(&text).contains(' '));
                }
            }
        }

        /// What the public may have, the private may have.
        #[test]
        fn private_is_never_stricter(text in "[a-z_*.-]{1,30}") {
            prop_assert!(read(&text, Audience::Public).is_err() || read(&text, Audience::Private).is_ok());
        }
    }
}
