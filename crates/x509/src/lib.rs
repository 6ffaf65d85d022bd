//! Read, match, chain, build and convert certificates, CSRs and keys.
//!
//! Pure functions and values: no files, no network, no runtime. `x509-parser` reads, `rcgen` writes,
//! `p12-keystore` does PKCS#12, aws-lc-rs signs and generates. Start with [`Certificate`],
//! [`Chain`] and [`KeyPair`]; [`matching`] says whether they belong together, [`mint`] issues,
//! [`tls`] hands them to rustls, [`forge`] copies clients', [`ocsp`] tells whether they are revoked. An empty subject is accepted everywhere: public CAs issue them.

pub mod ari;
pub mod bundle;
pub mod certificate;
pub mod chain;
pub mod crl;
pub mod csr;
pub mod der;
pub mod details;
pub mod encrypted_key;
pub mod fingerprint;
pub mod forge;
pub mod key;
pub mod matching;
pub mod mint;
mod name;
pub mod ocsp;
pub mod pem;
pub mod pkcs12;
mod public_key;
pub mod requested;
pub mod subject;
pub mod tls;
pub mod tls_alpn01;

pub use ari::ari_certificate_id;
pub use bundle::{Bundle, BundleError};
pub use certificate::{Certificate, CertificateError};
pub use chain::{Chain, ChainError, verify_chain_links};
pub use crl::{CrlError, RevocationList};
pub use csr::{Csr, CsrError, CsrParams, Requested};
pub use details::Details;
pub use fingerprint::sha256;
pub use key::{KeyError, KeyPair};
pub use matching::{
    MatchError, verify_addresses, verify_key_matches, verify_names, verify_request_matches,
};
pub use pem::PemError;
pub use subject::Subject;

#[cfg(test)]
pub(crate) mod samples;
