//! The table and the store outside of an instance, for benchmarks; no part of the product's interface.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evercert_api::sync::{Item, ItemId};
use evercert_types::{CertificateId, DomainName, SharedClock};
use jiff::Timestamp;
use rustls::SignatureScheme;

pub use crate::dc2g::probe::ForgeProbe;
use crate::sync::ledger::Held;
use crate::sync::ledger::HeldState;
use crate::sync::store::{BATCH, Contents, Store};
use crate::sync::verify::Chains;
use crate::tls::hot::HotKeys;
use crate::tls::intern::Interner;
use crate::tls::record::{Record, RecordParts};
use crate::tls::resolver::{ChoicePolicy, Decision, NoTrace, decide};
use crate::tls::table::TableWriter;
use crate::traffic::backend::{Service, ServiceParts};
use crate::traffic::lb::balancer::Key;
use crate::traffic::lb::hash::Masks;
use crate::traffic::lb::{Balancer, Health, Method};
use crate::traffic::pool::PoolLimits;

/// What a client with both key families offers.
const OFFERED: [SignatureScheme; 2] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::RSA_PSS_SHA256,
];

/// A store, a table and a choice, with nothing around them.
#[derive(Debug)]
pub struct Probe {
    store: Arc<Store>,
    policy: ChoicePolicy,
    writer: TableWriter,
}

/// One certificate that is copied under many names.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The leaf, DER.
    pub leaf: Vec<u8>,
    /// Its key, PKCS#8 DER.
    pub pkcs8: Vec<u8>,
    /// Validity ends.
    pub not_after: Timestamp,
}

impl Probe {
    /// An empty one.
    pub fn new(clock: SharedClock) -> Self {
        let store = Store::new(Arc::new(HotKeys::new(50_000)), clock);
        let table = store.table.clone();
        Self {
            policy: ChoicePolicy {
                manual: None,
                default_sni: None,
                instance_default: None,
                table: table.clone(),
                stapler: None,
            },
            writer: TableWriter::new(table),
            store,
        }
    }

    /// Serves a copy of the sample under each name, as another certificate each; nothing is verified.
    pub fn serve_copies(&mut self, sample: &Sample, names: &[DomainName]) -> Vec<CertificateId> {
        let mut interner = Interner::default();
        let serve = |name: &DomainName| {
            let id = CertificateId::new();
            let record = copy(sample, id, 1, name.clone(), &mut interner);
            self.writer.set(id, vec![record]);
            id
        };
        names.iter().map(serve).collect()
    }

    /// Renews one of the copies.
    pub fn renew_copy(&mut self, sample: &Sample, id: CertificateId, name: &DomainName) {
        let record = copy(sample, id, 2, name.clone(), &mut Interner::default());
        self.writer.set(id, vec![record]);
    }

    /// Whether a handshake for the name would be served; the whole choice.
    pub fn decide(&self, name: &str) -> bool {
        let decision = decide(&self.policy, Some(name), &OFFERED, &mut NoTrace);
        matches!(decision, Decision::Serve { .. })
    }

    /// Whether the name is in the table; the look-up alone.
    pub fn look_up(&self, name: &str) -> bool {
        self.store.table.exact(name).is_some()
    }

    /// Verifies and serves delivered items, as the agent does; how many are active then.
    pub fn put(&self, items: &[Item], chains: &Chains) -> usize {
        for some in items.chunks(BATCH) {
            self.store.put(some, chains);
        }
        self.store.counts().active
    }

    /// Takes over copies as from the sealed cache, without verifying them; how many are active then.
    pub fn restore_copies(&self, sample: &Sample, names: &[DomainName]) -> usize {
        let mut interner = Interner::default();
        let items = names.iter().map(|name| {
            let record = copy(sample, CertificateId::new(), 1, name.clone(), &mut interner);
            let held = Held {
                generation: 1,
                fingerprint: record.parts().fingerprint,
                name: record.parts().name.clone(),
                state: HeldState::Active(record.clone()),
                previous: None,
            };
            (record.parts().item, held)
        });
        let contents = Contents {
            items: items.collect(),
            ..Contents::default()
        };
        self.store.restore(contents);
        self.store.counts().active
    }
}

fn copy(
    sample: &Sample,
    certificate: CertificateId,
    generation: i64,
    name: DomainName,
    interner: &mut Interner,
) -> Arc<Record> {
    let parts = RecordParts {
        item: ItemId {
            certificate,
            algorithm: evercert_types::KeyAlgorithm::EcdsaP256,
        },
        generation,
        name: name.as_str().into(),
        names: vec![name].into(),
        not_before: Timestamp::UNIX_EPOCH,
        not_after: sample.not_after,
        fingerprint: evercert_x509::sha256(&sample.leaf),
        committed_at_ms: 0,
        chain: interner.intern(Vec::new()),
    };
    Arc::new(Record::new(parts, &sample.leaf, &sample.pkcs8))
}

/// A balancer over services that are never connected to.
#[derive(Debug)]
pub struct Picks {
    balancer: Balancer,
    server: SocketAddr,
}

impl Picks {
    /// So many services, chosen in turns or by the client's address.
    pub fn new(services: usize, by_address: ByAddress) -> Self {
        let limit = Duration::from_secs(1);
        let service = |number: usize| {
            Arc::new(Service::new(ServiceParts {
                name: format!("service {number}").into(),
                address: "127.0.0.1:1".into(),
                tls: None,
                weight: 1,
                connect_timeout: limit,
                response_timeout: limit,
                pool: PoolLimits {
                    own: 1,
                    each_client: 1,
                    all_clients: 1,
                    max_age: limit,
                },
                health: Arc::new(Health::new()),
                most_clients: None,
            }))
        };
        let method = match by_address {
            ByAddress::Yes => Method::Hash(Key::Source, Masks::default()),
            ByAddress::No => Method::LeastConnection,
        };
        Self {
            balancer: Balancer::new((0..services).map(service).collect(), method),
            server: SocketAddr::from(([127, 0, 0, 1], 443)),
        }
    }

    /// Chooses for a client; whether there was a service.
    pub fn pick(&self, client: SocketAddr) -> bool {
        let question = self.balancer.question_of(client, self.server);
        self.balancer.pick(&question, &[]).is_some()
    }
}

/// Whether the client's address decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByAddress {
    /// `SOURCEIPHASH`.
    Yes,
    /// `LEASTCONNECTION`.
    No,
}
