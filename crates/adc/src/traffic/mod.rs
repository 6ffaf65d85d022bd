//! Client connections and what becomes of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use evercert_types::SharedClock;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::challenges::Challenges;
use crate::config::Limits;
use crate::sync::report::Observations;
use routes::Routes;

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod backend;
pub(crate) mod body;
pub(crate) mod client_identity;
pub(crate) mod drain;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod http;
pub(crate) mod inspection;
pub(crate) mod lb;
pub(crate) mod listener;
pub(crate) mod peek;
pub(crate) mod policies;
pub(crate) mod pool;
pub(crate) mod relay;
pub(crate) mod routes;
pub(crate) mod stream;
mod watched;
pub(crate) mod websocket;

/// What all connections of an instance share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) handshakes: Semaphore,
    pub(crate) observations: Arc<Observations>,
    pub(crate) challenges: Arc<Challenges>,
    /// Connections finish what they do.
    pub(crate) drain: CancellationToken,
    /// Connections end at once.
    pub(crate) cut: CancellationToken,
    pub(crate) connections: TaskTracker,
    /// As the configuration says now.
    pub(crate) routes: ArcSwap<Routes>,
    pub(crate) clock: SharedClock,
}

impl Shared {
    /// Nothing under way yet.
    pub(crate) fn new(
        limits: Limits,
        observations: Arc<Observations>,
        challenges: Arc<Challenges>,
        clock: SharedClock,
    ) -> Self {
        Self {
            handshakes: Semaphore::new(limits.handshakes.max(1)),
            limits,
            observations,
            challenges,
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            connections: TaskTracker::new(),
            routes: ArcSwap::default(),
            clock,
        }
    }
}
