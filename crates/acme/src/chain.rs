//! Which of a CA's chains to serve.

use evercert_x509::Chain;

/// The chain whose topmost issuer is the preferred one; the default chain when none is, with a
/// warning.
///
/// `preferred` is a common name (`ISRG Root X1`), a whole name (`CN=ISRG Root X1,O=…`), or the
/// SHA-256 fingerprint of the topmost certificate in the chain; case does not matter. Only the top
/// counts: an issuer's name in the middle also stands in the longer chains.
pub fn select_chain(default: Chain, alternates: Vec<Chain>, preferred: Option<&str>) -> Chain {
    let Some(preferred) = preferred.map(str::trim).filter(|text| !text.is_empty()) else {
        return default;
    };
    if ends_in(&default, preferred) {
        return default;
    }
    match alternates
        .into_iter()
        .find(|chain| ends_in(chain, preferred))
    {
        Some(chain) => chain,
        None => {
            tracing::warn!(
                chain.preferred = preferred,
                chain.served = default.top_issuer(),
                "the CA offers no chain with the preferred issuer"
            );
            default
        }
    }
}

/// Whether a chain ends as is preferred, by the rules of [`select_chain`]; without a preference any does.
pub fn is_preferred(chain: &Chain, preferred: Option<&str>) -> bool {
    let preferred = preferred.map(str::trim).filter(|text| !text.is_empty());
    preferred.is_none_or(|preferred| ends_in(chain, preferred))
}

fn ends_in(chain: &Chain, preferred: &str) -> bool {
    let issuer = chain.top_issuer();
    let top = chain.certificates().last();
    issuer.eq_ignore_ascii_case(preferred)
        || common_name(&issuer).is_some_and(|name| name.eq_ignore_ascii_case(preferred))
        || preferred
            .parse()
            .is_ok_and(|print| top.is_some_and(|top| top.fingerprint() == print))
}

/// The value of `CN` in a name written as RFC 4514 has it.
fn common_name(name: &str) -> Option<String> {
    let mut parts = vec![String::new()];
    let mut characters = name.chars();
    while let Some(c) = characters.next() {
        let last = parts.last_mut()?;
        match c {
            '\\' => last.extend(characters.next()),
            ',' | '+' => parts.push(String::new()),
            other => last.push(other),
        }
    }
    parts
        .iter()
        .find_map(|part| part.trim_start().strip_prefix("CN=").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use evercert_types::{Clock, KeyAlgorithm, SystemClock};
    use evercert_x509::KeyPair;
    use evercert_x509::mint::{Authority, LeafRequest, Usage};
    use jiff::SignedDuration;

    use super::*;

    const ALGORITHM: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

    /// A leaf below `Issuing`, itself below each of the roots: one chain a root.
    fn chains(roots: &[&str]) -> Vec<Chain> {
        let (now, life) = (SystemClock.now(), SignedDuration::from_hours(24));
        let issuing_key = KeyPair::generate(ALGORITHM).unwrap();
        let leaf_key = KeyPair::generate(ALGORITHM).unwrap();
        roots
            .iter()
            .map(|root| {
                let root = Authority::self_signed(root, ALGORITHM, life, now).unwrap();
                let issuing = root.cross_sign("Issuing", &issuing_key, life, now).unwrap();
                let request = LeafRequest {
                    spki: leaf_key.spki_der().to_vec(),
                    names: vec!["a.example".parse().unwrap()],
                    ips: Vec::new(),
                    uris: Vec::new(),
                    common_name: None,
                    not_before: now,
                    not_after: now + life / 2,
                    usage: Usage::Server,
                    ocsp_url: None,
                };
                let leaf = issuing.issue(&request).unwrap();
                let pem = format!("{}{}", leaf.to_pem(), issuing.chain_pem());
                Chain::from_pem(&pem).unwrap()
            })
            .collect()
    }

    fn choose(preferred: Option<&str>) -> String {
        let mut all = chains(&["Old Root", "New Root", "Third, Root"]);
        let default = all.remove(0);
        let chosen = select_chain(default, all, preferred);
        let is_fallback = chosen.top_issuer() == "CN=Old Root"
            && preferred.is_some_and(|text| !text.trim().is_empty());
        assert_eq!(is_preferred(&chosen, preferred), !is_fallback);
        chosen.top_issuer()
    }

    #[test]
    fn the_topmost_issuer_decides() {
        assert_eq!(choose(None), "CN=Old Root");
        assert_eq!(choose(Some("new root")), "CN=New Root");
        assert_eq!(choose(Some("CN=New Root")), "CN=New Root");
        assert_eq!(choose(Some("Third, Root")), "CN=Third\\, Root");
    }

    #[test]
    fn an_issuer_in_the_middle_or_of_no_chain_leaves_the_default() {
        assert_eq!(choose(Some("Issuing")), "CN=Old Root");
        assert_eq!(choose(Some("Root")), "CN=Old Root");
        assert_eq!(choose(Some("  ")), "CN=Old Root");
    }

    #[test]
    fn a_fingerprint_of_the_topmost_certificate_is_exact() {
        let all = chains(&["Old Root", "New Root"]);
        let print = all[1].certificates().last().unwrap().fingerprint();

        let chosen = select_chain(
            all[0].clone(),
            vec![all[1].clone()],
            Some(&print.to_string()),
        );

        assert_eq!(chosen.top_issuer(), "CN=New Root");
    }

    proptest::proptest! {
        #[test]
        fn an_escaped_common_name_is_found_again(name in "[ -~]{1,20}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            let text = format!("O=Org\\, Inc,CN={escaped}");
            proptest::prop_assert_eq!(common_name(&text), Some(name));
        }
    }
}
