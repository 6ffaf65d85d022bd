//! Links between certificates: `sslcertlink`, `sslcertchain`, `sslcertificatechain`.

use std::sync::Arc;

use evercert_ns::catalog::SSL_CERTKEY;
use evercert_ns::model::CertKeyView;
use evercert_ns::{NsError, codes};
use evercert_x509::Certificate;
use serde_json::json;

use super::{Reader, Row, missing};

impl Reader<'_> {
    /// Rows of the types about links; `None` for other types.
    pub(super) fn chain(&self, kind: &str) -> Option<Result<Vec<Row>, NsError>> {
        Some(match kind {
            "sslcertlink" => self.no_args().map(|()| self.links()),
            "sslcertchain" => self.certkeys_named().map(|certkeys| {
                let rows = certkeys
                    .iter()
                    .map(|c| super::row([("certkeyname", json!(c.name))]));
                rows.collect()
            }),
            "sslcertchain_sslcertkey_binding" => self.certkeys_named().map(|certkeys| {
                let rows = certkeys
                    .iter()
                    .flat_map(|certkey| self.chain_rows(&certkey.name));
                rows.collect()
            }),
            "sslcertchain_binding" => self.certkeys_named().map(|certkeys| {
                let rows = certkeys.iter().map(|certkey| {
                    let chain = self.chain_rows(&certkey.name);
                    super::row([
                        ("certkeyname", json!(certkey.name)),
                        ("sslcertchain_sslcertkey_binding", json!(chain)),
                    ])
                });
                rows.collect()
            }),
            "sslcertificatechain" => self.certkeys_named().map(|certkeys| {
                let rows = certkeys
                    .iter()
                    .map(|certkey| self.certificate_chain(certkey));
                rows.collect()
            }),
            _ => return None,
        })
    }

    fn no_args(&self) -> Result<(), NsError> {
        match self.query.args.first() {
            Some((field, _)) => Err(NsError::about(&codes::NO_SUCH_ARGUMENT, field)),
            None => Ok(()),
        }
    }

    fn links(&self) -> Vec<Row> {
        let linked = self.config.certkeys().filter_map(|certkey| {
            let issuer = certkey.linked?;
            Some(super::row([
                ("certkeyname", json!(certkey.name)),
                ("linkcertkeyname", json!(issuer)),
            ]))
        });
        linked.collect()
    }

    /// The certkey asked for, by name or argument, or all.
    fn certkeys_named(&self) -> Result<Vec<CertKeyView>, NsError> {
        let name = self.query.name.as_deref().or(self.arg("certkeyname"));
        match name {
            None => Ok(self.config.certkeys().collect()),
            Some(name) => {
                let certkey = self.config.certkey(name);
                certkey
                    .map(|certkey| vec![certkey])
                    .ok_or_else(|| missing(&SSL_CERTKEY, name))
            }
        }
    }

    /// The certificates above one: those that are linked, then those that could be.
    fn chain_rows(&self, name: &str) -> Vec<Row> {
        let chain = self.config.certkey_chain(name);
        let above = chain
            .iter()
            .skip(1)
            .map(|certkey| (certkey.name.clone(), true));
        let last = chain
            .last()
            .map(|certkey| certkey.name.clone())
            .unwrap_or_default();
        let possible = self.issuers_of(&last).into_iter().map(|name| (name, false));
        let rows = above.chain(possible).map(|(link, is_linked)| {
            let is_ca = self.certificate(&link).is_some_and(|c| c.is_ca());
            super::row([
                ("certkeyname", json!(name)),
                ("linkcertkeyname", json!(link)),
                ("islinked", json!(is_linked)),
                ("isca", json!(is_ca)),
                ("addsubject", json!(false)),
            ])
        });
        rows.collect()
    }

    fn certificate_chain(&self, certkey: &CertKeyView) -> Row {
        let chain = self.config.certkey_chain(&certkey.name);
        let linked: Vec<_> = chain.iter().skip(1).map(|c| c.name.clone()).collect();
        let last = chain
            .last()
            .map_or(certkey.name.as_str(), |c| c.name.as_str());
        let end = self.certificate(last);
        let is_complete = end.as_ref().is_some_and(|end| end.is_self_issued());
        let mut row = super::row([
            ("certkeyname", json!(certkey.name)),
            ("chainlinked", json!(linked)),
            ("chainpossiblelinks", json!(self.issuers_of(last))),
            ("chaincomplete", json!(u8::from(is_complete))),
        ]);
        if let Some(details) = end.as_deref().and_then(evercert_x509::Details::of)
            && !is_complete
        {
            row.insert(
                "chainissuer".to_owned(),
                json!(format!(" {}", details.issuer)),
            );
        }
        row
    }

    /// Certkeys whose certificate signed this one's.
    fn issuers_of(&self, name: &str) -> Vec<String> {
        let Some(certificate) = self.certificate(name).filter(|c| !c.is_self_issued()) else {
            return Vec::new();
        };
        let signs = |certkey: &CertKeyView| {
            let issuer = self.certificate(&certkey.name);
            issuer.is_some_and(|issuer| certificate.is_signed_by(&issuer))
        };
        let issuers = self.config.certkeys().filter(signs);
        issuers.map(|certkey| certkey.name).collect()
    }

    fn certificate(&self, name: &str) -> Option<Arc<Certificate>> {
        let running = self.instance.control.running();
        let loaded = running.certkeys.loaded(name)?;
        Some(Arc::new(loaded.leaf().clone()))
    }
}
