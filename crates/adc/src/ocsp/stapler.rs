//! Asks responders in the background: what handshakes want, collected by responder, and refreshed before it runs out.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use evercert_types::{Fingerprint, SharedClock};
use evercert_x509::ocsp::{self, Belief, Response, Signature, Status};
use jiff::{SignedDuration, Timestamp};
use rustls::sign::CertifiedKey;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fetch::{self, FetchError};
use super::{Settings, Staple};
use crate::error::Causes;
use crate::tls::record::Record;

/// Most questions that wait to be asked.
const WAITING: usize = 1024;
/// Most responders asked at the same time.
const AT_ONCE: usize = 8;
/// How often is looked for answers that age.
const SWEEP: Duration = Duration::from_secs(30);
/// How long after its last handshake an answer is still refreshed.
const IN_USE: SignedDuration = SignedDuration::from_hours(24);

/// Staples to handshakes, and has fetched what it staples.
pub(crate) struct Stapler {
    clock: SharedClock,
    settings: ArcSwap<Settings>,
    wanted: mpsc::Sender<Arc<Record>>,
    asked: Mutex<Option<mpsc::Receiver<Arc<Record>>>>,
    slots: Semaphore,
    /// Records with an answer.
    watched: Mutex<Vec<Weak<Record>>>,
}

/// Why there is no new answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the response is not used")]
    Response(#[from] ocsp::OcspError),
    #[error("the system gave no random octets for the nonce")]
    Random,
}

/// Certificates of one issuer at one responder.
type Group = (String, Fingerprint);

impl Stapler {
    pub(crate) fn new(clock: SharedClock, settings: Settings) -> Self {
        let (wanted, asked) = mpsc::channel(WAITING);
        Self {
            clock,
            settings: ArcSwap::from_pointee(settings),
            wanted,
            asked: Mutex::new(Some(asked)),
            slots: Semaphore::new(AT_ONCE),
            watched: Mutex::default(),
        }
    }

    /// From now on responders are asked like this.
    pub(crate) fn configure(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// The key with a response stapled, if one that says good is kept; asks for a fresher one where it is time.
    pub(crate) fn staple(
        &self,
        record: &Arc<Record>,
        plain: &CertifiedKey,
    ) -> Option<Arc<CertifiedKey>> {
        let now = self.clock.now();
        record.staple_used.store(now.as_second(), Ordering::Relaxed);
        let kept = record.staple.load();
        let timeout = signed(self.settings.load().cache_timeout);
        if kept.as_ref().is_none_or(|kept| kept.is_stale(now, timeout)) {
            self.want(record);
        }
        kept.as_ref()?.staple_to(plain, now)
    }

    /// Has it asked about, unless that is under way; never blocks.
    fn want(&self, record: &Arc<Record>) {
        if record.source().is_none() || record.staple_asked.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.wanted.try_send(record.clone()).is_err() {
            record.staple_asked.store(false, Ordering::Relaxed);
        }
    }

    /// Asks until it is stopped; a second call does nothing.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let asked = self.asked.lock();
        let asked = asked.unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut asked) = asked else {
            return;
        };
        let mut groups: HashMap<Group, (Instant, Vec<Arc<Record>>)> = HashMap::new();
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let due = groups.values().map(|(due, _)| *due).min();
            let until_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(record) = asked.recv() => self.collect(&mut groups, record),
                () = until_due => {}
                _ = sweep.tick() => self.refresh(),
                () = stop.cancelled() => return,
            }
            let depth = self.settings.load().batching_depth;
            let now = Instant::now();
            let ready: Vec<Group> = groups
                .iter()
                .filter(|(_, (due, records))| *due <= now || records.len() >= depth)
                .map(|(group, _)| group.clone())
                .collect();
            for group in ready {
                if let Some((_, records)) = groups.remove(&group) {
                    tokio::spawn(self.clone().ask(group.0, records));
                }
            }
        }
    }

    fn collect(
        &self,
        groups: &mut HashMap<Group, (Instant, Vec<Arc<Record>>)>,
        record: Arc<Record>,
    ) {
        let Some(source) = record.source() else {
            return;
        };
        let group = (source.url.clone(), source.issuer.fingerprint());
        let delay = self.settings.load().batching_delay;
        let (_, records) = groups
            .entry(group)
            .or_insert_with(|| (Instant::now() + delay, Vec::new()));
        records.push(record);
    }

    /// Asks again about what is in use and ages.
    fn refresh(&self) {
        let now = self.clock.now();
        let mut ageing = Vec::new();
        self.watched().retain(|record| {
            let Some(record) = record.upgrade() else {
                return false;
            };
            let used = Timestamp::from_second(record.staple_used.load(Ordering::Relaxed));
            let in_use = used.is_ok_and(|used| now.duration_since(used) < IN_USE);
            let ages = record
                .staple
                .load()
                .as_ref()
                .is_some_and(|s| s.is_ageing(now));
            if in_use && ages {
                ageing.push(record);
            }
            true
        });
        for record in ageing {
            self.want(&record);
        }
    }

    async fn ask(self: Arc<Self>, url: String, records: Vec<Arc<Record>>) {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.ok();
        let settings = self.settings.load_full();
        let outcome = self.question(&url, &records, &settings).await;
        if let Err(error) = &outcome {
            let error = Causes(error).to_string();
            tracing::warn!(ocsp.url = url, error, "the OCSP responder gave no answer");
        }
        for record in &records {
            let response = outcome.as_ref().ok();
            let staple = response.and_then(|(response, nonce)| {
                self.judge(record, response, nonce.as_deref(), &settings)
            });
            let earlier = record.staple.load_full();
            if earlier.is_none() {
                self.watched().push(Arc::downgrade(record));
            }
            let now = self.clock.now();
            let staple = staple.unwrap_or_else(|| Staple::failed(earlier.as_deref(), now));
            record.staple.store(Some(Arc::new(staple)));
            record.staple_asked.store(false, Ordering::Relaxed);
        }
    }

    async fn question(
        &self,
        url: &str,
        records: &[Arc<Record>],
        settings: &Settings,
    ) -> Result<(Response, Option<Vec<u8>>), AskError> {
        let ids: Vec<_> = records
            .iter()
            .filter_map(|record| Some(record.source()?.id.clone()))
            .collect();
        let nonce = match settings.use_nonce {
            true => {
                let mut nonce = vec![0; 16];
                aws_lc_rs::rand::fill(&mut nonce).map_err(|_| AskError::Random)?;
                Some(nonce)
            }
            false => None,
        };
        let question = ocsp::request(&ids, nonce.as_deref());
        let octets = fetch::ask(url, &question, settings).await?;
        Ok((Response::parse(&octets)?, nonce))
    }

    /// What a response says of one record, if it is to be believed.
    fn judge(
        &self,
        record: &Record,
        response: &Response,
        nonce: Option<&[u8]>,
        settings: &Settings,
    ) -> Option<Staple> {
        let source = record.source()?;
        let now = self.clock.now();
        let skew = signed(settings.skew);
        let belief = Belief {
            now,
            skew,
            nonce,
            signature: match settings.trust_responder {
                true => Signature::Ignored,
                false => Signature::Checked,
            },
        };
        match response.status_of(&source.id, &source.issuer, &belief) {
            Ok(single) => {
                if let Status::Revoked { at } = single.status {
                    tracing::error!(item = ?record, %at, "the certificate is revoked; it is served without OCSP response");
                }
                let until = single.next_update.unwrap_or(response.produced_at() + skew);
                let response = response.der().to_vec();
                Some(Staple::new(response, single.status, now, until))
            }
            Err(error) => {
                tracing::warn!(item = ?record, %error, "the OCSP response is not used");
                None
            }
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Record>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Stapler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stapler").finish_non_exhaustive()
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
