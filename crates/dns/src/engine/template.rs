//! Texts with holes: `{zone}`, `{value|quoted}`; what a hole may name is checked when a description is loaded.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::txt;

/// What the holes of a template are filled with, by name.
pub(crate) type Vars = BTreeMap<String, String>;

/// A text with holes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole { name: String, filters: Vec<Filter> },
}

/// What is done to a value before it is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Base64 with padding.
    Base64,
    /// `YYYY-MM-DD hh:mm:ss`, of seconds since 1970.
    DateTime,
    /// A JSON number; only where the hole is the whole text.
    Int,
    /// JSON as it is; only where the hole is the whole text.
    Json,
    /// Within quotes, as master files have it.
    Quoted,
    /// Percent-encoded for a path or query (RFC 3986 unreserved characters stay).
    Percent,
    /// A domain name in Unicode.
    Unicode,
    /// With `&`, `<`, `>` and quotes escaped.
    Xml,
    /// Upper case.
    Upper,
}

impl Filter {
    const ALL: [(&'static str, Self); 9] = [
        ("b64", Self::Base64),
        ("datetime", Self::DateTime),
        ("int", Self::Int),
        ("json", Self::Json),
        ("quoted", Self::Quoted),
        ("pct", Self::Percent),
        ("unicode", Self::Unicode),
        ("xml", Self::Xml),
        ("upper", Self::Upper),
    ];

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, filter)| *filter)
            .ok_or_else(|| format!("there is no filter \"{text}\""))
    }

    fn apply(self, text: &str) -> String {
        match self {
            Self::Base64 => STANDARD.encode(text),
            Self::DateTime => date_time(text),
            Self::Int | Self::Json => text.to_owned(),
            Self::Quoted => txt::quote(text),
            Self::Percent => percent(text),
            Self::Unicode => idna::domain_to_unicode(text).0,
            Self::Xml => xml(text),
            Self::Upper => text.to_ascii_uppercase(),
        }
    }
}

impl Template {
    /// Reads a template; `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// An unclosed hole, an unknown filter.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let tail = &rest[at..];
            if let Some(after) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
                plain.push_str(&tail[..1]);
                rest = after;
                continue;
            }
            let inside = tail
                .strip_prefix('{')
                .and_then(|tail| tail.split_once('}'))
                .ok_or_else(|| format!("\"{text}\" has a brace without its partner"))?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(hole(inside.0)?);
            rest = inside.1;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The names of its holes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether it puts what the hole names in quotes.
    pub(crate) fn quotes(&self, wanted: &str) -> bool {
        self.0.iter().any(|part| match part {
            Part::Hole { name, filters } => name == wanted && filters.contains(&Filter::Quoted),
            Part::Text(_) => false,
        })
    }

    /// The text with its holes filled; what is not known is empty.
    pub(crate) fn render(&self, vars: &Vars) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Hole { name, filters } => {
                let value = vars.get(name).cloned().unwrap_or_default();
                filters
                    .iter()
                    .fold(value, |text, filter| filter.apply(&text))
            }
        });
        parts.collect()
    }

    /// As a JSON value: a number where the whole text is one hole with `int`, else a string.
    pub(crate) fn render_json(&self, vars: &Vars) -> Value {
        let text = self.render(vars);
        match self.0.as_slice() {
            [Part::Hole { filters, .. }] if filters.contains(&Filter::Int) => {
                text.parse::<i64>().map_or(Value::String(text), Value::from)
            }
            [Part::Hole { filters, .. }] if filters.contains(&Filter::Json) => {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            _ => Value::String(text),
        }
    }
}

/// Universal time, as databases write it.
fn date_time(seconds: &str) -> String {
    let time = seconds.parse().ok();
    let time = time.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(String::new, |time| {
        let zoned = time.to_zoned(jiff::tz::TimeZone::UTC);
        zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
    })
}

fn hole(inside: &str) -> Result<Part, String> {
    let mut words = inside.split('|');
    let name = words.next().unwrap_or_default().trim();
    if name.is_empty() {
        return Err("a hole names nothing".to_owned());
    }
    Ok(Part::Hole {
        name: name.to_owned(),
        filters: words
            .map(str::trim)
            .map(Filter::parse)
            .collect::<Result<_, _>>()?,
    })
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Hole { name, .. } => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(octet));
            }
            _ => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

/// With everything escaped that means something in XML.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    #[test]
    fn holes_are_filled_and_filtered() {
        let vars = vars(&[("zone", "example.org"), ("value", "a\"b<"), ("ttl", "60")]);
        let render = |text: &str| Template::parse(text).unwrap().render(&vars);

        assert_eq!(render("/zones/{zone}/x"), "/zones/example.org/x");
        assert_eq!(render("{value|quoted}"), r#""a\"b<""#);
        assert_eq!(render("{value|quoted|xml}"), "&quot;a\\&quot;b&lt;&quot;");
        assert_eq!(render("{{{zone}}}"), "{example.org}");
        assert_eq!(render("{value|pct}"), "a%22b%3C");
        assert_eq!(render("{ttl|datetime}"), "1970-01-01 00:01:00");
        assert_eq!(
            Template::parse("_acme-challenge.xn--bcher-kva.example.{x|unicode}")
                .unwrap()
                .render(&Vars::from([("x".to_owned(), "xn--p1ai".to_owned())])),
            "_acme-challenge.xn--bcher-kva.example.\u{440}\u{444}"
        );
        assert_eq!(
            Template::parse("{ttl|int}").unwrap().render_json(&vars),
            json!(60)
        );
        assert_eq!(
            Template::parse("{ttl}").unwrap().render_json(&vars),
            json!("60")
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for bad in ["{zone", "zone}", "{}", "{zone|loud}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,60}") {
            if let Ok(template) = Template::parse(&text) {
                template.render(&Vars::new());
            }
        }

        #[test]
        fn text_without_braces_stays(text in "[^{}]{0,60}") {
            proptest::prop_assert_eq!(Template::parse(&text).unwrap().render(&Vars::new()), text);
        }
    }
}
