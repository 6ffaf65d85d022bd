//! The values a command carries: one model for the command line, ns.conf and NITRO.

use std::fmt;
use std::net::IpAddr;

use evercert_types::Secret;

/// One value in canonical form: enumerations in the catalogue's spelling, addresses normalised.
#[derive(Clone)]
pub enum Value {
    /// Present without a value: `-SNICert`, or an argument named by `unset`.
    Flag,
    /// A number; the port `*` is 65535.
    Integer(u64),
    /// One of the attribute's choices, in the catalogue's spelling.
    Choice(&'static str),
    /// An IPv4 or IPv6 address, or a mask.
    Ip(IpAddr),
    /// A name, file, URL, expression or other text.
    Text(String),
    /// Several words, in the given order.
    List(Vec<String>),
    /// Text that is never shown in logs.
    Secret(Secret<String>),
}

impl Value {
    /// The text of a text, choice or secret.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Choice(choice) => Some(choice),
            Self::Secret(secret) => Some(secret.expose()),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub const fn as_integer(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The address, if it is one, also when it was given where a name may stand.
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The words of a list.
    pub fn as_list(&self) -> Option<&[String]> {
        match self {
            Self::List(words) => Some(words),
            _ => None,
        }
    }

    /// The value as the words written on the command line, unquoted; a flag has none.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Flag => Vec::new(),
            Self::Integer(number) => vec![number.to_string()],
            Self::Choice(choice) => vec![(*choice).to_owned()],
            Self::Ip(ip) => vec![ip.to_string()],
            Self::Text(text) => vec![text.clone()],
            Self::List(words) => words.clone(),
            Self::Secret(secret) => vec![secret.expose().clone()],
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flag, Self::Flag) => true,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Choice(a), Self::Choice(b)) => a == b,
            (Self::Ip(a), Self::Ip(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a.expose() == b.expose(),
            _ => false,
        }
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("Flag"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Choice(choice) => f.write_str(choice),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(words) => write!(f, "{words:?}"),
            Self::Secret(_) => f.write_str("***"),
        }
    }
}

/// Values by attribute name, in the catalogue's spelling; at most one of each name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values(Vec<(&'static str, Value)>);

impl Values {
    /// No values.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|at| &self.0[at].1)
    }

    /// Whether the attribute has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    /// Puts a value in; the one it replaces is returned.
    pub fn insert(&mut self, name: &'static str, value: Value) -> Option<Value> {
        match self.position(name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).ok().map(|at| self.0.remove(at).1)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (*known).cmp(name))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insert_replaces_and_get_finds() {
        let mut values = Values::new();
        values.insert("port", Value::Integer(80));
        values.insert("name", Value::Text("a".to_owned()));

        let replaced = values.insert("port", Value::Integer(443));

        assert_eq!(replaced, Some(Value::Integer(80)));
        assert_eq!(values.get("port"), Some(&Value::Integer(443)));
        assert_eq!(values.len(), 2);
        assert_eq!(values.remove("port"), Some(Value::Integer(443)));
        assert!(!values.contains("port"));
    }

    #[test]
    fn debug_masks_secrets() {
        let mut values = Values::new();
        values.insert("password", Value::Secret("hunter2".to_owned().into()));

        assert_eq!(format!("{values:?}"), r#"{"password": ***}"#);
    }
}
