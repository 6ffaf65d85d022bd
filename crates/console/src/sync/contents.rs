//! Versions as instances need them: read, opened and brought into wire form once, then kept for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::sync::{Item, ItemId, ItemKey};
use evercert_db::store_items::{CONTENTS_AT_ONCE, StoreContent};
use evercert_db::{Db, DbError};
use evercert_types::{DomainName, Fingerprint, Secret, VersionId};
use evercert_x509::{Certificate, Chain};

/// How many versions are kept; about 5 kB each.
const KEPT: usize = 2048;

/// A version in wire form.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// The item.
    pub(crate) item: Item,
    /// Its intermediates, base64 DER; shared between items under their digest.
    pub(crate) chain: Option<(Fingerprint, Vec<String>)>,
}

/// Versions lately asked for. A version never changes, so nothing here goes stale.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_version: HashMap<VersionId, Arc<Content>>,
    oldest_first: VecDeque<VersionId>,
}

impl Contents {
    /// The versions in wire form; those that are gone, or cannot be used, are left out.
    ///
    /// # Errors
    /// When the database fails, or a private key cannot be opened.
    pub(crate) async fn load(
        &self,
        db: &Db,
        versions: &[VersionId],
    ) -> Result<HashMap<VersionId, Arc<Content>>, DbError> {
        let mut found = self.kept(versions);
        let missing: Vec<VersionId> = versions
            .iter()
            .filter(|version| !found.contains_key(version))
            .copied()
            .collect();
        for some in missing.chunks(CONTENTS_AT_ONCE) {
            for stored in db.store_contents(some).await? {
                let version = stored.version_id;
                match content(&stored) {
                    Ok(content) => {
                        let content = Arc::new(content);
                        self.keep(version, content.clone());
                        found.insert(version, content);
                    }
                    Err(error) => tracing::error!(
                        certificate.name = stored.name,
                        version.id = %version,
                        error = &error as &dyn std::error::Error,
                        "a version of the zero-touch store cannot be read; it is not delivered"
                    ),
                }
            }
        }
        Ok(found)
    }

    fn kept(&self, versions: &[VersionId]) -> HashMap<VersionId, Arc<Content>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = versions
            .iter()
            .filter_map(|version| Some((*version, kept.by_version.get(version)?.clone())));
        found.collect()
    }

    fn keep(&self, version: VersionId, content: Arc<Content>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_version.insert(version, content).is_none() {
            kept.oldest_first.push_back(version);
        }
        if kept.oldest_first.len() > KEPT
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            kept.by_version.remove(&oldest);
        }
    }
}

fn content(stored: &StoreContent) -> Result<Content, evercert_x509::ChainError> {
    let chain = Chain::from_pem(&stored.chain_pem)?;
    let leaf = chain.leaf();
    let intermediates = chain.intermediates();
    let shared = (!intermediates.is_empty()).then(|| {
        let mut hash = Context::new(&SHA256);
        intermediates
            .iter()
            .for_each(|certificate| hash.update(certificate.der()));
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        let ders = intermediates
            .iter()
            .map(|certificate| STANDARD.encode(certificate.der()));
        (Fingerprint(digest), ders.collect())
    });
    let item = Item {
        id: ItemId {
            certificate: stored.certificate_id,
            algorithm: stored.algorithm,
        },
        generation: stored.generation,
        name: stored.name.clone(),
        names: names(leaf),
        not_before: leaf.not_before(),
        not_after: leaf.not_after(),
        leaf: STANDARD.encode(leaf.der()),
        fingerprint: leaf.fingerprint(),
        chain: shared.as_ref().map(|(digest, _)| *digest),
        key: ItemKey::Transport {
            data: Secret::new(STANDARD.encode(stored.key.expose())),
        },
        committed_at_ms: stored.committed_at_ms,
    };
    Ok(Content {
        item,
        chain: shared,
    })
}

/// The names of the leaf; an old one made elsewhere may have none but its common name.
fn names(leaf: &Certificate) -> Vec<DomainName> {
    let names = leaf.dns_names();
    if !names.is_empty() {
        return names;
    }
    let common_name = leaf
        .common_name()
        .and_then(|name| DomainName::new(&name).ok());
    common_name.into_iter().collect()
}
