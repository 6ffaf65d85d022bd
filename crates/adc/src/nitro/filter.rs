//! `?filter=field:value`: which rows of a list are wanted.
//!
//! A value is the field's whole text, or a regular expression for the whole text; between slashes (`/web/`) it is a
//! regular expression that may match anywhere.

use evercert_ns::{NsError, codes};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value as Json};

use super::url::{Encoded, Reading};

/// Bytes a compiled expression may take.
const SIZE_LIMIT: usize = 1 << 20;

/// One condition on a row.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    field: String,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    Whole {
        texts: Vec<String>,
        regex: Option<Regex>,
    },
    Anywhere(Regex),
}

impl Filter {
    /// A condition as it stands in the URL.
    ///
    /// # Errors
    /// [`codes::INVALID_ARGUMENT_VALUE`] when what stands between slashes is no regular expression.
    pub(super) fn new(field: &str, value: &Encoded) -> Result<Self, NsError> {
        let text = value.read(Reading::Once);
        let inner = text
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
            .filter(|inner| !inner.is_empty());
        let pattern =
            match inner {
                Some(inner) => Pattern::Anywhere(compile(inner).map_err(|_| {
                    NsError::argument(&codes::INVALID_ARGUMENT_VALUE, "filter", &text)
                })?),
                None => Pattern::Whole {
                    // An expression that is none is only text: names may hold a `*`.
                    regex: compile(&format!("^(?:{text})$")).ok(),
                    texts: vec![value.read(Reading::Twice), text],
                },
            };
        Ok(Self {
            field: field.to_ascii_lowercase(),
            pattern,
        })
    }

    /// The field it looks at, in lower case.
    pub(super) fn field(&self) -> &str {
        &self.field
    }

    /// Whether the row is wanted. A field that is not there is a switch that is off.
    pub(super) fn matches(&self, row: &Map<String, Json>) -> bool {
        let value = row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&self.field))
            .map_or(&Json::Bool(false), |(_, value)| value);
        match value {
            Json::Array(items) => items.iter().any(|item| self.matches_one(item)),
            other => self.matches_one(other),
        }
    }

    fn matches_one(&self, value: &Json) -> bool {
        let words: &[&str] = match value {
            Json::Bool(true) => &["true", "yes", "1"],
            Json::Bool(false) => &["false", "no", "0"],
            _ => &[],
        };
        if !words.is_empty() {
            return words.iter().any(|word| self.matches_text(word));
        }
        match value {
            Json::String(text) => self.matches_text(text),
            Json::Number(number) => self.matches_text(&number.to_string()),
            _ => false,
        }
    }

    fn matches_text(&self, have: &str) -> bool {
        match &self.pattern {
            Pattern::Whole { texts, regex } => {
                texts.iter().any(|text| text.eq_ignore_ascii_case(have))
                    || regex.as_ref().is_some_and(|regex| regex.is_match(have))
            }
            Pattern::Anywhere(regex) => regex.is_match(have),
        }
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(SIZE_LIMIT).build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::url::Query;
    use super::*;

    fn matches(filter: &str, row: Json) -> bool {
        let query = Query::parse(&format!("filter={filter}")).unwrap();
        let Json::Object(row) = row else {
            unreachable!("a row is an object")
        };
        query.filters.iter().all(|filter| filter.matches(&row))
    }

    #[test]
    fn a_plain_value_is_the_whole_text() {
        assert!(matches("certkeyname:web1", json!({"certkeyname": "web1"})));
        assert!(!matches(
            "certkeyname:web1",
            json!({"certkeyname": "web10"})
        ));
        assert!(matches(
            "name:*.example.com",
            json!({"name": "*.example.com"})
        ));
        assert!(matches("name:web.*", json!({"name": "web10"})));
        assert!(matches("port:443", json!({"port": 443})));
        assert!(matches("port:443", json!({"port": "443"})));
    }

    #[test]
    fn between_slashes_it_may_match_anywhere() {
        assert!(matches("name:/eb/", json!({"name": "web10"})));
        assert!(matches("name:/%5Ew.b%7Cx/", json!({"name": "web10"})));
        assert!(!matches("name:/^eb/", json!({"name": "web10"})));
    }

    #[test]
    fn switches_are_found_by_their_truth() {
        assert!(matches("snicert:true", json!({"snicert": true})));
        assert!(matches("SNIcert:yes", json!({"snicert": true})));
        assert!(!matches("snicert:true", json!({"certkeyname": "a"})));
        assert!(matches("snicert:false", json!({"certkeyname": "a"})));
    }

    #[test]
    fn every_condition_must_hold_and_lists_need_one_hit() {
        let row = json!({"certkeyname": "a", "certificatetype": ["CLNT_CERT", "SRVR_CERT"]});

        assert!(matches(
            "certkeyname:a,certificatetype:SRVR_CERT",
            row.clone()
        ));
        assert!(!matches("certkeyname:b,certificatetype:SRVR_CERT", row));
    }
}
