//! The test's hand on a running stub: canned answers, switches, what came and what was issued.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evercert_x509::Certificate;
use jiff::Timestamp;

use super::answer::Answer;
use super::endpoint::Endpoint;
use super::journal::Recorded;
use super::limits::{Ledger, LimitKind};
use super::switches::{AriWindow, Switches};
use super::world::{Issued, Standing, World};

/// Steers a stub; cloning gives another hand on the same one.
#[derive(Clone, Debug)]
pub struct Control(Arc<Mutex<World>>);

/// A certificate the stub issued.
#[derive(Clone, Debug)]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// Its id for renewal information.
    pub ari_id: String,
    /// The account's URL.
    pub account: String,
    /// The order's URL.
    pub order: String,
    /// Its names and addresses, sorted.
    pub names: Vec<String>,
    /// When it was issued, by the stub's clock.
    pub at: Timestamp,
    /// The reason code, when it was revoked.
    pub revoked: Option<i64>,
    /// The id of the certificate that replaced it by `replaces`.
    pub replaced_by: Option<String>,
}

impl Control {
    pub(super) const fn new(world: Arc<Mutex<World>>) -> Self {
        Self(world)
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the standing behaviour.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.world().switches);
    }

    /// The standing behaviour as it is.
    pub fn switches(&self) -> Switches {
        self.world().switches.clone()
    }

    /// Puts an answer at the end of an endpoint's queue; each is given once.
    pub fn queue(&self, endpoint: Endpoint, answer: Answer) {
        let mut world = self.world();
        world.queues.entry(endpoint).or_default().push_back(answer);
    }

    /// Gives an answer to all requests of an endpoint, once its queue is empty, until
    /// [`Self::heal`].
    pub fn always(&self, endpoint: Endpoint, answer: Answer) {
        self.world().standing.insert(endpoint, answer);
    }

    /// Gives an answer to everything, as a CA that is down behind its load balancer.
    pub fn always_everywhere(&self, answer: &Answer) {
        let mut world = self.world();
        for endpoint in Endpoint::ALL {
            world.standing.insert(endpoint, answer.clone());
        }
    }

    /// Takes back all canned answers; the switches stay as they are.
    pub fn heal(&self) {
        let mut world = self.world();
        world.standing.clear();
        world.queues.clear();
    }

    /// How many canned answers wait in an endpoint's queue.
    pub fn queued(&self, endpoint: Endpoint) -> usize {
        let world = self.world();
        world.queues.get(&endpoint).map_or(0, |queue| queue.len())
    }

    /// All requests so far that the journal still holds, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.world().journal.entries().cloned().collect()
    }

    /// The requests of one endpoint.
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<Recorded> {
        let world = self.world();
        let entries = world.journal.entries();
        let fitting = entries.filter(|entry| entry.endpoint == endpoint);
        fitting.cloned().collect()
    }

    /// Empties the journal.
    pub fn forget_requests(&self) {
        self.world().journal.clear();
    }

    /// All certificates issued, oldest first.
    pub fn certificates(&self) -> Vec<IssuedCertificate> {
        let world = self.world();
        let certificates = world.certificates.iter();
        certificates.map(|issued| show(&world, issued)).collect()
    }

    /// How many certificates were issued.
    pub fn issued(&self) -> usize {
        self.world().certificates.len()
    }

    /// How often a limit refused, modelled or pretended.
    pub fn refused(&self, kind: LimitKind) -> u32 {
        self.world().ledger.refused(kind)
    }

    /// The window told for a certificate id, if any.
    pub fn window_of(&self, ari_id: &str) -> Option<AriWindow> {
        let world = self.world();
        let number = world.certificate_of_ari.get(ari_id)?;
        world.window_of(*number)
    }

    /// Revokes a certificate from the CA's side, as in an incident; false when it is unknown.
    pub fn revoke(&self, ari_id: &str, reason: i64) -> bool {
        let mut world = self.world();
        let number = world.certificate_of_ari.get(ari_id).copied();
        if let Some(number) = number {
            world.certificates[number].revoked = Some(reason);
        }
        number.is_some()
    }

    /// Loses all accounts, as a test CA that was restarted; their keys may register anew.
    pub fn forget_accounts(&self) {
        let mut world = self.world();
        world.account_of_key.clear();
        for account in &mut world.accounts {
            account.state = Standing::Forgotten;
        }
    }

    /// Empties the buckets of all limits, and lifts the pauses that failures brought.
    pub fn reset_limits(&self) {
        let mut world = self.world();
        world.ledger = Ledger::default();
        world.failures.clear();
    }
}

fn show(world: &World, issued: &Issued) -> IssuedCertificate {
    let replaced_by = issued.replaced_by;
    IssuedCertificate {
        certificate: issued.leaf.clone(),
        ari_id: issued.ari.clone(),
        account: world.account_url(issued.account),
        order: world.order_url(issued.order),
        names: issued
            .identifiers
            .iter()
            .map(|identifier| identifier.value.clone())
            .collect(),
        at: issued.at,
        revoked: issued.revoked,
        replaced_by: replaced_by.map(|number| world.certificates[number].ari.clone()),
    }
}
