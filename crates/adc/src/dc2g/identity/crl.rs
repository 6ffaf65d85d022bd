//! The CRLs of the configuration (`add ssl crl`): read from their files, again when those change, fetched when asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use evercert_x509::{Certificate, RevocationList};
use jiff::Timestamp;

use super::fetch::{Ask, Fetcher};
use super::schedule::Schedule;
use crate::dc2g::registry::Common;

/// Octets of the largest list that is fetched.
const MAX_LIST: usize = 64 << 20;
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// What the CRLs say of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrlAnswer {
    Good,
    Revoked,
    /// There is no CRL of the issuer, or it is past its next update.
    Unknown,
}

/// One CRL of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrlSource {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Who signs it: the certificate named by `-CAcert`, or else any CA certificate of the configuration may be it.
    pub(crate) cas: Vec<Certificate>,
    /// Where it is fetched from (`-refresh ENABLED -method HTTP -url`), and when.
    pub(crate) fetch: Option<(String, Schedule)>,
}

/// What a CRL's file held when it was last looked at.
#[derive(Clone, Debug)]
pub(crate) struct CrlFeed {
    pub(crate) source: CrlSource,
    /// The list, as long as a good one was ever read: one that is damaged does not replace it.
    pub(crate) list: Option<Arc<RevocationList>>,
    seen: Option<Seen>,
    /// When fetching it was tried last.
    fetched: Option<Timestamp>,
}

/// A file's modification time and size.
type Seen = (SystemTime, u64);

/// All CRLs of an instance.
#[derive(Debug)]
pub(crate) struct CrlStore {
    feeds: ArcSwap<BTreeMap<String, CrlFeed>>,
    /// Held while they are changed.
    turn: Mutex<()>,
    common: Arc<Common>,
}

impl CrlStore {
    /// None yet.
    pub(crate) fn new(common: Arc<Common>) -> Self {
        Self {
            feeds: ArcSwap::default(),
            turn: Mutex::default(),
            common,
        }
    }

    /// Takes over the CRLs of a configuration; those that stay the same are not read again.
    pub(crate) fn configure(&self, sources: Vec<CrlSource>) {
        let _turn = self.turn();
        let before = self.feeds.load_full();
        let feeds: BTreeMap<String, CrlFeed> = sources
            .into_iter()
            .map(|source| {
                let known = before.get(&source.name);
                let feed = match known.filter(|feed| feed.source == source) {
                    Some(feed) => feed.clone(),
                    None => CrlFeed::new(source).read_again(),
                };
                (feed.source.name.clone(), feed)
            })
            .collect();
        self.install(&before, feeds);
    }

    /// Reads again the files that changed.
    pub(crate) fn refresh(&self) {
        let _turn = self.turn();
        let before = self.feeds.load_full();
        let is_stale = |feed: &CrlFeed| seen(&feed.source.path) != feed.seen;
        if !before.values().any(is_stale) {
            return;
        }
        let feeds = before.iter().map(|(name, feed)| {
            let feed = match is_stale(feed) {
                true => feed.clone().read_again(),
                false => feed.clone(),
            };
            (name.clone(), feed)
        });
        self.install(&before, feeds.collect());
    }

    /// Fetches the lists that are due, each into its file; a list that is no good does not replace one.
    pub(crate) async fn fetch_due(&self, fetcher: &Fetcher) {
        let now = self.common.clock.now();
        let feeds = self.feeds.load_full();
        for feed in feeds.values() {
            let Some((url, schedule)) = &feed.source.fetch else {
                continue;
            };
            if !schedule.is_due(feed.fetched, now) {
                continue;
            }
            self.note_fetched(&feed.source.name, now);
            if let Err(problem) = fetch(fetcher, url, &feed.source).await {
                let name = &feed.source.name;
                tracing::warn!(ssl.crl = %name, %problem, "a CRL could not be fetched");
            }
        }
    }

    fn note_fetched(&self, name: &str, now: Timestamp) {
        let _turn = self.turn();
        let mut feeds = BTreeMap::clone(&self.feeds.load());
        if let Some(feed) = feeds.get_mut(name) {
            feed.fetched = Some(now);
        }
        self.feeds.store(Arc::new(feeds));
    }

    fn install(&self, before: &BTreeMap<String, CrlFeed>, feeds: BTreeMap<String, CrlFeed>) {
        let lists = |feeds: &BTreeMap<String, CrlFeed>| -> Vec<Option<Arc<RevocationList>>> {
            feeds.values().map(|feed| feed.list.clone()).collect()
        };
        let changed = lists(before) != lists(&feeds);
        self.feeds.store(Arc::new(feeds));
        if changed {
            self.common.revocations_changed();
        }
    }

    /// What is known of a certificate, by its issuer's name and its serial number.
    pub(super) fn look_up(&self, issuer: &[u8], serial: &[u8], now: Timestamp) -> CrlAnswer {
        let feeds = self.feeds.load();
        let lists = feeds.values().filter_map(|feed| feed.list.as_ref());
        let mut answer = CrlAnswer::Unknown;
        for list in lists.filter(|list| list.issuer_der() == issuer) {
            // What was revoked stays revoked, however old the list is.
            if list.revokes(serial) {
                return CrlAnswer::Revoked;
            }
            if list.is_current(now) {
                answer = CrlAnswer::Good;
            }
        }
        answer
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CrlFeed {
    const fn new(source: CrlSource) -> Self {
        Self {
            source,
            list: None,
            seen: None,
            fetched: None,
        }
    }

    fn read_again(mut self) -> Self {
        self.seen = seen(&self.source.path);
        match read(&self.source) {
            Ok(list) => {
                let (name, entries) = (&self.source.name, list.len());
                tracing::info!(ssl.crl = %name, entries, "read a CRL");
                self.list = Some(Arc::new(list));
            }
            Err(problem) => {
                let name = &self.source.name;
                tracing::warn!(ssl.crl = %name, %problem, "a CRL cannot be used");
            }
        }
        self
    }
}

async fn fetch(fetcher: &Fetcher, url: &str, source: &CrlSource) -> Result<(), String> {
    let octets = fetcher.fetch(url, Ask::Get, MAX_LIST, FETCH_LIMIT).await?;
    verified(&octets, source)?;
    let path = &source.path;
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let beside = path.with_extension("new");
    std::fs::write(&beside, octets).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

fn read(source: &CrlSource) -> Result<RevocationList, String> {
    let path = source.path.display();
    let octets = std::fs::read(&source.path).map_err(|error| format!("{path}: {error}"))?;
    verified(&octets, source).map_err(|problem| format!("{path}: {problem}"))
}

fn verified(octets: &[u8], source: &CrlSource) -> Result<RevocationList, String> {
    let mut problem = "no CA certificate is there to verify it with; give -CAcert".to_owned();
    for ca in &source.cas {
        match RevocationList::read(octets, ca) {
            Ok(list) => return Ok(list),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

fn seen(path: &Path) -> Option<Seen> {
    let file = path.metadata().ok()?;
    Some((file.modified().ok()?, file.len()))
}
