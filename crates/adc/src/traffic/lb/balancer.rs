//! The services of a vserver, and which of them is next.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderMap;
use http::header::{self, HeaderValue};
use tokio::time::Instant;

use super::hash::{self, Masks};
use super::persistence::Persistence;
use crate::traffic::backend::Service;

/// How the next service is chosen (`-lbMethod`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Each in its turn, by weight.
    RoundRobin,
    /// The one with the fewest exchanges for its weight.
    LeastConnection,
    /// The one whose exchanges and response time together are least for its weight.
    LeastResponseTime,
    /// By something of the request, always the same one while it is up.
    Hash(Key, Masks),
}

/// What is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The first so many bytes of path and query.
    Url(usize),
    /// The first so many bytes of the host.
    Domain(usize),
    /// The client's address.
    Source,
    /// The address the client connected to.
    Destination,
    /// Both addresses.
    SourceAndDestination,
    /// The client's address and port.
    SourceAndPort,
}

/// What a request tells a balancer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    client: SocketAddr,
    key: u64,
    /// The service the client's cookie names.
    cookie: Option<u64>,
}

/// The services bound to a vserver.
#[derive(Debug)]
pub(crate) struct Balancer {
    services: Vec<Arc<Service>>,
    /// Of their names, in the same order.
    ids: Vec<u64>,
    method: Method,
    persistence: Option<Arc<Persistence>>,
    /// Indices in the order of weighted round robin.
    order: Vec<usize>,
    cursor: AtomicUsize,
}

impl Balancer {
    /// Balances over services, weighted.
    pub(crate) fn new(services: Vec<Arc<Service>>, method: Method) -> Self {
        let weights: Vec<usize> = services.iter().map(|service| service.weight).collect();
        Self {
            order: smooth_order(&weights),
            ids: services
                .iter()
                .map(|service| hash::hash(service.name.as_bytes()))
                .collect(),
            services,
            method,
            persistence: None,
            cursor: AtomicUsize::new(0),
        }
    }

    /// The same, keeping clients with their services.
    pub(crate) fn with_persistence(mut self, persistence: Option<Arc<Persistence>>) -> Self {
        self.persistence = persistence;
        self
    }

    /// What keeps clients with their services.
    pub(crate) const fn persistence(&self) -> Option<&Arc<Persistence>> {
        self.persistence.as_ref()
    }

    /// What an HTTP request tells.
    pub(crate) fn question(
        &self,
        client: SocketAddr,
        server: SocketAddr,
        request: &http::request::Parts,
    ) -> Question {
        let cookie = match self.persistence.as_deref() {
            Some(Persistence::Cookie(cookie)) => cookie.service(&request.headers),
            _ => None,
        };
        let url = request.uri.path_and_query().map_or("/", |url| url.as_str());
        let host = request
            .headers
            .get(header::HOST)
            .map_or(&b""[..], HeaderValue::as_bytes);
        Question {
            client,
            key: self.key(client, server, url.as_bytes(), host),
            cookie,
        }
    }

    /// What a connection without HTTP tells.
    pub(crate) fn question_of(&self, client: SocketAddr, server: SocketAddr) -> Question {
        Question {
            client,
            key: self.key(client, server, b"", b""),
            cookie: None,
        }
    }

    /// The next service, other than those tried already: the client's own if it has one, else by the method; one that is
    /// passed over only when no other is left, one that is down or full never.
    pub(crate) fn pick(&self, question: &Question, tried: &[Arc<Service>]) -> Option<Arc<Service>> {
        let fresh = |i: usize| {
            let service = &self.services[i];
            !service.is_full() && !tried.iter().any(|tried| Arc::ptr_eq(tried, service))
        };
        let own = self
            .own(question)
            .filter(|i| fresh(*i) && self.services[*i].is_up());
        let chosen = own
            .or_else(|| self.choose(question, |i| fresh(i) && self.services[i].is_up()))
            .or_else(|| self.choose(question, |i| fresh(i) && !self.services[i].is_down()))?;
        if let Some(Persistence::SourceIp(table)) = self.persistence.as_deref() {
            table.used(question.client.ip(), self.ids[chosen], Instant::now());
        }
        Some(self.services[chosen].clone())
    }

    /// Tells the client which service it has, where a cookie does that.
    pub(crate) fn mark(&self, question: &Question, service: &Arc<Service>, answer: &mut HeaderMap) {
        let Some(Persistence::Cookie(cookie)) = self.persistence.as_deref() else {
            return;
        };
        let id = hash::hash(service.name.as_bytes());
        if let Some(value) = cookie.set(id, question.cookie) {
            answer.append(header::SET_COOKIE, value);
        }
    }

    /// Whether no service can take anything.
    pub(crate) fn is_down(&self) -> bool {
        !self.services.iter().any(|service| service.is_up())
    }

    /// The services, in the order of their binding.
    pub(crate) fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// The service the client had before.
    fn own(&self, question: &Question) -> Option<usize> {
        let id = match self.persistence.as_deref()? {
            Persistence::SourceIp(table) => table.service(question.client.ip(), Instant::now())?,
            Persistence::Cookie(_) => question.cookie?,
        };
        self.ids.iter().position(|own| *own == id)
    }

    fn choose(&self, question: &Question, eligible: impl Fn(usize) -> bool) -> Option<usize> {
        if let Method::Hash(..) = self.method {
            return self.highest(question.key, eligible);
        }
        let start = self.cursor.fetch_add(1, Ordering::Relaxed);
        let around = |count: usize| (0..count).map(move |i| start.wrapping_add(i) % count);
        match self.method {
            Method::RoundRobin => around(self.order.len())
                .map(|i| self.order[i])
                .find(|i| eligible(*i)),
            // Equals take turns.
            _ => around(self.services.len())
                .filter(|i| eligible(*i))
                .min_by(|a, b| {
                    let (a, b) = (&*self.services[*a], &*self.services[*b]);
                    (self.load(a) * b.weight as u128).cmp(&(self.load(b) * a.weight as u128))
                }),
        }
    }

    fn load(&self, service: &Service) -> u128 {
        let active = service.active.load(Ordering::Relaxed) as u128;
        match self.method {
            Method::LeastResponseTime => (active + 1) * u128::from(service.response_micros()),
            _ => active,
        }
    }

    fn highest(&self, key: u64, eligible: impl Fn(usize) -> bool) -> Option<usize> {
        let score = |i: usize| hash::score(key, self.ids[i], self.services[i].weight);
        (0..self.services.len())
            .filter(|i| eligible(*i))
            .max_by(|a, b| score(*a).total_cmp(&score(*b)))
    }

    fn key(&self, client: SocketAddr, server: SocketAddr, url: &[u8], host: &[u8]) -> u64 {
        let Method::Hash(key, masks) = self.method else {
            return 0;
        };
        let source = || hash::of_ip(masks.apply(client.ip()));
        let destination = || hash::of_ip(masks.apply(server.ip()));
        match key {
            Key::Url(most) => hash::hash(&url[..most.min(url.len())]),
            Key::Domain(most) => hash::hash(&host[..most.min(host.len())].to_ascii_lowercase()),
            Key::Source => source(),
            Key::Destination => destination(),
            Key::SourceAndDestination => hash::combine(source(), destination()),
            Key::SourceAndPort => hash::combine(source(), u64::from(client.port())),
        }
    }
}

/// Smooth weighted round robin: each index as often as its weight says, spread out.
fn smooth_order(weights: &[usize]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let weights: Vec<usize> = weights.iter().map(|weight| weight / divisor).collect();
    let total: usize = weights.iter().sum();
    let mut credit = vec![0isize; weights.len()];
    (0..total)
        .filter_map(|_| {
            for (credit, weight) in credit.iter_mut().zip(&weights) {
                *credit += weight.cast_signed();
            }
            let best = (0..credit.len()).max_by_key(|i| (credit[*i], std::cmp::Reverse(*i)))?;
            credit[best] -= total.cast_signed();
            Some(best)
        })
        .collect()
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
#[path = "balancer_tests.rs"]
mod tests;
