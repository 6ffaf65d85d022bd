//! Whether an item may be served: checked before it is staged, so that no handshake finds out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::sync::{Item, ItemKey};
use evercert_types::{DomainName, Fingerprint, Secret};
use evercert_x509::tls::self_handshake;
use evercert_x509::{
    Certificate, Chain, KeyPair, sha256, verify_chain_links, verify_key_matches, verify_names,
};
use jiff::Timestamp;
use rustls::sign::CertifiedKey;

use crate::tls::intern::Interner;
use crate::tls::record::{Record, RecordParts};

/// Chains as the Console sends them, by digest.
pub(crate) type Chains = BTreeMap<Fingerprint, Vec<String>>;

/// Why an item is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// As in `ItemProblem::code`.
    pub(crate) code: String,
    /// In one sentence.
    pub(crate) detail: String,
}

impl Rejection {
    /// A rejection with its code and one sentence.
    pub(crate) fn new(code: &str, detail: impl fmt::Display) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// An item that may be served.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) record: Arc<Record>,
    /// Its parsed key, unless that was known to work.
    pub(crate) certified: Option<Arc<CertifiedKey>>,
}

/// Checks an item whole: encodings, leaf, key, chain, names, dates, and a handshake with ourselves. The handshake is
/// left out when `known` is the same leaf with the same key.
///
/// # Errors
/// With the code and sentence that the Console shows.
pub(crate) fn verify(
    item: &Item,
    chains: &Chains,
    known: Option<&Record>,
    now: Timestamp,
    interner: &mut Interner,
) -> Result<Verified, Rejection> {
    let leaf_der = decode(&item.leaf, "the leaf")?;
    if sha256(&leaf_der) != item.fingerprint {
        return Err(Rejection::new(
            "fingerprint_mismatch",
            "the leaf is not the one its fingerprint names",
        ));
    }
    let leaf =
        Certificate::from_der(leaf_der).map_err(|error| Rejection::new("malformed", error))?;
    let ItemKey::Transport { data } = &item.key;
    let pkcs8 = Secret::new(decode(data.expose(), "the private key")?);
    let key = KeyPair::from_pkcs8_der(pkcs8.expose())
        .map_err(|error| Rejection::new("key_invalid", error))?;
    check_key(item, &leaf, &key)?;
    check_names(item, &leaf)?;
    check_dates(item, &leaf, now)?;
    let intermediates = intermediates(item, chains, &leaf)?;
    let record = record(item, &leaf, &pkcs8, intermediates, interner);
    let is_known =
        known.is_some_and(|known| known.leaf() == record.leaf() && known.pkcs8() == record.pkcs8());
    let certified = match is_known {
        true => None,
        false => Some(check_handshake(&record)?),
    };
    Ok(Verified { record, certified })
}

/// Whether the delivery is what a record holds already, so that nothing needs to be checked again.
pub(crate) fn is_same(record: &Record, item: &Item, chains: &Chains) -> bool {
    let parts = record.parts();
    parts.fingerprint == item.fingerprint
        && parts.generation == item.generation
        && *parts.name == *item.name
        && *parts.names == *sorted(&item.names)
        && same_chain(record, item, chains)
}

fn same_chain(record: &Record, item: &Item, chains: &Chains) -> bool {
    let delivered = item.chain.and_then(|id| chains.get(&id));
    let held = &record.parts().chain;
    match delivered {
        None => held.is_empty() && item.chain.is_none(),
        Some(ders) => {
            ders.len() == held.len()
                && ders
                    .iter()
                    .zip(held.iter())
                    .all(|(text, der)| STANDARD.encode(der) == *text)
        }
    }
}

fn decode(text: &str, what: &str) -> Result<Vec<u8>, Rejection> {
    STANDARD
        .decode(text)
        .map_err(|error| Rejection::new("malformed", format!("{what} is not base64 ({error})")))
}

fn check_key(item: &Item, leaf: &Certificate, key: &KeyPair) -> Result<(), Rejection> {
    verify_key_matches(leaf, key).map_err(|error| Rejection::new("key_mismatch", error))?;
    if key.algorithm() != item.id.algorithm {
        let (is, named) = (key.algorithm(), item.id.algorithm);
        let detail = format!("the key is {is}, and the item says {named}");
        return Err(Rejection::new("key_mismatch", detail));
    }
    Ok(())
}

/// Every name is one of the leaf; an old leaf may have its only name as common name.
fn check_names(item: &Item, leaf: &Certificate) -> Result<(), Rejection> {
    if item.names.is_empty() {
        return Err(Rejection::new(
            "name_invalid",
            "the item has no domain name",
        ));
    }
    if leaf.dns_names().is_empty() {
        let common_name = leaf
            .common_name()
            .and_then(|name| DomainName::new(&name).ok());
        if item
            .names
            .iter()
            .all(|name| Some(name) == common_name.as_ref())
        {
            return Ok(());
        }
    }
    verify_names(leaf, &item.names).map_err(|error| Rejection::new("name_invalid", error))
}

fn check_dates(item: &Item, leaf: &Certificate, now: Timestamp) -> Result<(), Rejection> {
    if leaf.not_before() != item.not_before || leaf.not_after() != item.not_after {
        let detail = "the item's dates are not those of the leaf";
        return Err(Rejection::new("malformed", detail));
    }
    if leaf.not_after() <= now {
        let detail = format!("it expired at {}", leaf.not_after());
        return Err(Rejection::new("expired", detail));
    }
    Ok(())
}

fn intermediates(
    item: &Item,
    chains: &Chains,
    leaf: &Certificate,
) -> Result<Vec<Vec<u8>>, Rejection> {
    let Some(id) = item.chain else {
        return Ok(Vec::new());
    };
    let texts = chains
        .get(&id)
        .ok_or_else(|| Rejection::new("chain_broken", "its chain was not delivered"))?;
    let mut certificates = vec![leaf.clone()];
    for text in texts {
        let der = decode(text, "an intermediate")?;
        let parsed = Certificate::from_der(der);
        certificates.push(parsed.map_err(|error| Rejection::new("chain_broken", error))?);
    }
    let broken = |error| Rejection::new("chain_broken", error);
    let delivered = certificates.len();
    let chain = Chain::from_certificates(certificates).map_err(broken)?;
    verify_chain_links(&chain).map_err(broken)?;
    if chain.leaf().der() != leaf.der() || chain.certificates().len() < 2.min(delivered) {
        let detail = "the intermediates do not lead from the leaf to its issuer";
        return Err(Rejection::new("chain_broken", detail));
    }
    Ok(chain.to_ders().split_off(1))
}

fn record(
    item: &Item,
    leaf: &Certificate,
    pkcs8: &Secret<Vec<u8>>,
    intermediates: Vec<Vec<u8>>,
    interner: &mut Interner,
) -> Arc<Record> {
    let parts = RecordParts {
        item: item.id,
        generation: item.generation,
        name: item.name.as_str().into(),
        names: sorted(&item.names),
        not_before: item.not_before,
        not_after: item.not_after,
        fingerprint: item.fingerprint,
        committed_at_ms: item.committed_at_ms,
        chain: interner.intern(intermediates),
    };
    Arc::new(Record::new(parts, leaf.der(), pkcs8.expose()))
}

fn sorted(names: &[DomainName]) -> Arc<[DomainName]> {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    names.into()
}

fn check_handshake(record: &Record) -> Result<Arc<CertifiedKey>, Rejection> {
    let failed = |error: &dyn std::error::Error| {
        Rejection::new("handshake_failed", crate::error::Causes(error))
    };
    let certified = record.parse().map_err(|error| failed(&error))?;
    let name = record.parts().names[0].as_str();
    self_handshake(&certified, name).map_err(|error| failed(&error))?;
    Ok(certified)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
