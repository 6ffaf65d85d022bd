//! The subject that a certificate is asked for with (RFC 5280 §4.1.2.6), and its text form.

use std::fmt;
use std::str::FromStr;

/// The parts of a subject that an operator can ask for; an absent part is not asked for.
///
/// Lengths are those of RFC 5280 appendix A (the upper bounds), counted in characters.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(default, deny_unknown_fields)]
pub struct SubjectTerms {
    /// `CN`, at most 64 characters; one of the names of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// `O`, at most 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// `OU`, at most 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// `L`, at most 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// `ST`, at most 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `C`, two letters (ISO 3166).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `emailAddress`, at most 255 ASCII characters with an `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What is wrong with a subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// A part of the text has no `=`.
    #[error(
        "\"{0}\" in the subject is not of the form KEY=VALUE, as in CN=www.example.com,O=Example Ltd,C=CH"
    )]
    NotAPart(String),
    /// A part with a key that is not known.
    #[error("the subject has no part \"{0}\"; use CN, O, OU, L, ST, C or emailAddress")]
    UnknownPart(String),
    /// A part that is there twice.
    #[error("the subject has {0} twice; give it once")]
    Twice(&'static str),
    /// A value that X.509 does not allow.
    #[error("the subject's {part} \"{value}\" is not allowed: {rule}")]
    Value {
        /// Which part, such as `CN`.
        part: &'static str,
        /// Its name in the API, such as `common_name`.
        field: &'static str,
        /// The given value.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
}

const FIELDS: [(&str, &str); 7] = [
    ("CN", "common_name"),
    ("O", "organization"),
    ("OU", "organizational_unit"),
    ("L", "locality"),
    ("ST", "state"),
    ("C", "country"),
    ("emailAddress", "email"),
];

impl SubjectTerms {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every part against what X.509 allows (RFC 5280 appendix A).
    ///
    /// # Errors
    /// [`SubjectError::Value`] for the first that it does not.
    pub fn check(&self) -> Result<(), SubjectError> {
        for ((part, field), value) in FIELDS.into_iter().zip(self.parts()) {
            let Some(value) = value else { continue };
            if let Some(rule) = broken_rule(part, value) {
                return Err(SubjectError::Value {
                    part,
                    field,
                    value: value.clone(),
                    rule,
                });
            }
        }
        Ok(())
    }

    fn parts(&self) -> [&Option<String>; 7] {
        [
            &self.common_name,
            &self.organization,
            &self.organizational_unit,
            &self.locality,
            &self.state,
            &self.country,
            &self.email,
        ]
    }

    fn part_mut(&mut self, part: &str) -> Option<(&'static str, &mut Option<String>)> {
        Some(match part.trim().to_ascii_lowercase().as_str() {
            "cn" | "commonname" => ("CN", &mut self.common_name),
            "o" | "organization" => ("O", &mut self.organization),
            "ou" | "organizationalunit" => ("OU", &mut self.organizational_unit),
            "l" | "locality" => ("L", &mut self.locality),
            "st" | "s" | "state" => ("ST", &mut self.state),
            "c" | "country" => ("C", &mut self.country),
            "emailaddress" | "email" | "e" => ("emailAddress", &mut self.email),
            _ => return None,
        })
    }
}

fn broken_rule(part: &str, value: &str) -> Option<&'static str> {
    let length = value.chars().count();
    if value.trim().is_empty() {
        return Some("it must not be empty; leave it out");
    }
    if value.chars().any(char::is_control) {
        return Some("it must not have control characters");
    }
    match part {
        "C" if length != 2 || !value.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Some("two letters (ISO 3166), such as CH")
        }
        "CN" | "O" | "OU" if length > 64 => Some("at most 64 characters"),
        "L" | "ST" if length > 128 => Some("at most 128 characters"),
        "emailAddress" if length > 255 || !value.is_ascii() || !is_address(value) => {
            Some("an e-mail address of at most 255 ASCII characters, such as it@example.com")
        }
        _ => None,
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace)
    })
}

impl fmt::Display for SubjectTerms {
    /// As [`FromStr`] reads it: `CN=…,O=…`, commas and backslashes in values behind a backslash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for ((part, _), value) in FIELDS.into_iter().zip(self.parts()) {
            let Some(value) = value else { continue };
            let escaped = value.replace('\\', "\\\\").replace(',', "\\,");
            write!(f, "{between}{part}={escaped}")?;
            between = ",";
        }
        Ok(())
    }
}

impl FromStr for SubjectTerms {
    type Err = SubjectError;

    /// Reads `CN=www.example.com,O=Example\, Ltd,C=CH`, and OpenSSL's `/CN=www.example.com/C=CH`; the values are
    /// checked.
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let mut subject = Self::default();
        let (text, separator) = match text.trim().strip_prefix('/') {
            Some(rest) => (rest, '/'),
            None => (text.trim(), ','),
        };
        if text.is_empty() {
            return Ok(subject);
        }
        for part in split(text, separator) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| SubjectError::NotAPart(part.clone()))?;
            let (name, field) = subject
                .part_mut(key)
                .ok_or_else(|| SubjectError::UnknownPart(key.trim().to_owned()))?;
            if field.replace(value.trim().to_owned()).is_some() {
                return Err(SubjectError::Twice(name));
            }
        }
        subject.check()?;
        Ok(subject)
    }
}

/// Splits at a separator that has no backslash before it; the backslashes go.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == separator {
            parts.push(String::new());
            continue;
        }
        let next = if c == '\\' {
            characters.next()
        } else {
            Some(c)
        };
        if let Some(last) = parts.last_mut() {
            last.extend(next);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_usual_forms_are_read() {
        let expected = SubjectTerms {
            common_name: Some("www.example.com".into()),
            organization: Some("Example, Ltd".into()),
            country: Some("CH".into()),
            ..SubjectTerms::default()
        };

        for text in [
            "CN=www.example.com,O=Example\\, Ltd,C=CH",
            " cn = www.example.com , o=Example\\, Ltd, c=CH ",
            "/CN=www.example.com/O=Example, Ltd/C=CH",
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
        }
        assert_eq!("".parse(), Ok(SubjectTerms::default()));
    }

    #[test]
    fn what_x509_does_not_allow_names_its_part() {
        let long = "x".repeat(65);
        for (text, words) in [
            ("C=CHE", "two letters"),
            ("C=c1", "two letters"),
            (&format!("O={long}"), "64"),
            (&format!("CN={long}"), "64"),
            (&format!("L={}", "x".repeat(129)), "128"),
            ("emailAddress=nobody", "e-mail"),
            ("OU=", "leave it out"),
            ("O", "KEY=VALUE"),
            ("DC=example", "\"DC\""),
            ("O=a,O=b", "twice"),
        ] {
            let error = text.parse::<SubjectTerms>().unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
        assert!(
            format!("L={}", "ü".repeat(128))
                .parse::<SubjectTerms>()
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}") {
            drop(text.parse::<SubjectTerms>());
        }

        #[test]
        fn what_is_written_is_read_back(
            organization in proptest::option::of("[ -~]{0,20}[!-~]{1,20}"), locality in "[a-zA-Zéü,\\\\=/]{1,30}",
            country in "[A-Z]{2}",
        ) {
            let organization = organization.map(|text| text.trim().to_owned());
            let subject = SubjectTerms {
                organization, locality: Some(locality), country: Some(country),
                ..SubjectTerms::default()
            };
            prop_assert_eq!(subject.to_string().parse(), Ok(subject));
        }
    }
}
