//! A service alone, for tests of what it and no other does: by its own settings, with its own answers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use evercert_dns::{Accounts, Context, NameLocks, Provider, Settings, TxtTarget};
use evercert_types::SystemClock;
use futures_util::{FutureExt, StreamExt};

use super::services::ALL;
use super::world::{Mishap, Reply, Room, Running, Service};

pub(crate) const NAME: &str = Service::PLAIN.name;

/// Services that are tried at the same time.
const AT_ONCE: usize = 24;

/// A service with somebody else's record in it.
pub(crate) struct Scene {
    pub(crate) service: Service,
    pub(crate) running: Running,
}

impl Scene {
    pub(crate) async fn new(service: Service) -> Self {
        let zones = [
            "example.com",
            "example.co.uk",
            "sub.example.com",
            "xn--bcher-kva.example",
        ];
        let running = Running::start(service, &zones).await;
        running.world().data.add(NAME, "somebody-elses");
        Self { service, running }
    }

    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        self.provider_with(self.service.settings)
    }

    pub(crate) fn provider_with(&self, settings: &[(&str, &str)]) -> Arc<dyn Provider> {
        let url = &self.running.url;
        let base = [(self.service.url, url.clone())];
        let places = self.service.places.iter();
        let places = places.map(|(key, path)| (*key, format!("{url}{path}")));
        let pairs = settings
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        let settings: Settings = (pairs.chain(base).chain(places))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let context = Context {
            clock: Arc::new(SystemClock),
            locks: NameLocks::new(),
            accounts: Accounts::unpaced(),
            request_timeout: Duration::from_secs(20),
            ..Context::default()
        };
        evercert_dns::build_with(self.service.code, &settings, &context).unwrap()
    }

    /// Ours at the name: what is there beside other people's.
    pub(crate) fn ours(&self, name: &str) -> Vec<String> {
        let mut values = self.running.values(name);
        values.retain(|value| value != "somebody-elses");
        values
    }

    pub(crate) fn nobody_else_was_touched(&self) {
        let values = self.running.values(NAME);
        assert!(values.contains(&"somebody-elses".to_owned()), "{values:?}");
    }
}

pub(crate) fn target(value: &str) -> TxtTarget {
    TxtTarget::new(NAME, value)
}

pub(crate) fn answer(status: u16, body: &str) -> Mishap {
    Mishap::Answer(Reply {
        status,
        headers: Vec::new(),
        body: body.to_owned(),
    })
}

/// Runs a test against each service that has room for several values, many at once; tells all that failed.
pub(crate) async fn each(run: impl AsyncFn(&mut Scene)) {
    let told = async |service: Service| {
        let tried = async {
            let mut scene = Scene::new(service).await;
            run(&mut scene).await;
            scene.nobody_else_was_touched();
        };
        let outcome = AssertUnwindSafe(tried).catch_unwind().await;
        outcome.err().map(|_| service.code)
    };
    let roomy = |service: &Service| service.room == Room::Many && service.dns.is_none();
    let outcomes = futures_util::stream::iter(ALL.iter().copied().filter(roomy).map(told))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let failed: Vec<&str> = outcomes.into_iter().flatten().collect();
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}
