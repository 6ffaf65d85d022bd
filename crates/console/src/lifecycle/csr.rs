//! An uploaded CSR: read, checked, and matched with the key and the names that came with it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use evercert_api::{Problem, ProblemCode};
use evercert_types::{DomainName, KeyAlgorithm};
use evercert_x509::{Csr, KeyPair};

use super::LifecycleError;
use super::failure::sentence;

/// Reads a CSR that an order could be finalized with.
///
/// Refused at `/csr_pem`: what cannot be parsed, a signature that does not verify, keys that CAs do not take, no
/// name at all, and must-staple, which public CAs refuse (RFC 7633; its CSR cannot be signed anew here).
pub(crate) fn read(pem: &str) -> Result<(Csr, KeyAlgorithm), LifecycleError> {
    let csr = Csr::from_pem(pem).map_err(|error| refused(sentence(&error)))?;
    let Some(algorithm) = csr.key_algorithm() else {
        let detail = format!("the CSR's key ({}) is none that CAs take", csr.key_kind());
        return Err(refused(detail)
            .with_remedy(
                "Create it again with an RSA key of 2048, 3072 or 4096 bits, or an ECDSA key on P-256 or P-384.",
            )
            .into());
    };
    // After the key: no library verifies with a weak one.
    csr.verify_signature()
        .map_err(|error| refused(sentence(&error)))?;
    if csr.names().is_empty() && csr.ips().is_empty() {
        let detail = "the CSR asks for no domain name and no IP address";
        return Err(refused(detail)
            .with_remedy("Create it again with a subjectAltName.")
            .into());
    }
    if csr.requested().must_staple {
        let detail =
            "the CSR asks for OCSP must-staple, which CAs refuse when the order is finalized";
        return Err(refused(detail)
            .with_remedy("Create it again without the TLS feature extension, or upload its key alone: then the Console makes a CSR.")
            .into());
    }
    Ok((csr, algorithm))
}

/// What an operator should know of a CSR that is accepted.
pub(crate) fn warnings(csr: &Csr) -> Vec<String> {
    let mut warnings = Vec::new();
    let requested = csr.requested();
    let beside: Vec<&str> = requested
        .usages
        .iter()
        .map(String::as_str)
        .filter(|usage| *usage != "serverAuth")
        .collect();
    if !beside.is_empty() {
        warnings.push(format!(
            "the CSR asks for the extended key usage {}, which public CAs ignore or refuse",
            beside.join(", ")
        ));
    }
    if !requested.unknown.is_empty() {
        warnings.push(format!(
            "the CSR asks for extensions that CAs ignore or refuse: {}",
            requested.unknown.join(", ")
        ));
    }
    let is_name = |cn: &String| {
        let names = csr.names();
        DomainName::new(cn).is_ok_and(|name| names.contains(&name))
    };
    if let Some(cn) = csr.common_name().filter(|cn| !is_name(cn)) {
        warnings.push(format!(
            "the CSR's common name \"{cn}\" is no domain name, which public CAs refuse"
        ));
    }
    warnings
}

/// Refuses a key that the CSR was not made with.
pub(crate) fn check_key(csr: &Csr, key: &KeyPair) -> Result<(), LifecycleError> {
    if csr.is_of(key) {
        return Ok(());
    }
    let short = |spki: &[u8]| evercert_x509::sha256(spki).to_string()[..16].to_owned();
    let detail = format!(
        "the private key ({}, {}) is not the one that the CSR ({}, {}) was made with",
        key.algorithm(),
        short(key.spki_der()),
        csr.key_kind(),
        short(csr.spki_der()),
    );
    Err(Problem::new(ProblemCode::Invalid, detail)
        .at("/key_pem")
        .with_remedy("Give the key file that was written together with the CSR.")
        .into())
}

/// Refuses names that are not those of the CSR; none at all are fine.
pub(crate) fn check_names(
    csr: &Csr,
    domains: &[DomainName],
    ips: &[IpAddr],
) -> Result<(), LifecycleError> {
    if domains.is_empty() && ips.is_empty() {
        return Ok(());
    }
    let asked = sorted(domains, ips);
    let in_csr = sorted(&csr.names(), &csr.ips());
    if asked == in_csr {
        return Ok(());
    }
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let detail = format!(
        "the CSR asks for {}, the request for {}",
        list(&in_csr),
        list(&asked)
    );
    Err(Problem::new(ProblemCode::Invalid, detail)
        .at("/domains")
        .with_remedy(
            "Leave the domains out: they are read from the CSR. For others, create another CSR.",
        )
        .into())
}

fn sorted(domains: &[DomainName], ips: &[IpAddr]) -> BTreeSet<String> {
    let domains = domains.iter().map(ToString::to_string);
    domains.chain(ips.iter().map(ToString::to_string)).collect()
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::Invalid, detail)
        .at("/csr_pem")
        .with_remedy("Create the CSR again, for example with `openssl req -new`.")
}

#[cfg(test)]
mod tests {
    use evercert_x509::{CsrParams, Subject};
    use proptest::prelude::*;

    use super::*;

    fn names(texts: &[String]) -> Vec<DomainName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn csr(key: &KeyPair, texts: &[String], common_name: Option<&str>) -> Csr {
        let params = CsrParams {
            names: names(texts),
            ips: Vec::new(),
            subject: Subject {
                common_name: common_name.map(str::to_owned),
                ..Subject::default()
            },
        };
        Csr::build(&params, key).unwrap()
    }

    #[test]
    fn a_foreign_key_is_told_with_both_kinds() {
        let (own, other) = (
            KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap(),
            KeyPair::generate(KeyAlgorithm::EcdsaP384).unwrap(),
        );
        let csr = csr(&own, &["a.example".to_owned()], None);

        check_key(&csr, &own).unwrap();
        let error = check_key(&csr, &other).unwrap_err().to_problem();

        assert_eq!(error.pointer.as_deref(), Some("/key_pem"));
        assert!(error.detail.contains("ecdsa-p384"), "{}", error.detail);
    }

    #[test]
    fn a_common_name_that_is_no_domain_is_warned_of() {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let good = csr(&key, &["a.example".to_owned()], Some("a.example"));
        let odd = csr(&key, &["a.example".to_owned()], Some("Our server"));

        assert_eq!(warnings(&good), Vec::<String>::new());
        assert!(warnings(&odd)[0].contains("Our server"));
    }

    #[test]
    fn what_is_no_csr_points_at_the_csr() {
        let error = read("nonsense").unwrap_err().to_problem();

        assert_eq!(error.pointer.as_deref(), Some("/csr_pem"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn names_fit_in_any_order_and_nothing_else_does(
            texts in proptest::collection::btree_set("[a-z]{1,8}\\.example", 1..6), turn in 0usize..6, drop_one: bool,
        ) {
            let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
            let texts: Vec<String> = texts.into_iter().collect();
            let csr = csr(&key, &texts, None);
            let mut asked = names(&texts);
            let middle = turn % asked.len();
            asked.rotate_left(middle);

            prop_assert!(check_names(&csr, &asked, &[]).is_ok());
            prop_assert!(check_names(&csr, &[], &[]).is_ok());
            if drop_one {
                asked.pop();
            } else {
                asked.push("other.test".parse().unwrap());
            }
            prop_assert_eq!(check_names(&csr, &asked, &[]).is_ok(), asked.is_empty());
        }
    }
}
