//! Names for which no certificate is made: administrators of a domain, for instance.

use evercert_x509::forge::Original;

/// Patterns; `*` stands for any characters, case does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DenyList(Vec<String>);

impl DenyList {
    /// These patterns.
    pub(crate) fn new(patterns: &[String]) -> Self {
        Self(
            patterns
                .iter()
                .map(|pattern| pattern.to_lowercase())
                .collect(),
        )
    }

    /// The first name of a certificate that is denied: its subject as a whole, each part of it, each alternative name.
    pub(crate) fn match_of(&self, original: &Original<'_>) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut names = vec![original.subject_text()];
        names.extend(original.subject_values());
        match original.alt_names() {
            Ok(alt_names) => names.extend(alt_names.texts().iter().map(|text| {
                // Without the kind before it: `UPN:`, `email:`.
                text.split_once(':')
                    .map_or(text.as_str(), |(_, name)| name)
                    .to_owned()
            })),
            // What cannot be read cannot be cleared.
            Err(_) => return Some("an unreadable subjectAltName".to_owned()),
        }
        names.into_iter().find(|name| {
            let name = name.to_lowercase();
            self.0.iter().any(|pattern| matches(pattern, &name))
        })
    }
}

/// Whether a text matches a pattern with `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        assert!(matches("root", "root") && !matches("root", "rooted") && !matches("root", "aroot"));
        assert!(matches("root@*", "root@corp.example") && !matches("root@*", "toor@corp"));
        assert!(matches("*-admin@*", "a-admin@x") && !matches("*-admin@*", "admin@x"));
        assert!(matches("a*b*c", "aXbYbc") && !matches("a*b*c", "acb"));
        assert!(matches("*", "") && matches("", "") && !matches("", "a"));
        assert!(!matches("ab*ba", "aba"));
    }
}
