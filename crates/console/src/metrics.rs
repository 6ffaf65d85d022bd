//! What is counted, in the text form that Prometheus reads.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The Console's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    sync: Family<SyncLabels, Counter>,
    waiting: Gauge,
    connections: Gauge,
    instances: Gauge,
    instances_in_sync: Gauge,
    store_revision: Gauge,
    store_items: Gauge,
    not_after: Family<CertificateLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SyncLabels {
    result: SyncResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabels {
    name: String,
    store: String,
    algorithm: String,
}

/// What a call of ZTS/1 brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum SyncResult {
    /// Changes.
    Delta,
    /// The whole set.
    Snapshot,
    /// Nothing: 304.
    Unchanged,
    /// Bucket digests were compared.
    Buckets,
    /// Items asked for by id.
    Items,
}

/// What is measured when somebody looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Open connections.
    pub(crate) connections: usize,
    /// Enrolled instances.
    pub(crate) instances: usize,
    /// Those that have everything in their scope.
    pub(crate) instances_in_sync: usize,
    /// Revision of the zero-touch store.
    pub(crate) store_revision: i64,
    /// Items in it.
    pub(crate) store_items: usize,
}

/// When a certificate in force ends.
#[derive(Clone, Debug)]
pub(crate) struct Expiry {
    /// The certificate.
    pub(crate) name: String,
    /// Its store.
    pub(crate) store: &'static str,
    /// Its key algorithm.
    pub(crate) algorithm: &'static str,
    /// Unix seconds.
    pub(crate) not_after: i64,
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("evercert");
        let metrics = Self {
            requests: Family::default(),
            sync: Family::default(),
            waiting: Gauge::default(),
            connections: Gauge::default(),
            instances: Gauge::default(),
            instances_in_sync: Gauge::default(),
            store_revision: Gauge::default(),
            store_items: Gauge::default(),
            not_after: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "http_requests",
            "Requests answered",
            metrics.requests.clone(),
        );
        registry.register(
            "sync_calls",
            "Calls of ZTS/1 by what they brought",
            metrics.sync.clone(),
        );
        registry.register(
            "sync_waiting",
            "Long-polls that wait",
            metrics.waiting.clone(),
        );
        registry.register(
            "connections",
            "Open connections",
            metrics.connections.clone(),
        );
        registry.register("instances", "Enrolled instances", metrics.instances.clone());
        registry.register(
            "instances_in_sync",
            "Instances that have everything in their scope",
            metrics.instances_in_sync.clone(),
        );
        registry.register(
            "store_revision",
            "Revision of the zero-touch store",
            metrics.store_revision.clone(),
        );
        registry.register(
            "store_items",
            "Items in the zero-touch store",
            metrics.store_items.clone(),
        );
        registry.register(
            "certificate_not_after_timestamp_seconds",
            "When the version in force ends",
            metrics.not_after.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    /// Counts a request.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16) {
        let labels = RequestLabels {
            method: method.to_owned(),
            route: route.to_owned(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a call of ZTS/1.
    pub(crate) fn sync(&self, result: SyncResult) {
        self.sync.get_or_create(&SyncLabels { result }).inc();
    }

    /// Counts a waiting long-poll until the answer is dropped.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.waiting.inc();
        Waiting(&self.waiting)
    }

    /// Writes everything down.
    pub(crate) fn render(&self, figures: &Figures, expiries: &[Expiry]) -> String {
        set(&self.connections, figures.connections);
        set(&self.instances, figures.instances);
        set(&self.instances_in_sync, figures.instances_in_sync);
        set(&self.store_items, figures.store_items);
        self.store_revision.set(figures.store_revision);
        self.not_after.clear();
        for expiry in expiries {
            let labels = CertificateLabels {
                name: expiry.name.clone(),
                store: expiry.store.to_owned(),
                algorithm: expiry.algorithm.to_owned(),
            };
            self.not_after.get_or_create(&labels).set(expiry.not_after);
        }
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}

/// A waiting long-poll.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Gauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_written() {
        let metrics = Metrics::new();
        metrics.request("GET", "/api/v1/certificates", 200);
        metrics.sync(SyncResult::Unchanged);
        let expiry = Expiry {
            name: "web".to_owned(),
            store: "zero_touch",
            algorithm: "rsa-2048",
            not_after: 42,
        };

        let text = metrics.render(
            &Figures {
                instances: 3,
                ..Figures::default()
            },
            &[expiry],
        );

        for line in [
            "evercert_http_requests_total{method=\"GET\",route=\"/api/v1/certificates\",status=\"200\"} 1",
            "evercert_sync_calls_total{result=\"Unchanged\"} 1",
            "evercert_instances 3",
            "evercert_certificate_not_after_timestamp_seconds{name=\"web\",store=\"zero_touch\",algorithm=\"rsa-2048\"} 42",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
