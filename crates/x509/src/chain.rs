//! A leaf with its intermediates, in order, whatever order they came in.

use evercert_types::Fingerprint;

use crate::certificate::{Certificate, CertificateError};
use crate::key::KeyPair;

/// Most certificates a bundle may hold.
pub const MAX_CERTIFICATES: usize = 64;

/// A leaf and the CA certificates above it, leaf first, each issued by the next; a self-signed root
/// is dropped (TLS does not send it, RFC 8446 §4.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    certificates: Vec<Certificate>,
}

/// Certificates do not make a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// One certificate could not be read.
    #[error("certificate {position} of the bundle could not be read")]
    Certificate {
        /// Which one, from 1.
        position: usize,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// The bundle as a whole could not be read.
    #[error("the certificate bundle could not be read")]
    Bundle(#[source] CertificateError),
    /// There is no certificate at all.
    #[error("the bundle holds no certificate; give the server's certificate and its intermediates")]
    Empty,
    /// There are too many.
    #[error("the bundle holds {0} certificates, more than {MAX_CERTIFICATES}; give only one chain")]
    TooMany(usize),
    /// No certificate can be the leaf: all are CA certificates.
    #[error("the bundle holds only CA certificates; add the server's own certificate")]
    NoLeaf,
    /// More than one certificate can be the leaf.
    #[error("the bundle holds several server certificates ({0} and {1}); give one chain at a time")]
    SeveralLeaves(String, String),
    /// A certificate is not signed by the one after it.
    #[error(
        "the certificate {subject} is not signed by {issuer}; replace the intermediate by the one its CA publishes"
    )]
    BrokenLink {
        /// The certificate whose signature fails.
        subject: String,
        /// The one that should have signed it.
        issuer: String,
    },
    /// A certificate above the leaf is not a CA certificate.
    #[error(
        "{0} stands above the leaf but is not a CA certificate; replace it by the CA's intermediate"
    )]
    NotACa(String),
    /// None of the certificates belongs to the private key.
    #[error("none of the certificates belongs to the private key; give the key it was issued for")]
    NoneForKey,
}

impl Chain {
    /// Reads a PEM bundle in any order, with duplicates, roots and other text in it.
    ///
    /// # Errors
    /// When a certificate is malformed, or there is not exactly one leaf.
    pub fn from_pem(text: &str) -> Result<Self, ChainError> {
        let pool = Certificate::all_from_pem(text).map_err(ChainError::Bundle)?;
        Self::from_certificates(pool)
    }

    /// The same from DER certificates, in any order.
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn from_ders(ders: Vec<Vec<u8>>) -> Result<Self, ChainError> {
        let pool = ders
            .into_iter()
            .enumerate()
            .map(|(i, der)| {
                Certificate::from_der(der).map_err(|source| ChainError::Certificate {
                    position: i + 1,
                    source,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::from_certificates(pool)
    }

    /// The same from parsed certificates, in any order.
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn from_certificates(pool: Vec<Certificate>) -> Result<Self, ChainError> {
        let pool = without_duplicates(pool)?;
        let leaf = find_leaf(&pool)?.clone();
        Ok(Self::build(leaf, &pool))
    }

    /// The chain of the certificate that belongs to `key`; other leaves in the bundle are ignored.
    ///
    /// # Errors
    /// When no certificate has the key's public half.
    pub fn for_key(pool: Vec<Certificate>, key: &KeyPair) -> Result<Self, ChainError> {
        let pool = without_duplicates(pool)?;
        let leaf = pool
            .iter()
            .find(|certificate| crate::matching::verify_key_matches(certificate, key).is_ok())
            .ok_or(ChainError::NoneForKey)?
            .clone();
        Ok(Self::build(leaf, &pool))
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// The CA certificates above the leaf, without a self-signed root.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.certificates[1..]
    }

    /// All of them, leaf first.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// PEM, leaf first.
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(Certificate::to_pem).collect()
    }

    /// PEM of the intermediates only; empty when there are none.
    pub fn pem_without_leaf(&self) -> String {
        self.intermediates()
            .iter()
            .map(Certificate::to_pem)
            .collect()
    }

    /// The issuer of the topmost certificate: the root's name, though the root is not in the chain.
    pub fn top_issuer(&self) -> String {
        self.top().issuer()
    }

    /// Every certificate as DER, leaf first.
    pub fn to_ders(&self) -> Vec<Vec<u8>> {
        self.certificates
            .iter()
            .map(|certificate| certificate.der().to_vec())
            .collect()
    }

    /// The leaf's fingerprint: what tells one version from another.
    pub fn fingerprint(&self) -> Fingerprint {
        self.leaf().fingerprint()
    }

    /// The chain with what is missing at its top, taken from `known` by name, key identifier and signature; a root is
    /// left out.
    #[must_use]
    pub fn completed_from(&self, known: &[Certificate]) -> Self {
        let mut certificates = self.certificates.clone();
        while certificates.len() < MAX_CERTIFICATES
            && let Some(issuer) = certificates
                .last()
                .and_then(|top| signer_of(top, known, &certificates))
        {
            if issuer.is_self_signed() {
                break;
            }
            certificates.push(issuer.clone());
        }
        Self { certificates }
    }

    /// The name of the issuer that stands above it, unless that is a root of `known`, or the chain has intermediates
    /// and so may end at a root of everybody's: what is missing, as far as can be told without a store of roots.
    pub fn missing_issuer(&self, known: &[Certificate]) -> Option<String> {
        let top = self.top();
        if top.is_self_signed() || !self.intermediates().is_empty() {
            return None;
        }
        match signer_of(top, known, &[]) {
            Some(issuer) if issuer.is_self_signed() => None,
            _ => Some(top.issuer()),
        }
    }

    fn top(&self) -> &Certificate {
        self.certificates.last().unwrap_or(self.leaf())
    }

    fn build(leaf: Certificate, pool: &[Certificate]) -> Self {
        let mut certificates = vec![leaf];
        while let Some(issuer) = certificates
            .last()
            .and_then(|top| find_issuer(top, pool, &certificates))
        {
            if issuer.is_self_signed() {
                break;
            }
            certificates.push(issuer.clone());
        }
        Self { certificates }
    }
}

/// Checks that every certificate is signed by the next, and that all above the leaf are CAs.
///
/// Dates and the trust in the top are not looked at.
///
/// # Errors
/// Names the first link that fails.
pub fn verify_chain_links(chain: &Chain) -> Result<(), ChainError> {
    for pair in chain.certificates.windows(2) {
        let (below, above) = (&pair[0], &pair[1]);
        if !above.is_ca() {
            return Err(ChainError::NotACa(above.display_name()));
        }
        if !below.is_signed_by(above) {
            return Err(ChainError::BrokenLink {
                subject: below.display_name(),
                issuer: above.display_name(),
            });
        }
    }
    Ok(())
}

fn without_duplicates(pool: Vec<Certificate>) -> Result<Vec<Certificate>, ChainError> {
    if pool.len() > MAX_CERTIFICATES {
        return Err(ChainError::TooMany(pool.len()));
    }
    let mut unique: Vec<Certificate> = Vec::with_capacity(pool.len());
    for certificate in pool {
        if !unique.contains(&certificate) {
            unique.push(certificate);
        }
    }
    Ok(unique)
}

/// The certificate that issued no other; among several, the one that is no CA.
fn find_leaf(pool: &[Certificate]) -> Result<&Certificate, ChainError> {
    if let [only] = pool {
        return Ok(only);
    }
    let ends: Vec<&Certificate> = pool
        .iter()
        .filter(|candidate| {
            !pool
                .iter()
                .any(|other| other != *candidate && names_issuer(other, candidate))
        })
        .collect();
    let leaves: Vec<&Certificate> = ends.iter().copied().filter(|end| !end.is_ca()).collect();
    match (leaves.as_slice(), ends.as_slice()) {
        ([leaf], _) | ([], [leaf]) => Ok(leaf),
        ([first, second, ..], _) => Err(ChainError::SeveralLeaves(
            first.display_name(),
            second.display_name(),
        )),
        ([], []) if pool.is_empty() => Err(ChainError::Empty),
        ([], _) => Err(ChainError::NoLeaf),
    }
}

fn find_issuer<'a>(
    below: &Certificate,
    pool: &'a [Certificate],
    used: &[Certificate],
) -> Option<&'a Certificate> {
    if below.is_self_issued() && below.is_self_signed() {
        return None;
    }
    let candidates: Vec<&Certificate> = pool
        .iter()
        .filter(|candidate| names_issuer(below, candidate) && !used.contains(candidate))
        .collect();
    // Two CA certificates of one name: a re-keyed or cross-signed CA. The signature decides.
    candidates
        .iter()
        .find(|candidate| below.is_signed_by(candidate))
        .or(candidates.first())
        .copied()
}

/// The CA certificate in `known` that signed `below`.
fn signer_of<'a>(
    below: &Certificate,
    known: &'a [Certificate],
    used: &[Certificate],
) -> Option<&'a Certificate> {
    if below.is_self_signed() {
        return None;
    }
    known.iter().find(|candidate| {
        candidate.is_ca()
            && names_issuer(below, candidate)
            && !used.contains(candidate)
            && below.is_signed_by(candidate)
    })
}

/// Whether `above` is by name and key identifier the issuer of `below` (RFC 5280 §4.2.1.1).
fn names_issuer(below: &Certificate, above: &Certificate) -> bool {
    let ids_agree = match (below.authority_key_id(), above.subject_key_id()) {
        (Some(wanted), Some(given)) => wanted == given,
        _ => true,
    };
    below.issuer_der() == above.subject_der() && ids_agree
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;
    use proptest::prelude::*;

    use super::*;
    use crate::mint::LeafRequest;
    use crate::samples::{self, FIXTURE_CA, FIXTURE_LEAF};

    fn shuffled() -> impl Strategy<Value = (Vec<Certificate>, Chain)> {
        let (_, chain, root) = samples::chain();
        let mut pool = chain.certificates().to_vec();
        pool.push(root.certificate().clone());
        pool.extend(chain.certificates().to_vec());
        (Just(pool).prop_shuffle(), Just(chain))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_order_with_root_and_duplicates_makes_the_same_chain((pool, chain) in shuffled()) {
            let text: String = pool.iter().map(|c| format!("junk\r\n{}", c.to_pem())).collect();
            prop_assert_eq!(Chain::from_pem(&text).unwrap(), chain);
        }
    }

    #[test]
    fn parts_are_what_they_say() {
        let (_, chain, root) = samples::chain();

        assert_eq!(chain.intermediates().len(), 1);
        assert_eq!(chain.top_issuer(), root.certificate().subject());
        assert_eq!(
            chain.to_pem(),
            chain.leaf().to_pem() + &chain.pem_without_leaf()
        );
        assert_eq!(Chain::from_ders(chain.to_ders()).unwrap(), chain);
        verify_chain_links(&chain).unwrap();
    }

    #[test]
    fn a_leaf_directly_below_its_root_stands_alone() {
        let chain = Chain::from_pem(&format!("{FIXTURE_CA}{FIXTURE_LEAF}")).unwrap();

        assert_eq!(chain.certificates().len(), 1);
        assert_eq!(chain.top_issuer(), "CN=Fixture Root,O=Fixture\\, Inc.,C=DE");
    }

    #[test]
    fn a_single_self_signed_certificate_is_a_chain() {
        let chain = Chain::from_pem(FIXTURE_CA).unwrap();

        assert!(chain.leaf().is_ca() && chain.intermediates().is_empty());
    }

    #[test]
    fn two_leaves_are_refused_unless_a_key_tells_which() {
        let (key, first, _) = samples::chain();
        let (_, second, _) = samples::chain();
        let pool = [second.certificates(), first.certificates()].concat();

        let error = Chain::from_certificates(pool.clone()).unwrap_err();

        assert!(matches!(error, ChainError::SeveralLeaves(..)), "{error}");
        assert_eq!(Chain::for_key(pool, &key).unwrap(), first);
    }

    #[test]
    fn without_certificates_for_the_key_there_is_no_chain() {
        let (_, chain, _) = samples::chain();
        let other = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();

        let error = Chain::for_key(chain.certificates().to_vec(), &other).unwrap_err();

        assert_eq!(error, ChainError::NoneForKey);
        assert_eq!(Chain::from_certificates(Vec::new()), Err(ChainError::Empty));
    }

    #[test]
    fn among_cas_of_one_name_the_one_that_signed_is_chosen() {
        let (root, real) = samples::authorities();
        let impostor = root
            .intermediate(
                "Sample CA 1",
                KeyAlgorithm::EcdsaP256,
                samples::days(30),
                samples::now(),
            )
            .unwrap();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let leaf = real
            .issue(&LeafRequest::for_key(
                &key,
                &[],
                samples::days(9),
                samples::now(),
            ))
            .unwrap();

        let chain = Chain::from_certificates(vec![
            impostor.certificate().clone(),
            leaf,
            real.certificate().clone(),
        ]);

        // The impostor issued nothing, but as a CA it does not count as a second leaf.
        assert_eq!(
            chain.unwrap().intermediates(),
            std::slice::from_ref(real.certificate())
        );
    }

    #[test]
    fn a_cross_signed_root_is_kept_and_names_the_older_root() {
        let (old, _) = samples::authorities();
        let (new, intermediate) = samples::authorities();
        let cross = old
            .cross_sign("Sample Root", new.key(), samples::days(365), samples::now())
            .unwrap();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = LeafRequest::for_key(&key, &[], samples::days(9), samples::now());
        let mut pool = intermediate
            .issue_chain(&request)
            .unwrap()
            .certificates()
            .to_vec();
        pool.push(cross.certificate().clone());

        let chain = Chain::from_certificates(pool).unwrap();

        assert_eq!(chain.certificates().len(), 3);
        verify_chain_links(&chain).unwrap();
    }

    #[test]
    fn a_link_whose_signature_fails_is_named() {
        let (_, chain, _) = samples::chain();
        let mut ders = chain.to_ders();
        let end = ders[0].len() - 1;
        ders[0][end] ^= 1;

        let damaged = Chain::from_ders(ders).unwrap();

        let error = verify_chain_links(&damaged).unwrap_err();
        assert!(
            matches!(&error, ChainError::BrokenLink { subject, .. } if subject == "a.example"),
            "{error}"
        );
    }

    #[test]
    fn what_is_missing_is_taken_from_what_is_known_if_it_signed() {
        let (_, chain, root) = samples::chain();
        let (_, other, _) = samples::chain();
        let bare = Chain::from_certificates(vec![chain.leaf().clone()]).unwrap();

        // The other hierarchy has the same names, and other keys.
        assert_eq!(bare.completed_from(other.certificates()), bare);
        assert_eq!(bare.missing_issuer(&[]).as_deref(), Some("CN=Sample CA 1"));
        let known = [&[root.certificate().clone()], chain.certificates()].concat();
        let completed = bare.completed_from(&known);
        assert_eq!(completed, chain);
        assert_eq!(completed.completed_from(&known), chain);
        assert_eq!(completed.missing_issuer(&[]), None);
    }

    #[test]
    fn nothing_is_missing_below_a_known_root() {
        let chain = Chain::from_pem(FIXTURE_LEAF).unwrap();
        let root = Certificate::from_pem(FIXTURE_CA).unwrap();

        assert!(chain.missing_issuer(&[]).is_some());
        assert_eq!(chain.missing_issuer(&[root]), None);
    }

    #[test]
    fn an_unreadable_certificate_is_counted() {
        let (_, chain, _) = samples::chain();

        let error = Chain::from_ders(vec![chain.leaf().der().to_vec(), vec![1]]).unwrap_err();

        assert!(matches!(error, ChainError::Certificate { position: 2, .. }));
    }
}
