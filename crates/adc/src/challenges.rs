//! Answering a CA's challenges for the Console: http-01 on every HTTP port, tls-alpn-01 on every TLS port.
//!
//! The responses come with the sync ([`evercert_api::sync`]) and live in memory only: after a restart the next
//! call brings them again. While there are none, which is nearly always, a request and a handshake look at one
//! number and go on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use evercert_api::challenge::{host_is, http01_token};
use evercert_api::sync::{ChallengeResponse, ChallengeSet};
use evercert_types::SharedClock;
use evercert_x509::tls_alpn01::{self, ALPN};
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::server::ClientHello;

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::traffic::lb::{Balancer, Method};
use crate::traffic::listener::{Vserver, VserverKind};

/// The virtual server that is there for challenges alone.
const LISTENER: &str = "acme-challenges";

/// What is shown to CAs.
#[derive(Debug)]
pub(crate) struct Challenges {
    /// How many responses there are.
    pending: AtomicUsize,
    set: ArcSwap<Set>,
    clock: SharedClock,
}

#[derive(Debug, Default)]
struct Set {
    /// Up to which revision everything is shown.
    revision: i64,
    /// How many responses the Console sent.
    count: u64,
    /// By token.
    http: HashMap<Box<str>, Vec<ChallengeResponse>>,
    /// By the server name of the handshake.
    tls: HashMap<Box<str>, Handshake>,
}

#[derive(Debug)]
struct Handshake {
    config: Arc<ServerConfig>,
    key_authorization: Box<str>,
    expires_at: Timestamp,
}

impl Challenges {
    /// None yet.
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            pending: AtomicUsize::new(0),
            set: ArcSwap::default(),
            clock,
        }
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.load(Ordering::Relaxed) == 0
    }

    /// How many responses are shown.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Up to which revision everything is shown, and how many responses the Console sent for it.
    pub(crate) fn held(&self) -> (i64, u64) {
        let set = self.set.load();
        (set.revision, set.count)
    }

    /// Shows these responses from now on, and no others.
    pub(crate) fn replace(&self, sent: ChallengeSet) {
        let before = self.set.load();
        let mut set = Set {
            revision: sent.revision,
            count: sent.responses.len() as u64,
            ..Set::default()
        };
        let now = self.clock.now();
        for response in sent.responses {
            if let Err(error) = set.take(response, &before, now) {
                // Not acknowledged: the Console sends it again, and the order waits.
                tracing::error!(%error, "a challenge cannot be answered");
                set.revision = before.revision;
            }
        }
        let pending = set.http.values().map(Vec::len).sum::<usize>() + set.tls.len();
        tracing::debug!(
            challenges = pending,
            revision = set.revision,
            "responses to challenges"
        );
        self.set.store(Arc::new(set));
        self.pending.store(pending, Ordering::Relaxed);
    }

    /// The key authorization that a request for `path` at `host` is answered with.
    pub(crate) fn http(&self, host: &str, path: &str) -> Option<String> {
        if self.is_idle() {
            return None;
        }
        let token = http01_token(path)?;
        let (set, now) = (self.set.load(), self.clock.now());
        let found =
            set.http.get(token)?.iter().find(|response| {
                now < response.expires_at && host_is(host, &response.identifier)
            })?;
        tracing::info!(
            challenge.identifier = found.identifier,
            "answered http-01 of a CA"
        );
        Some(found.key_authorization.clone())
    }

    /// The configuration for a handshake that is a CA's: it offers `acme-tls/1`, for a name that is to be proved.
    pub(crate) fn tls(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        if self.is_idle() {
            return None;
        }
        let mut offered = hello.alpn()?;
        if !offered.any(|protocol| protocol == ALPN) {
            return None;
        }
        let name = hello.server_name()?.to_ascii_lowercase();
        let (set, now) = (self.set.load(), self.clock.now());
        let found = set.tls.get(name.as_str())?;
        (now < found.expires_at).then(|| found.config.clone())
    }
}

impl Set {
    /// Takes a response in; a certificate made before is used again.
    fn take(
        &mut self,
        response: ChallengeResponse,
        before: &Self,
        now: Timestamp,
    ) -> Result<(), tls_alpn01::TlsAlpn01Error> {
        match response.kind.as_str() {
            "http-01" => {
                let token = response.token.as_str().into();
                self.http.entry(token).or_default().push(response);
            }
            "tls-alpn-01" => {
                let name = tls_alpn01::server_name(&response.identifier);
                let known = before.tls.get(name.as_str());
                let known =
                    known.filter(|known| *known.key_authorization == *response.key_authorization);
                let config = match known {
                    Some(known) => known.config.clone(),
                    None => {
                        let (name, text) = (&response.identifier, &response.key_authorization);
                        tls_alpn01::server_config(name, text, now)?
                    }
                };
                let handshake = Handshake {
                    config,
                    key_authorization: response.key_authorization.into(),
                    expires_at: response.expires_at,
                };
                self.tls.insert(name.into(), handshake);
            }
            // A later version's.
            _ => {}
        }
        Ok(())
    }
}

/// A virtual server that answers http-01 and nothing else, for instances without one that speaks HTTP.
pub(crate) fn listener(
    address: SocketAddr,
    limits: &Limits,
    metrics: &Metrics,
) -> (Arc<Vserver>, SocketAddr) {
    let vserver = Vserver {
        name: LISTENER.into(),
        kind: VserverKind::Http,
        enabled: true,
        balancer: Balancer::new(Vec::new(), Method::RoundRobin),
        metrics: metrics.vserver(LISTENER),
        client_idle: limits.handshake_timeout,
        strict_transport_security: None,
        backup: None,
        redirect_url: None,
        https_redirect: None,
        ssl_redirect: false,
        inspection: None,
    };
    (Arc::new(vserver), address)
}

#[cfg(test)]
mod tests {
    use evercert_types::ManualClock;
    use jiff::SignedDuration;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn response(kind: &str, identifier: &str, token: &str) -> ChallengeResponse {
        ChallengeResponse {
            kind: kind.to_owned(),
            identifier: identifier.to_owned(),
            token: token.to_owned(),
            key_authorization: format!("{token}.thumbprint"),
            expires_at: start() + SignedDuration::from_hours(1),
        }
    }

    fn set(revision: i64, responses: Vec<ChallengeResponse>) -> ChallengeSet {
        ChallengeSet {
            revision,
            responses,
        }
    }

    const PATH: &str = "/.well-known/acme-challenge/tok";

    #[test]
    fn a_token_is_shown_for_its_name_only_and_until_it_expires() {
        let clock = Arc::new(ManualClock::new(start()));
        let challenges = Challenges::new(clock.clone());
        assert!(challenges.is_idle() && challenges.http("a.example", PATH).is_none());

        challenges.replace(set(5, vec![response("http-01", "a.example", "tok")]));

        let shown = challenges.http("a.example:80", PATH);
        assert_eq!(shown.as_deref(), Some("tok.thumbprint"));
        assert_eq!(challenges.http("b.example", PATH), None);
        assert_eq!(
            challenges.http("a.example", "/.well-known/acme-challenge/to"),
            None
        );
        assert_eq!(challenges.held(), (5, 1));
        clock.advance(SignedDuration::from_hours(2));
        assert_eq!(challenges.http("a.example", PATH), None);
    }

    #[test]
    fn the_next_set_replaces_the_one_before() {
        let challenges = Challenges::new(Arc::new(ManualClock::new(start())));
        let tls = response("tls-alpn-01", "203.0.113.7", "t");
        challenges.replace(set(1, vec![response("http-01", "a.example", "tok"), tls]));
        assert_eq!(challenges.pending(), 2);

        challenges.replace(set(2, Vec::new()));

        assert!(challenges.is_idle());
        assert_eq!(challenges.held(), (2, 0));
    }

    #[test]
    fn what_cannot_be_answered_is_not_acknowledged() {
        let challenges = Challenges::new(Arc::new(ManualClock::new(start())));

        let bad = response("tls-alpn-01", "ä nonsense", "t");
        challenges.replace(set(7, vec![response("http-01", "a.example", "tok"), bad]));

        assert_eq!(challenges.held().0, 0);
        assert!(challenges.http("a.example", PATH).is_some());
    }
}
