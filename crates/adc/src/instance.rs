//! What a running instance knows of itself: shared by its handle and its status interface.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use evercert_types::{DomainName, ItemState, SharedClock};
use jiff::Timestamp;

use crate::control::Control;
use crate::dc2g::Dc2g;
use crate::dc2g::identity::Fetcher;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::nitro::Memory;
use crate::running::live::Entry;
use crate::status::{
    AgentState, ItemCounts, ItemStatus, MAX_ITEMS, ServiceStatus, Status, VserverStatus,
    ZeroTouchStatus,
};
use crate::sync::agent::Agent;
use crate::sync::keeper::Keeper;
use crate::sync::ledger::{Held, HeldState};
use crate::sync::store::Store;
use crate::tls::explain::{ExplainQuery, Explanation, explain};
use crate::traffic::Shared;

/// How often made certificates and connections that nobody uses any more are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// The parts of a running instance.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) started_at: Timestamp,
    pub(crate) control: Control,
    pub(crate) clock: SharedClock,
    /// Who has logged in to the management plane.
    pub(crate) memory: Memory,
    /// Where NetScaler's file names lead.
    pub(crate) files: Files,
    /// The file the configuration is read from and saved to.
    pub(crate) ns_conf: PathBuf,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Arc<Store>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) agent: Option<Arc<Agent>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) dc2g: Arc<Dc2g>,
}

impl Instance {
    pub(crate) fn status(&self) -> Status {
        Status {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            vservers: self.vservers().iter().filter_map(vserver_status).collect(),
            zero_touch: self.zero_touch(),
            warnings: (self.control.warnings().into_iter())
                .chain(self.default_warning())
                .collect(),
        }
    }

    /// Follows what bears on clients' certificates: CRLs that change, made certificates and connections that age.
    pub(crate) async fn follow_clients(&self, tick: Duration) {
        let mut swept = Instant::now();
        let fetcher = Fetcher::new();
        if let Err(error) = &fetcher {
            tracing::error!(%error, "CRLs are not fetched");
        }
        loop {
            tokio::time::sleep(tick).await;
            if let Ok(fetcher) = &fetcher {
                self.dc2g.crls().fetch_due(fetcher).await;
            }
            self.dc2g.crls().refresh();
            if swept.elapsed() < SWEEP {
                continue;
            }
            swept = Instant::now();
            self.dc2g.sweep();
            for entry in self.vservers().iter() {
                for service in entry.live.now().balancer.services() {
                    service.pool.sweep();
                }
            }
        }
    }

    /// The vservers now, with their sockets.
    pub(crate) fn vservers(&self) -> Arc<Vec<Entry>> {
        self.control.live().entries()
    }

    /// That nothing is held for the default certificate's name: it is mistyped, or comes later.
    pub(crate) fn default_warning(&self) -> Option<String> {
        let running = self.control.running();
        let name = running.default_name.as_ref()?;
        (!self.store.table.serves(name.as_str())).then(|| {
            format!(
                "the default certificate {name} is not a certkey with a private key, and no zero-touch certificate \
                 serves that name yet; until one comes there is no default (correct --default-certificate if it is \
                 mistyped)"
            )
        })
    }

    /// The choice on one vserver, or on all that speak TLS.
    pub(crate) fn explain(&self, query: &ExplainQuery) -> Vec<Explanation> {
        let is_meant = |entry: &&Entry| {
            let wanted = query.vserver.as_deref();
            wanted.is_none_or(|name| *name == *entry.live.name)
        };
        let vservers = self.vservers();
        (vservers.iter().filter(is_meant))
            .filter_map(|entry| {
                let vserver = entry.live.now();
                Some(explain(&vserver.name, &vserver.tls()?.policy, query))
            })
            .collect()
    }

    /// Items that cover a name and are not served: staged, rejected or expired. Those whose names were never verified
    /// are found by the certificate's name.
    pub(crate) fn not_served(&self, sni: Option<&str>) -> Vec<ItemStatus> {
        let Some(sni) = sni.map(str::to_ascii_lowercase) else {
            return Vec::new();
        };
        let now = self.store.now();
        let covers = |name: &DomainName| name.covers(&sni) || name.as_str() == sni;
        self.store.look(|ledger| {
            let problems = ledger.problems(usize::MAX);
            let items = problems.iter().filter_map(|problem| {
                let held = ledger.get(&problem.id)?;
                let names = held.record().or(held.previous.as_ref());
                let is_about = match names {
                    Some(record) => record.parts().names.iter().any(covers),
                    None => DomainName::new(&held.name).is_ok_and(|name| covers(&name)),
                };
                is_about.then(|| {
                    item_status(
                        problem.id,
                        held,
                        Some((&problem.code, &problem.detail)),
                        now,
                    )
                })
            });
            items.collect()
        })
    }

    pub(crate) fn metrics_text(&self) -> String {
        let counts = self.store.counts();
        let as_gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let metrics = &self.metrics;
        metrics
            .zero_touch_names
            .set(as_gauge(self.store.table.len()));
        metrics.zero_touch_items.set(as_gauge(counts.held));
        metrics.zero_touch_rejected.set(as_gauge(counts.rejected));
        metrics
            .zero_touch_revision
            .set(self.store.cursor().revision);
        let misses = i64::try_from(self.store.hot.misses()).unwrap_or(i64::MAX);
        metrics.key_parses.set(misses);
        metrics.text()
    }

    fn zero_touch(&self) -> ZeroTouchStatus {
        let cursor = self.store.cursor();
        let counts = self.store.counts();
        let progress = self.agent.as_ref().map(|agent| agent.progress());
        let progress = progress.as_ref();
        ZeroTouchStatus {
            state: progress.map_or(AgentState::NoConsole, |p| p.state),
            detail: progress.and_then(|p| p.detail.clone()),
            remedy: progress.and_then(|p| p.remedy.clone()),
            console: self.agent.as_ref().map(|agent| agent.url().to_owned()),
            identity: progress.and_then(|p| p.identity.clone()),
            last_poll_at: progress.and_then(|p| p.last_poll_at),
            last_success_at: progress.and_then(|p| p.last_success_at),
            next_poll_at: progress.and_then(|p| p.next_poll_at),
            http_status: progress.and_then(|p| p.http_status),
            request: progress.and_then(|p| p.request).map(str::to_owned),
            scope: cursor.scope,
            epoch: cursor.epoch,
            revision: cursor.revision,
            counts: ItemCounts {
                held: counts.held,
                active: counts.active,
                staged: counts.staged,
                rejected: counts.rejected,
                expired: counts.expired,
            },
            names: self.store.table.len(),
            challenges: self.shared.challenges.pending(),
            cache: self.keeper.status(),
            items: self.items(),
        }
    }

    /// Exceptions first, then the others.
    fn items(&self) -> Vec<ItemStatus> {
        let now = self.store.now();
        self.store.look(|ledger| {
            let problems = ledger.problems(MAX_ITEMS);
            let exceptions = problems.iter().filter_map(|problem| {
                let held = ledger.get(&problem.id)?;
                Some(item_status(
                    problem.id,
                    held,
                    Some((&problem.code, &problem.detail)),
                    now,
                ))
            });
            let active = ledger
                .iter()
                .filter(|(_, held)| matches!(held.state, HeldState::Active(_)))
                .map(|(id, held)| item_status(*id, held, None, now));
            exceptions.chain(active).take(MAX_ITEMS).collect()
        })
    }
}

fn item_status(
    id: evercert_api::sync::ItemId,
    held: &Held,
    exception: Option<(&String, &String)>,
    now: Timestamp,
) -> ItemStatus {
    let shown = held.record().or(held.serving());
    let handshakes = held.serving().map_or(0, |record| record.handshakes());
    let state = match &held.state {
        HeldState::Active(record) if record.handshakes() > 0 => ItemState::Observed,
        HeldState::Active(_) => ItemState::Active,
        HeldState::Staged(_) => ItemState::Staged,
        HeldState::Expired(_) | HeldState::Rejected(_) => ItemState::Rejected,
    };
    ItemStatus {
        id,
        certificate: held.name.to_string(),
        algorithm: id.algorithm,
        generation: held.generation,
        fingerprint: held.fingerprint,
        state,
        names: shown.map_or_else(Vec::new, |record| {
            record
                .parts()
                .names
                .iter()
                .map(ToString::to_string)
                .collect()
        }),
        not_after: shown.map(|record| record.parts().not_after),
        handshakes,
        ocsp: (held.serving().and_then(|record| record.staple.load_full()))
            .map(|staple| staple.word(now).to_owned()),
        serving_generation: held
            .previous
            .as_ref()
            .map(|record| record.parts().generation),
        code: exception.map(|(code, _)| code.clone()),
        detail: exception.map(|(_, detail)| detail.clone()),
    }
}

/// Of a vserver that listens.
fn vserver_status(entry: &Entry) -> Option<VserverStatus> {
    let address = entry.socket.as_ref()?.address;
    let vserver = entry.live.now();
    let services = vserver.balancer.services().iter();
    Some(VserverStatus {
        name: vserver.name.to_string(),
        kind: vserver.kind_name().to_owned(),
        address,
        zero_touch: vserver.tls().is_some_and(|tls| tls.policy.manual.is_none()),
        services: services
            .map(|service| ServiceStatus {
                name: service.name.to_string(),
                address: service.address.to_string(),
                up: service.is_up(),
                active: service.active.load(Ordering::Relaxed),
                idle: service.pool.len(),
            })
            .collect(),
    })
}
