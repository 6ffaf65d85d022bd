//! Every described provider against a service written from what is known of the real one.
//!
//! Each case is run for each provider; records of others stand beside ours in all of them and must stay as they are.

mod kept_zones;
mod quirks;
mod refusals_l_to_z;
mod services;
mod single;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use evercert_dns::{Accounts, Context, Fault, Multi, NameLocks, Provider, Settings, TxtTarget};
use evercert_types::SystemClock;
use futures_util::{FutureExt, StreamExt};

use self::services::ALL;
use self::world::{Mishap, Reply, Running, Service, To};

const ZONES: [&str; 4] = [
    "example.com",
    "example.co.uk",
    "sub.example.com",
    "xn--bcher-kva.example",
];
const NAME: &str = "_acme-challenge.www.example.com";
const FIRST: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
const SECOND: &str = "Hk1aV8u2sT3Yy1bQm7cZ0pXoN4dRjW9eGfKlUiSvB5A";

/// Services that are tried at the same time.
const AT_ONCE: usize = 12;

/// A service with other people's records in it, and a provider for it.
struct Scene {
    service: Service,
    running: Running,
    foreign: Vec<world::Txt>,
    /// How long a request may take.
    patience: Duration,
}

impl Scene {
    async fn new(service: Service) -> Self {
        let running = Running::start(service, &ZONES).await;
        let foreign = {
            let mut world = running.world();
            for (name, value) in [
                ("www.example.com", "v=spf1 -all"),
                (NAME, "somebody-elses"),
                ("example.com", "x"),
            ] {
                world.data.add(name, value);
            }
            world.data.records.clone()
        };
        Self {
            service,
            running,
            foreign,
            patience: Duration::from_secs(20),
        }
    }

    /// Somebody who does not wait long.
    fn hasty(&mut self) -> Arc<dyn Provider> {
        self.patience = Duration::from_millis(300);
        self.provider()
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.provider_with(self.service.settings)
    }

    fn provider_with(&self, settings: &[(&str, &str)]) -> Arc<dyn Provider> {
        let base = ("base_url", self.running.url.clone());
        let places = self.service.places.iter();
        let places = places.map(|(key, path)| (*key, format!("{}{path}", self.running.url)));
        let pairs = settings
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        let settings: Settings = (pairs.chain([base]).chain(places))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let context = Context {
            clock: Arc::new(SystemClock),
            locks: NameLocks::new(),
            accounts: Accounts::unpaced(),
            request_timeout: self.patience,
        };
        evercert_dns::build_with(self.service.code, &settings, &context).unwrap()
    }

    /// Ours at the name: what is there beside other people's.
    fn ours(&self, name: &str) -> Vec<String> {
        let mut values = self.running.values(name);
        values.retain(|value| value != "somebody-elses");
        values
    }

    fn nobody_else_was_touched(&self) {
        let of = |records: &[world::Txt]| {
            let mut pairs: Vec<(String, String)> = records
                .iter()
                .filter(|record| {
                    self.foreign
                        .iter()
                        .any(|one| (&one.fqdn, &one.value) == (&record.fqdn, &record.value))
                })
                .map(|record| (record.fqdn.clone(), record.value.clone()))
                .collect();
            pairs.sort();
            pairs
        };
        assert_eq!(
            of(&self.running.world().data.records),
            of(&self.foreign),
            "{}",
            self.service.code
        );
    }

    fn changes(&self) -> usize {
        self.running
            .world()
            .asked
            .iter()
            .filter(|asked| (self.service.changes)(asked))
            .count()
    }
}

fn target(value: &str) -> TxtTarget {
    TxtTarget::new(NAME, value)
}

fn answer(status: u16, body: &str) -> Mishap {
    Mishap::Answer(Reply {
        status,
        headers: Vec::new(),
        body: body.to_owned(),
    })
}

/// Runs a case against each service, all at once; tells all that failed.
async fn each(case: impl AsyncFn(&mut Scene)) {
    let run = async |service: Service| {
        let mut scene = Scene::new(service).await;
        case(&mut scene).await;
        scene.nobody_else_was_touched();
    };
    let told = async |service: Service| {
        let outcome = AssertUnwindSafe(run(service)).catch_unwind().await;
        outcome.err().map(|_| service.code)
    };
    let outcomes = futures_util::stream::iter(ALL.iter().copied().map(told))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let failed: Vec<&str> = outcomes.into_iter().flatten().collect();
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

#[test]
fn every_described_provider_has_a_service_here() {
    let native = [
        "acmedns",
        "acmesh",
        "challtestsrv",
        "ddnss",
        "duckdns",
        "exec",
        "knot",
        "maradns",
        "nsd",
        "nsupdate",
        "pdns",
    ];
    let described = evercert_dns::PROVIDERS
        .iter()
        .map(|one| one.code)
        .filter(|code| !native.contains(code));
    let here: Vec<&str> = ALL.iter().map(|service| service.code).collect();

    assert_eq!(described.collect::<Vec<_>>(), here);
}

#[tokio::test]
async fn a_value_published_twice_is_there_once() {
    each(async |scene| {
        let provider = scene.provider();
        assert!(provider.add(&target(FIRST)).await.unwrap().created);
        let again = provider.add(&target(FIRST)).await.unwrap();
        assert!(!again.created || scene.service.blind);
        assert_eq!(scene.ours(NAME), [FIRST]);
        let ttl = scene.running.world().data.least_ttl;
        assert!(
            ttl.is_none_or(|ttl| ttl >= scene.service.min_ttl),
            "{ttl:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn two_values_stand_at_one_name_and_go_one_by_one() {
    each(async |scene| {
        let provider = scene.provider();
        assert_ne!(provider.caps().multi, Multi::Single);
        let receipt = provider.add(&target(FIRST)).await.unwrap();
        provider.add(&target(SECOND)).await.unwrap();
        assert_eq!(scene.ours(NAME), [SECOND, FIRST]);
        provider
            .remove(&target(FIRST), Some(&receipt))
            .await
            .unwrap();
        assert_eq!(scene.ours(NAME), [SECOND]);
    })
    .await;
}

#[tokio::test]
async fn a_fresh_process_withdraws_without_a_receipt() {
    each(async |scene| {
        scene.provider().add(&target(FIRST)).await.unwrap();
        scene.provider().remove(&target(FIRST), None).await.unwrap();
        assert!(scene.ours(NAME).is_empty());
    })
    .await;
}

#[tokio::test]
async fn withdrawing_what_is_not_there_changes_nothing() {
    each(async |scene| {
        scene.provider().remove(&target(FIRST), None).await.unwrap();
        scene
            .provider()
            .remove(
                &TxtTarget::new("_acme-challenge.new.example.com", FIRST),
                None,
            )
            .await
            .unwrap();
        assert!(scene.changes() == 0 || scene.service.blind);
    })
    .await;
}

#[tokio::test]
async fn the_first_value_of_a_name_makes_its_set_and_the_last_one_takes_it_away() {
    each(async |scene| {
        let fresh = TxtTarget::new("_acme-challenge.new.example.com", FIRST);
        let provider = scene.provider();
        provider.add(&fresh).await.unwrap();
        assert_eq!(scene.running.values(&fresh.fqdn), [FIRST]);
        provider.remove(&fresh, None).await.unwrap();
        assert!(scene.running.values(&fresh.fqdn).is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_longest_zone_is_chosen_also_below_a_public_suffix_of_two_labels_and_for_idna() {
    each(async |scene| {
        let provider = scene.provider();
        let long = format!(
            "_acme-challenge.{0}.{0}.{1}.example.com",
            "a".repeat(63),
            "b".repeat(50)
        );
        for (name, zone) in [
            ("_acme-challenge.example.co.uk", "example.co.uk"),
            ("_acme-challenge.a.b.sub.example.com", "sub.example.com"),
            (
                "_acme-challenge.xn--bcher-kva.example",
                "xn--bcher-kva.example",
            ),
            (long.as_str(), "example.com"),
        ] {
            let target = TxtTarget::new(name, FIRST);
            let receipt = provider.add(&target).await.unwrap();
            assert!(receipt.zone == zone || scene.service.zoneless);
            assert_eq!(scene.running.values(name), [FIRST]);
            provider.remove(&target, Some(&receipt)).await.unwrap();
            assert!(scene.running.values(name).is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_told() {
    each(async |scene| {
        let target = TxtTarget::new("_acme-challenge.example.org", FIRST);
        let added = scene.provider().add(&target).await;
        if scene.service.easy {
            return;
        }
        let error = added.unwrap_err();
        assert!(error.to_string().contains("example.org"), "{error}");
        if !scene.service.zoneless {
            assert_eq!(error.fault(), Fault::Zone, "{error}");
            assert!(!error.is_retryable(), "{error}");
            assert_eq!(scene.changes(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_told_once_and_not_shown() {
    each(async |scene| {
        let provider = scene.provider_with(scene.service.wrong);
        let error = provider.add(&target(FIRST)).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Credentials, "{error}");
        assert!(!error.is_retryable());
        assert!(
            !format!("{error} {error:?} {provider:?}").contains("wrong-"),
            "{error:?}"
        );
        assert!(scene.running.world().asked.len() <= scene.service.login_requests);
        if !scene.service.zoneless {
            provider.check(None).await.unwrap_err();
        }
        scene.provider().check(None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_busy_service_is_asked_again_after_the_time_it_names() {
    each(async |scene| {
        let wait = Reply {
            status: 429,
            headers: vec![("retry-after".to_owned(), "1".to_owned())],
            body: "{}".to_owned(),
        };
        scene.running.mishap(To::AnyRequest, Mishap::Answer(wait));
        scene
            .running
            .mishap(To::AnyChange, answer(503, "<html>busy</html>"));
        let start = tokio::time::Instant::now();
        scene.provider().add(&target(FIRST)).await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!(scene.ours(NAME), [FIRST]);
    })
    .await;
}

#[tokio::test]
async fn a_failing_service_and_strange_answers_are_told_as_they_are() {
    each(async |scene| {
        for (mishap, word) in [
            (answer(500, "{\"oops\":1}"), "HTTP 500"),
            (
                answer(200, "{\"result\": [tru"),
                "is not what this service answers",
            ),
            (
                answer(200, "<html><body>Sign in<br></body></html>"),
                "is not what this service answers",
            ),
        ] {
            if scene.service.easy && word != "HTTP 500" {
                continue;
            }
            let provider = scene.provider();
            if scene.service.cookie {
                provider.check(None).await.unwrap();
            }
            if scene.service.nags && word != "HTTP 500" {
                scene.running.mishap(To::AnyRequest, mishap.clone());
            }
            scene.running.mishap(To::AnyRequest, mishap);
            let error = provider.add(&target(FIRST)).await.unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(error.fault(), Fault::Provider, "{error}");
            assert!(scene.ours(NAME).is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn silence_ends_in_a_network_error() {
    each(async |scene| {
        for _ in 0..3 {
            scene
                .running
                .mishap(To::AnyRequest, Mishap::Hang(Duration::from_secs(5)));
        }
        let error = scene.hasty().add(&target(FIRST)).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Network, "{error}");
        assert!(
            error.is_retryable() && error.to_string().contains("no answer in time"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_leaves_no_second_record() {
    each(async |scene| {
        scene.running.mishap(To::AnyChange, Mishap::LostAnswer);
        let provider = scene.provider();
        // A request that can be repeated was; the others are told, and found done the next time.
        if let Err(error) = provider.add(&target(FIRST)).await {
            assert!(error.is_retryable(), "{error}");
            provider.add(&target(FIRST)).await.unwrap();
        }
        assert_eq!(scene.ours(NAME), [FIRST]);
        scene.running.mishap(To::AnyChange, Mishap::LostAnswer);
        if provider.remove(&target(FIRST), None).await.is_err() {
            provider.remove(&target(FIRST), None).await.unwrap();
        }
        assert!(scene.ours(NAME).is_empty());
    })
    .await;
}

#[tokio::test]
async fn long_lists_are_read_to_the_end() {
    each(async |scene| {
        {
            let mut world = scene.running.world();
            for number in 0..25 {
                world.data.zones.insert(0, format!("zone{number}.example"));
                world.data.add(NAME, &format!("other-{number}"));
            }
            world.data.page = 10;
        }
        scene.provider().add(&target(FIRST)).await.unwrap();
        let again = scene.provider().add(&target(FIRST)).await.unwrap();
        assert!(!again.created || scene.service.blind);
        assert!(scene.ours(NAME).contains(&FIRST.to_owned()));
        scene.provider().remove(&target(FIRST), None).await.unwrap();
        assert_eq!(scene.ours(NAME).len(), 25);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_over_is_opened_again() {
    let mut with_sessions = 0;
    for service in ALL
        .iter()
        .copied()
        .filter(|service| service.end_session.is_some())
    {
        with_sessions += 1;
        let scene = Scene::new(service).await;
        let provider = scene.provider();
        provider.add(&target(FIRST)).await.unwrap();
        (service.end_session.unwrap())(&mut scene.running.world().data);
        provider.add(&target(SECOND)).await.unwrap();
        assert_eq!(scene.ours(NAME), [SECOND, FIRST]);
        provider.remove(&target(FIRST), None).await.unwrap();
        assert_eq!(scene.ours(NAME), [SECOND]);
        scene.nobody_else_was_touched();
    }
    assert!(with_sessions > 0);
}

#[tokio::test]
async fn many_writers_of_one_name_lose_nothing() {
    each(async |scene| {
        let provider = scene.provider();
        let values: Vec<String> = (0..12).map(|number| format!("value-{number:02}")).collect();
        let adding = values.iter().map(|value| {
            let (provider, target) = (provider.clone(), target(value));
            tokio::spawn(async move { provider.add(&target).await })
        });
        for added in adding.collect::<Vec<_>>() {
            added.await.unwrap().unwrap();
        }
        assert_eq!(scene.ours(NAME), values);
        let removing = values.iter().map(|value| {
            let (provider, target) = (provider.clone(), target(value));
            tokio::spawn(async move { provider.remove(&target, None).await })
        });
        for removed in removing.collect::<Vec<_>>() {
            removed.await.unwrap().unwrap();
        }
        assert!(scene.ours(NAME).is_empty());
    })
    .await;
}
