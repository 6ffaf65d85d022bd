//! Reading what CAs really send: open sets of words, dates and lists that may be missing or odd.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// A set of words that a CA may extend: unknown ones are kept as text, never refused.
macro_rules! open_words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A word this version does not know, as the CA wrote it.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)* Self::Other(text) => text }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text { $($text => Self::$variant,)* other => Self::Other(other.to_owned()) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Ok(Self::from(&*text))
            }
        }
    )*};
}
pub(crate) use open_words;

/// A date that is dropped rather than fatal when it is missing, null or unreadable.
pub(crate) fn lenient_time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(d)?;
    Ok(value.and_then(|value| value.as_str()?.parse().ok()))
}

/// A member whose `null` means the same as its absence.
pub(crate) fn null_as_default<'de, T, D>(d: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// The first 200 characters of a body, on one line, for an error message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    const LENGTH: usize = 200;
    let head = &body[..body.len().min(LENGTH * 8)];
    let text = String::from_utf8_lossy(head);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        let body = format!("<html>\r\n\t<title>502</title>\u{0}{}", "x".repeat(500));

        let text = excerpt(body.as_bytes());

        assert!(text.starts_with("<html> <title>502</title> xxx"));
        assert_eq!(text.chars().count(), 200);
    }

    #[test]
    fn odd_dates_and_nulls_are_absent() {
        #[derive(Deserialize)]
        struct Odd {
            #[serde(default, deserialize_with = "lenient_time")]
            at: Option<Timestamp>,
            #[serde(default, deserialize_with = "null_as_default")]
            list: Vec<String>,
        }
        for text in [
            r#"{}"#,
            r#"{"at":null,"list":null}"#,
            r#"{"at":"soon"}"#,
            r#"{"at":7}"#,
        ] {
            let odd: Odd = serde_json::from_str(text).unwrap();
            assert!(odd.at.is_none() && odd.list.is_empty(), "{text}");
        }
        let good: Odd = serde_json::from_str(r#"{"at":"2026-01-01T00:00:00+01:00"}"#).unwrap();
        assert_eq!(good.at.unwrap().to_string(), "2025-12-31T23:00:00Z");
    }
}
