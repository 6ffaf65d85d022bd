//! Who can tell a certificate's status: read from the certificate once.

use evercert_x509::Certificate;
use evercert_x509::ocsp::CertId;

use crate::tls::record::Record;

/// Where to ask about one certificate, and what to believe.
#[derive(Debug)]
pub(crate) struct Source {
    /// The responder's URL, of the authority information access.
    pub(crate) url: String,
    pub(crate) id: CertId,
    pub(crate) issuer: Certificate,
}

impl Source {
    /// Of a record; `None` when its certificate names no responder, or its issuer is not in its chain.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let leaf = Certificate::from_der(record.leaf()).ok()?;
        let url = leaf
            .ocsp_urls()
            .iter()
            .find(|url| url.starts_with("http://"))?;
        let chain = record.parts().chain.iter();
        let issuer = chain
            .filter_map(|der| Certificate::from_der(der.to_vec()).ok())
            .find(|issuer| issuer.subject_der() == leaf.issuer_der())?;
        Some(Self {
            url: url.clone(),
            id: CertId::of(&leaf, &issuer),
            issuer,
        })
    }
}
