//! Counters and gauges, in Prometheus' text form.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// All metrics of an instance.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    vservers: VserverFamilies,
    pub(crate) zero_touch_names: Gauge,
    pub(crate) zero_touch_items: Gauge,
    pub(crate) zero_touch_rejected: Gauge,
    pub(crate) zero_touch_revision: Gauge,
    pub(crate) key_parses: Gauge,
    pub(crate) sync_calls: Family<ResultLabel, Counter>,
    pub(crate) dc2g: Dc2gMetrics,
    pub(crate) dns: Arc<crate::dns::Counts>,
}

/// Client certificates made for servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dc2gMetrics {
    pub(crate) forged: Counter,
    pub(crate) cache_hit: Counter,
    pub(crate) not_asked: Counter,
    refused: Family<ReasonLabel, Counter>,
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, Default)]
struct VserverFamilies {
    handshakes: Family<VserverResult, Counter>,
    requests: Family<VserverStatus, Counter>,
    connections: Family<VserverLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VserverLabel {
    vserver: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VserverResult {
    vserver: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VserverStatus {
    vserver: String,
    class: &'static str,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ResultLabel {
    pub(crate) result: &'static str,
}

/// One vserver's metrics, looked up once so that counting takes no lock.
#[derive(Clone, Debug)]
pub(crate) struct VserverMetrics {
    pub(crate) handshakes_full: Counter,
    pub(crate) handshakes_resumed: Counter,
    pub(crate) handshakes_refused: Counter,
    pub(crate) handshakes_failed: Counter,
    pub(crate) connections: Gauge,
    requests: [Counter; 5],
}

impl VserverMetrics {
    /// Requests of every class.
    pub(crate) fn total_requests(&self) -> u64 {
        self.requests.iter().map(Counter::get).sum()
    }
}

impl Metrics {
    /// An empty registry with every metric of this crate.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("evercert_adc");
        let vservers = VserverFamilies::default();
        let (handshakes, requests) = (vservers.handshakes.clone(), vservers.requests.clone());
        registry.register("tls_handshakes", "TLS handshakes by result", handshakes);
        registry.register("requests", "HTTP requests by status class", requests);
        let connections = vservers.connections.clone();
        registry.register("connections", "Client connections open now", connections);
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let zero_touch_names = gauge("zero_touch_names", "Names served from the zero-touch store");
        let zero_touch_items = gauge("zero_touch_items", "Items of the zero-touch store held");
        let zero_touch_rejected = gauge("zero_touch_rejected", "Items held but rejected");
        let zero_touch_revision = gauge("zero_touch_revision", "Store revision applied");
        let key_parses = gauge("key_parses", "Keys parsed because they were not hot");
        let sync_calls = Family::default();
        registry.register(
            "sync_calls",
            "Calls to the Console by result",
            sync_calls.clone(),
        );
        let dc2g = Dc2gMetrics::default();
        dc2g.register(&mut registry);
        let dns = crate::dns::Counts::default();
        dns.register(&mut registry);
        Self {
            dc2g,
            dns: Arc::new(dns),
            registry,
            vservers,
            zero_touch_names,
            zero_touch_items,
            zero_touch_rejected,
            zero_touch_revision,
            key_parses,
            sync_calls,
        }
    }

    /// The metrics of one vserver.
    pub(crate) fn vserver(&self, name: &str) -> VserverMetrics {
        let vserver = || name.to_owned();
        let handshakes = |result| {
            let label = VserverResult {
                vserver: vserver(),
                result,
            };
            self.vservers.handshakes.get_or_create_owned(&label)
        };
        let requests = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
            let label = VserverStatus {
                vserver: vserver(),
                class,
            };
            self.vservers.requests.get_or_create_owned(&label)
        });
        let label = VserverLabel { vserver: vserver() };
        VserverMetrics {
            handshakes_full: handshakes("full"),
            handshakes_resumed: handshakes("resumed"),
            handshakes_refused: handshakes("refused"),
            handshakes_failed: handshakes("failed"),
            connections: self.vservers.connections.get_or_create_owned(&label),
            requests,
        }
    }

    /// The text form.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap_or_default();
        text
    }
}

impl Dc2gMetrics {
    /// Counts a client for whom none was made.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    fn register(&self, registry: &mut Registry) {
        let counters = [
            ("dc2g_forged", "Client certificates made", &self.forged),
            (
                "dc2g_cache_hit",
                "Connections to servers with a client certificate made before",
                &self.cache_hit,
            ),
            (
                "dc2g_not_asked",
                "Connections to servers that asked for no client certificate",
                &self.not_asked,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "dc2g_refused",
            "Clients for whom no certificate was made, by reason",
            self.refused.clone(),
        );
    }
}

impl VserverMetrics {
    /// Counts an answered request.
    pub(crate) fn answered(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5);
        self.requests[class - 1].inc();
    }
}
