//! Name constraints of a forging CA (RFC 5280 §4.2.1.10), checked by ourselves: many verifiers pass `otherName` over.

use super::names::{Attribute, EMAIL_ADDRESS, GeneralName, attribute_values, parts, string_text};
use crate::der::{self, DerError, Reader};

/// What a CA may vouch for. Empty lists allow everything.
#[derive(Clone, Debug, Default)]
pub(super) struct NameConstraints {
    /// The extension's value, from which the names below are read.
    value: Vec<u8>,
}

impl NameConstraints {
    /// Reads the value of the extension.
    ///
    /// # Errors
    /// When it is malformed.
    pub(super) fn read(value: &[u8]) -> Result<Self, DerError> {
        subtrees(value, der::constructed(0))?;
        subtrees(value, der::constructed(1))?;
        Ok(Self {
            value: value.to_vec(),
        })
    }

    /// The first name that is not allowed, as text.
    pub(super) fn violation(
        &self,
        subject: &[u8],
        alt_names: &[GeneralName<'_>],
    ) -> Option<String> {
        let permitted = subtrees(&self.value, der::constructed(0)).ok()?;
        let excluded = subtrees(&self.value, der::constructed(1)).ok()?;
        let mut names: Vec<GeneralName<'_>> = alt_names.to_vec();
        // An empty SEQUENCE has two octets.
        if subject.len() > 2 {
            names.push(GeneralName::Directory(subject));
        }
        let addresses = attribute_values(subject, EMAIL_ADDRESS);
        names.extend(addresses.into_iter().map(GeneralName::Email));
        let is_allowed = |name: &GeneralName<'_>| {
            let mut like = permitted
                .iter()
                .filter(|base| base.is_like(name))
                .peekable();
            let is_permitted = like.peek().is_none() || like.any(|base| is_within(name, base));
            is_permitted
                && !excluded
                    .iter()
                    .any(|base| base.is_like(name) && is_within(name, base))
        };
        names
            .iter()
            .find(|name| !is_allowed(name))
            .map(GeneralName::text)
    }
}

fn subtrees(value: &[u8], tag: u8) -> Result<Vec<GeneralName<'_>>, DerError> {
    let mut lists = Reader::new(value).enter(der::SEQUENCE)?;
    while !lists.is_empty() {
        let list = lists.next_tlv()?;
        if list.tag == tag {
            return der::elements(list.content)?
                .iter()
                .map(|subtree| GeneralName::read(&Reader::new(subtree.content).next_tlv()?))
                .collect();
        }
    }
    Ok(Vec::new())
}

/// Whether a name lies in the subtree. One of a kind that cannot be judged lies in none.
fn is_within(name: &GeneralName<'_>, base: &GeneralName<'_>) -> bool {
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => begins_with(name, base),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => is_below(name, base, Apex::Below),
        (GeneralName::Email(name), GeneralName::Email(base)) => is_mailbox_within(name, base),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => {
            host(name).is_some_and(|host| is_below(host, base, Apex::Exact))
        }
        (GeneralName::Ip(name), GeneralName::Ip(base)) => is_address_within(name, base),
        (
            name @ GeneralName::Other { value: a, .. },
            base @ GeneralName::Other { value: b, .. },
        ) => match (name.upn(), base.upn()) {
            (Some(name), Some(base)) => is_mailbox_within(&name, &base),
            _ => a == b,
        },
        _ => false,
    }
}

/// Whether `base` without a leading dot covers the names below it, or itself only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apex {
    Below,
    Exact,
}

fn is_below(name: &str, base: &str, apex: Apex) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    if base.is_empty() {
        return true;
    }
    if base.starts_with('.') {
        return name.ends_with(&base);
    }
    name == base || (apex == Apex::Below && name.ends_with(&format!(".{base}")))
}

/// `user@host`, `@host` or `host` for one host, `.domain` for the hosts below a domain.
fn is_mailbox_within(name: &str, base: &str) -> bool {
    let Some((_, host)) = name.rsplit_once('@') else {
        return false;
    };
    match base.strip_prefix('@').unwrap_or(base) {
        whole if whole.contains('@') => name.eq_ignore_ascii_case(whole),
        base => is_below(host, base, Apex::Exact),
    }
}

fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(host.split_once(':').map_or(host, |(host, _)| host))
}

fn is_address_within(name: &[u8], base: &[u8]) -> bool {
    if base.len() != name.len() * 2 {
        return false;
    }
    let (network, mask) = base.split_at(name.len());
    name.iter()
        .zip(network.iter().zip(mask))
        .all(|(octet, (network, mask))| octet & mask == network & mask)
}

/// Whether the first parts of a name are those of another, compared as RFC 5280 §7.1 says.
fn begins_with(name: &[u8], base: &[u8]) -> bool {
    let (Ok(name), Ok(base)) = (parts(name), parts(base)) else {
        return false;
    };
    name.len() >= base.len()
        && name.iter().zip(&base).all(|(own, wanted)| {
            own.len() == wanted.len()
                && wanted
                    .iter()
                    .all(|wanted| own.iter().any(|own| is_same(own, wanted)))
        })
}

fn is_same(own: &Attribute<'_>, wanted: &Attribute<'_>) -> bool {
    if own.0 != wanted.0 {
        return false;
    }
    match (string_text(&own.1), string_text(&wanted.1)) {
        (Some(own), Some(wanted)) => folded(&own) == folded(&wanted),
        _ => own.1.raw == wanted.1.raw,
    }
}

/// Case and runs of spaces do not count.
fn folded(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_and_principal_names_lie_in_their_domain() {
        assert!(is_mailbox_within("a@corp.example", "corp.example"));
        assert!(is_mailbox_within("a@CORP.example", "@corp.example"));
        assert!(is_mailbox_within("a@x.corp.example", ".corp.example"));
        assert!(is_mailbox_within("a@corp.example", "A@corp.example"));
        assert!(!is_mailbox_within("a@x.corp.example", "corp.example"));
        assert!(!is_mailbox_within("a@evilcorp.example", "corp.example"));
        assert!(!is_mailbox_within("a@corp.example", ".corp.example"));
        assert!(!is_mailbox_within("nobody", "corp.example"));
    }

    #[test]
    fn hosts_and_addresses_lie_in_their_network() {
        assert!(is_below("a.corp.example", "corp.example", Apex::Below));
        assert!(!is_below("acorp.example", "corp.example", Apex::Below));
        assert_eq!(host("https://u@a.example:1/x"), Some("a.example"));
        assert_eq!(host("tag:microsoft.com,2022-09-14:sid:S-1"), None);
        let network = [10, 1, 0, 0, 255, 255, 0, 0];
        assert!(is_address_within(&[10, 1, 2, 3], &network));
        assert!(!is_address_within(&[10, 2, 2, 3], &network));
        assert!(!is_address_within(&[0; 16], &network));
    }
}
