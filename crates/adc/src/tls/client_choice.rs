//! Which zero-touch certificate a service is shown: the one that serves a configured name, at each handshake anew.

use std::sync::Arc;

use evercert_types::DomainName;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use super::hot::HotKeys;
use super::table::Table;

/// `set ssl service S -zeroTouchCert NAME`.
#[derive(Debug)]
pub(crate) struct ZeroTouchClient {
    pub(crate) service: Box<str>,
    pub(crate) name: DomainName,
    pub(crate) table: Arc<Table>,
    pub(crate) hot: Arc<HotKeys>,
}

impl ZeroTouchClient {
    /// Exact wins over wildcard, as towards clients.
    fn choose(&self, offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = self.name.as_str();
        let slots = match name.strip_prefix("*.") {
            Some(base) => [self.table.wildcard(&format!("x.{base}")), None],
            None => [self.table.exact(name), self.table.wildcard(name)],
        };
        let mut sets = slots.iter().flatten().map(|slot| slot.load());
        let record = sets.find_map(|set| set.pick(offered).cloned())?;
        match self.hot.certified(&record) {
            Ok(certified) => Some(certified),
            Err(error) => {
                tracing::error!(item = ?record, %error, "a verified key could not be parsed");
                None
            }
        }
    }
}

impl ResolvesClientCert for ZeroTouchClient {
    fn resolve(&self, _: &[&[u8]], offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(offered);
        if chosen.is_none() {
            tracing::warn!(
                service.name = %self.service,
                name = %self.name,
                "the service asks for a client certificate, and no zero-touch certificate serves that name"
            );
        }
        chosen
    }

    fn has_certs(&self) -> bool {
        true
    }
}
