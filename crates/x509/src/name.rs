//! Distinguished names as text (RFC 4514), and the common name in them.

use x509_parser::prelude::{FromDer, X509Name};

/// A name in the way of RFC 4514: last part first, separated by commas, special characters escaped.
pub(crate) fn name_text(name: &X509Name<'_>) -> String {
    let parts: Vec<String> = name
        .iter_rdn()
        .map(|rdn| {
            let pairs: Vec<String> = rdn
                .iter()
                .map(|attribute| {
                    let oid = attribute.attr_type().to_id_string();
                    let value = attribute_text(attribute.as_str().ok(), attribute.as_slice());
                    format!("{}={}", attribute_name(&oid), escape(&value))
                })
                .collect();
            pairs.join("+")
        })
        .collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// The same of a name as DER; a name that cannot be read is empty.
pub(crate) fn der_text(name: &[u8]) -> String {
    X509Name::from_der(name).map_or_else(|_| String::new(), |(_, name)| name_text(&name))
}

fn attribute_name(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    }
}

pub(crate) fn attribute_text(text: Option<&str>, raw: &[u8]) -> String {
    match text {
        Some(text) => text.to_owned(),
        // `BMPString` and TeletexString: old roots have them. Latin-1 shows most of them rightly.
        None => raw
            .iter()
            .filter(|byte| **byte != 0)
            .map(|byte| char::from(*byte))
            .collect(),
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        let at_edge = (c == ' ' && (i == 0 || i == last)) || (c == '#' && i == 0);
        if at_edge || "\"+,;<>\\".contains(c) {
            out.push('\\');
            out.push(c);
        } else if c.is_control() {
            out.push_str(&format!("\\{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// The last common name of a subject, if it has one.
pub(crate) fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name()
        .last()
        .map(|attribute| attribute_text(attribute.as_str().ok(), attribute.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped_as_rfc_4514_says() {
        assert_eq!(escape("a, b+c"), "a\\, b\\+c");
        assert_eq!(escape(" #x "), "\\ #x\\ ");
        assert_eq!(escape("#x\n"), "\\#x\\0A");
    }

    #[test]
    fn text_of_other_string_types_is_shown_as_latin() {
        assert_eq!(attribute_text(None, &[0, b'A', 0, b'G']), "AG");
    }
}
