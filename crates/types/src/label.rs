//! Labels of instances, and the selectors that pick instances by them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Key and value pairs that describe an instance, such as `site=fra` and `tier=edge`.
pub type Labels = BTreeMap<String, String>;

/// Which instances a certificate goes to: those that carry all of these labels; empty means all.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Selector(pub Labels);

/// A `key=value` pair was malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a label; write key=value, the key in letters, digits, '-', '_', '.' or '/'"
)]
pub struct LabelError(String);

impl Selector {
    /// Whether an instance with these labels is picked.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("all");
        }
        for (i, (key, value)) in self.0.iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Selector {
    type Err = LabelError;

    /// Reads `k=v,k=v`; the empty text and `all` pick every instance.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        if text.is_empty() || text == "all" {
            return Ok(Self::default());
        }
        text.split(',')
            .map(parse_label)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Reads one `key=value`.
///
/// # Errors
/// When there is no `=`, or the key is empty or has other characters than letters, digits and `-_./`.
pub fn parse_label(text: &str) -> Result<(String, String), LabelError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match text.split_once('=') {
        Some((key, value))
            if !key.is_empty() && key.chars().all(allowed) && !value.contains(',') =>
        {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err(LabelError(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_selector_picks_everything() {
        assert!(Selector::default().matches(&Labels::new()));
    }

    #[test]
    fn every_label_of_the_selector_must_be_there() {
        let selector: Selector = "site=fra,tier=edge".parse().unwrap();
        let mut labels = Labels::from([("site".into(), "fra".into())]);
        assert!(!selector.matches(&labels));

        labels.insert("tier".into(), "edge".into());
        labels.insert("rack".into(), "7".into());

        assert!(selector.matches(&labels));
        assert_eq!(selector.to_string(), "site=fra,tier=edge");
    }

    #[test]
    fn a_label_without_a_value_sign_is_refused() {
        assert!(parse_label("fra").is_err());
        assert!(parse_label("=fra").is_err());
    }
}
