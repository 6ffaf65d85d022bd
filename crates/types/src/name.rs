//! Domain names as certificates carry them.

use std::fmt;
use std::str::FromStr;

/// A DNS name for a certificate: A-labels, lower case, no final dot, perhaps `*.` in front.
///
/// At most 253 characters, labels of 1 to 63 letters, digits and hyphens (RFC 1123, RFC 5890);
/// Unicode is converted by UTS 46. A single label (`localhost`) is accepted here: whether a CA
/// issues for it is that CA's policy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Box<str>);

/// A name was not one a certificate can carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the domain name is empty")]
    Empty,
    /// Longer than 253 characters as A-labels.
    #[error("\"{0}\" is longer than the 253 characters a domain name may have")]
    TooLong(String),
    /// A label is empty, too long, or has other characters than letters, digits and inner hyphens.
    #[error("\"{name}\" is no domain name: the label \"{label}\" {why}")]
    BadLabel {
        /// The whole name as given.
        name: String,
        /// The offending label.
        label: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A `*` stands elsewhere than as the whole leftmost label, or alone.
    #[error(
        "\"{0}\" uses '*' wrongly: a wildcard is the whole leftmost label, as in *.example.com"
    )]
    BadWildcard(String),
    /// Unicode that UTS 46 cannot convert.
    #[error("\"{0}\" cannot be converted to an internationalised domain name")]
    BadUnicode(String),
    /// An IP address where a domain name is wanted.
    #[error("\"{0}\" is an IP address, not a domain name")]
    IsAddress(String),
}

/// The sentence that NetScaler Console shows for a name that is none; a name that cannot be read from JSON begins
/// with it.
pub const INVALID_DOMAIN_NAME: &str =
    "Invalid domain name provided. Please check the domain name and try again.";

impl DomainName {
    /// Reads a name, converting it to its canonical form.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        let given = text.trim();
        let bare = given.strip_suffix('.').unwrap_or(given);
        if bare.is_empty() {
            return Err(NameError::Empty);
        }
        if bare.parse::<std::net::IpAddr>().is_ok() {
            return Err(NameError::IsAddress(given.to_owned()));
        }
        let (wildcard, base) = match bare.strip_prefix("*.") {
            Some(base) => (true, base),
            None => (false, bare),
        };
        if base.contains('*') {
            return Err(NameError::BadWildcard(given.to_owned()));
        }
        let ascii = to_ascii(base).ok_or_else(|| NameError::BadUnicode(given.to_owned()))?;
        check_labels(given, &ascii)?;
        let canonical = if wildcard {
            format!("*.{ascii}")
        } else {
            ascii
        };
        if canonical.len() > 253 {
            return Err(NameError::TooLong(given.to_owned()));
        }
        Ok(Self(canonical.into()))
    }

    /// The canonical text.
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with `*.`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without a leading `*.`: what ACME authorizes (RFC 8555 §7.1.3).
    pub fn base(&self) -> &str {
        self.0.strip_prefix("*.").unwrap_or(&self.0)
    }

    /// Where its DNS-01 record stands: `_acme-challenge.<base>` (RFC 8555 §8.4).
    pub fn challenge_name(&self) -> String {
        format!("_acme-challenge.{}", self.base())
    }

    /// Whether a certificate for this name serves `host` (lower case): equal, or one label under a wildcard.
    pub fn covers(&self, host: &str) -> bool {
        if self.is_wildcard() {
            host.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && label != "*" && rest == self.base()
            })
        } else {
            host == self.as_str()
        }
    }

    /// Whether this name is `zone` or lies under it.
    pub fn is_within(&self, zone: &str) -> bool {
        let base = self.base();
        base == zone
            || base
                .strip_suffix(zone)
                .is_some_and(|head| head.ends_with('.'))
    }
}

fn to_ascii(base: &str) -> Option<String> {
    if base.is_ascii() {
        return Some(base.to_ascii_lowercase());
    }
    idna::domain_to_ascii(base).ok()
}

fn check_labels(given: &str, ascii: &str) -> Result<(), NameError> {
    for label in ascii.split('.') {
        let why = if label.is_empty() {
            "is empty"
        } else if label.len() > 63 {
            "is longer than 63 characters"
        } else if label.starts_with('-') || label.ends_with('-') {
            "begins or ends with a hyphen"
        } else if !label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            "has characters other than letters, digits and hyphens"
        } else {
            continue;
        };
        return Err(NameError::BadLabel {
            name: given.to_owned(),
            label: label.to_owned(),
            why,
        });
    }
    Ok(())
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl FromStr for DomainName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl serde::Serialize for DomainName {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for DomainName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let known = |error| serde::de::Error::custom(format!("{INVALID_DOMAIN_NAME} {error}"));
        Self::new(&text).map_err(known)
    }
}

impl utoipa::PartialSchema for DomainName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("DNS name in A-labels, perhaps with a leading `*.`"))
            .into()
    }
}

impl utoipa::ToSchema for DomainName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_brought_to_canonical_form() {
        for (given, canonical) in [
            ("Example.COM.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(DomainName::new(given).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn what_no_certificate_can_carry_is_refused() {
        let long = format!("{}.example.com", "a".repeat(64));
        for bad in [
            "",
            ".",
            "a..b",
            "-a.com",
            "a-.com",
            "a b.com",
            "*",
            "a.*.com",
            "**.com",
            "192.0.2.1",
            "::1",
            &long,
        ] {
            assert!(DomainName::new(bad).is_err(), "{bad}");
        }
        let many = vec!["abcdefgh"; 40].join(".");
        assert!(matches!(DomainName::new(&many), Err(NameError::TooLong(_))));
    }

    #[test]
    fn a_wildcard_covers_exactly_one_label() {
        let name = DomainName::new("*.example.com").unwrap();

        assert!(name.covers("a.example.com"));
        assert!(!name.covers("a.b.example.com"));
        assert!(!name.covers("example.com"));
        assert_eq!(name.challenge_name(), "_acme-challenge.example.com");
    }

    #[test]
    fn within_means_at_or_below_the_zone() {
        let name = DomainName::new("a.example.com").unwrap();

        assert!(name.is_within("example.com"));
        assert!(name.is_within("a.example.com"));
        assert!(!name.is_within("ample.com"));
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics_and_is_idempotent(text in "\\PC{0,80}") {
            if let Ok(name) = DomainName::new(&text) {
                proptest::prop_assert_eq!(DomainName::new(name.as_str()), Ok(name.clone()));
            }
        }
    }
}
