//! Labels of fields where a type has no layout of its own.

use crate::catalog::{Attribute, ResourceType};

/// Words that are written in capitals.
const ACRONYMS: &[&str] = &[
    "acl", "arp", "ca", "cip", "cka", "cmp", "crl", "cs", "csr", "db", "dh", "dn", "dns", "ha",
    "hsts", "http", "https", "icap", "icmp", "id", "ip", "l2", "lb", "mtu", "nat", "ns", "ocsp",
    "os", "rhi", "rsa", "rtt", "sni", "ssl", "tcp", "td", "tls", "ttl", "udp", "uri", "url",
    "vlan",
];

/// Read-only fields, which the catalogue does not describe.
const READ_ONLY: &[(&str, &str)] = &[
    ("actsvcs", "Active services"),
    ("configchanged", "Configuration changed"),
    ("curclntconnections", "Current client connections"),
    ("cursrvrconnections", "Current server connections"),
    ("currentconn", "Connections"),
    ("curstate", "State"),
    ("daystoexpiration", "Days to expiration"),
    ("effectivestate", "Effective State"),
    ("establishedconn", "Established connections"),
    ("handshakesfailed", "Handshakes failed"),
    ("handshakesrefused", "Handshakes refused"),
    ("hits", "Hits"),
    ("inactsvcs", "Inactive services"),
    ("lastconfigchangedtime", "Last Config Changed Time"),
    ("lastconfigsavetime", "Last Config Saved Time"),
    ("newsessions", "New sessions"),
    ("primaryipaddress", "IP"),
    ("primaryport", "Port"),
    ("referencecount", "Reference Count"),
    ("sessionhits", "Session hits"),
    ("svrstate", "State"),
    ("systemtime", "System Time"),
    ("requestbytes", "Request bytes"),
    ("responsebytes", "Response bytes"),
    ("undefhits", "Undef Hits"),
    ("vslbhealth", "Health"),
];

/// The label of a NITRO field.
pub(super) fn of(resource: &ResourceType, field: &str) -> String {
    let known = READ_ONLY.iter().find(|(name, _)| *name == field);
    if let Some((_, label)) = known {
        return (*label).to_owned();
    }
    let attribute = resource
        .attributes
        .iter()
        .chain(resource.bindings.iter().flat_map(|b| b.attributes))
        .find(|attribute| attribute.has_field(field));
    match attribute {
        Some(attribute) if is_name(resource, attribute) => "Name".to_owned(),
        Some(attribute) => words(attribute.name),
        None => words(field),
    }
}

/// The unit of a NITRO field's number, with a blank before it.
pub(super) fn unit(resource: &ResourceType, field: &str) -> String {
    resource
        .attributes
        .iter()
        .find(|attribute| attribute.has_field(field))
        .and_then(|attribute| attribute.unit)
        .map_or_else(String::new, |unit| format!(" {unit}"))
}

fn is_name(resource: &ResourceType, attribute: &Attribute) -> bool {
    let first = resource.keys().next();
    first.is_some_and(|key| key.name == attribute.name)
        && attribute.name.to_ascii_lowercase().ends_with("name")
}

/// `healthMonitor` is `Health Monitor`, `IPAddress` is `IP Address`.
fn words(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut parts: Vec<String> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = before.is_none_or(|b| b.is_lowercase() && letter.is_uppercase())
            || (letter.is_uppercase() && after.is_some_and(|a| a.is_lowercase()));
        if *letter == '_' || (begins && parts.last().is_none_or(|part| !part.is_empty())) {
            parts.push(String::new());
        }
        if let (Some(part), false) = (parts.last_mut(), *letter == '_') {
            part.push(*letter);
        }
    }
    let parts: Vec<_> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| capital(part))
        .collect();
    parts.join(" ")
}

fn capital(word: &str) -> String {
    let lower = word.to_lowercase();
    if ACRONYMS.contains(&lower.as_str()) {
        return word.to_uppercase();
    }
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn names_are_split_into_words() {
        assert_eq!(words("healthMonitor"), "Health Monitor");
        assert_eq!(words("IPAddress"), "IP Address");
        assert_eq!(words("lbMethod"), "LB Method");
        assert_eq!(words("v6netmasklen"), "V6netmasklen");
        assert_eq!(words("ttl"), "TTL");
        assert_eq!(words("sha_1"), "Sha 1");
    }

    #[test]
    fn the_key_is_the_name_and_read_only_fields_have_labels() {
        assert_eq!(of(&catalog::RESPONDER_POLICY, "name"), "Name");
        assert_eq!(
            of(&catalog::RESPONDER_POLICY, "undefaction"),
            "Undef Action"
        );
        assert_eq!(of(&catalog::RESPONDER_POLICY, "undefhits"), "Undef Hits");
    }
}
