//! Sixty days of a large site in one test: the Console's own planner, orders and database against a stub with the
//! limits of Let's Encrypt. Only time and the CA are simulated.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use evercert_console::tasks;
use evercert_testkit::acme_stub::{Endpoint, StubOptions};
use evercert_types::Clock as _;
use jiff::{SignedDuration, Timestamp};

use crate::lab::Lab;
use crate::world::wanted;

/// How a site is simulated.
struct Site {
    certificates: usize,
    /// Certificates of the same registered domain.
    per_domain: usize,
    days: i64,
    /// Days until the load is measured: the first renewals come from how it was enrolled.
    warm_up_days: i64,
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    /// Orders in each hour, counted from 1970.
    by_hour: BTreeMap<i64, u32>,
    refused: usize,
    reasons: BTreeMap<String, usize>,
}

/// The steps of the clock: what is planned in an hour is ordered at its end.
const STEP: SignedDuration = SignedDuration::from_hours(1);
/// Let's Encrypt takes 300 orders at once, and 100 an hour from then on.
const AT_ONCE: usize = 250;
const AN_HOUR: usize = 90;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_site_of_six_day_certificates_is_renewed_evenly_for_sixty_days() {
    let site = Site {
        certificates: size(),
        per_domain: 10,
        days: 60,
        warm_up_days: 14,
    };
    run(&site).await;
}

/// A fifth of the whole site in the suite; `EVERCERT_SIMULATION=1000` takes all of it, in ten minutes or so.
fn size() -> usize {
    let wanted = std::env::var("EVERCERT_SIMULATION").ok();
    wanted.and_then(|size| size.parse().ok()).unwrap_or(200)
}

async fn run(site: &Site) {
    let began = Instant::now();
    let mut options = StubOptions::lets_encrypt();
    options.switches.authz_reuse = Some(SignedDuration::from_hours(7));
    // As seldom as a client may be told to ask: most of the time would go by with questions.
    options.switches.ari_pace = Duration::from_secs(86_400);
    let lab = Lab::start(options, Some("shortlived")).await;
    let since_hour = SignedDuration::from_secs(lab.clock.now().as_second() % 3_600);
    lab.clock.advance(STEP - since_hour);
    let start = lab.clock.now();
    let mut outcome = Outcome::default();
    let mut enrolled = 0;
    for step in 0..site.days * 24 {
        if enrolled < site.certificates {
            let now = if enrolled == 0 { AT_ONCE } else { AN_HOUR };
            let end = (enrolled + now).min(site.certificates);
            for number in enrolled..end {
                enrol(&lab, site, number).await;
            }
            enrolled = end;
        }
        lab.catch_up().await;
        if step % 24 == 23 {
            tasks::tidy_up(&lab.console).await.unwrap();
            outcome.take(&lab);
        }
        lab.clock.advance(STEP);
    }
    outcome.take(&lab);
    assert_none_expired(&lab, site, start);
    outcome.read_reasons(&lab, site).await;
    report(site, &outcome, &lab, began);
    outcome.check(site, start);
}

async fn enrol(lab: &Lab, site: &Site, number: usize) {
    let domain = format!("host{number}.site{}.test", number / site.per_domain);
    lab.request(wanted(&format!("c{number}"), &[&domain])).await;
}

/// Each was replaced while it was valid, and the last is valid still: by what the CA issued.
fn assert_none_expired(lab: &Lab, site: &Site, start: Timestamp) {
    let mut valid_until: BTreeMap<String, Timestamp> = BTreeMap::new();
    for issued in lab.control().certificates() {
        let name = issued.names.join(",");
        if let Some(until) = valid_until.get(&name) {
            assert!(
                issued.at < *until,
                "{name} had expired at {until} when it was renewed"
            );
        }
        valid_until.insert(name, issued.certificate.not_after());
    }
    assert_eq!(valid_until.len(), site.certificates);
    let now = lab.clock.now();
    assert!(now > start);
    for (name, until) in valid_until {
        assert!(until > now, "{name} expired at {until}");
    }
}

impl Outcome {
    /// Counts the stub's journal and empties it.
    fn take(&mut self, lab: &Lab) {
        for request in lab.control().requests() {
            if request.status == 429 || request.status == 503 {
                self.refused += 1;
            }
            if request.endpoint == Endpoint::NewOrder && request.status == 201 {
                *self
                    .by_hour
                    .entry(request.at.as_second() / 3_600)
                    .or_default() += 1;
            }
        }
        lab.control().forget_requests();
    }

    async fn read_reasons(&mut self, lab: &Lab, site: &Site) {
        for number in 0..site.certificates {
            let name = format!("c{number}");
            let id = lab.show(&name).await.id;
            let orders = lab
                .console
                .db
                .orders_of_certificate(id, 1_000)
                .await
                .unwrap();
            for order in orders {
                assert!(order.error.is_none(), "{name}: {:?}", order.error);
                *self.reasons.entry(order.reason).or_default() += 1;
            }
        }
    }

    /// The hours after the warm-up, those without an order included.
    fn measured(&self, site: &Site, start: Timestamp) -> Vec<u32> {
        let first = start.as_second() / 3_600;
        let hours = (first + site.warm_up_days * 24)..(first + site.days * 24);
        hours
            .map(|hour| self.by_hour.get(&hour).copied().unwrap_or(0))
            .collect()
    }

    fn check(&self, site: &Site, start: Timestamp) {
        assert_eq!(self.refused, 0, "requests were refused for a limit");
        let known = ["missing", "renewal_info", "lifetime_fraction"];
        for reason in self.reasons.keys() {
            assert!(known.contains(&reason.as_str()), "{reason}");
        }
        assert_eq!(self.reasons.get("missing"), Some(&site.certificates));
        let orders: usize = self.reasons.values().sum();
        // Every 80 hours, or sooner where the load was levelled.
        let least = site.certificates * usize::try_from(site.days * 24 / 81).unwrap();
        assert!(
            orders >= least && orders < least * 3 / 2,
            "{orders} orders, at least {least}"
        );
        let hours = self.measured(site, start);
        let mean = mean(&hours);
        let most = hours.iter().max().copied().unwrap_or(0);
        assert!(
            f64::from(most) <= mean * 2.0,
            "{most} orders in an hour, {mean:.1} on average"
        );
    }
}

fn mean(hours: &[u32]) -> f64 {
    hours.iter().map(|n| f64::from(*n)).sum::<f64>() / hours.len().max(1) as f64
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are what it is for"
)]
fn report(site: &Site, outcome: &Outcome, lab: &Lab, began: Instant) {
    let hours = outcome.measured(
        site,
        lab.clock.now() - SignedDuration::from_hours(24 * site.days),
    );
    let orders: usize = outcome.reasons.values().sum();
    println!(
        "{} certificates, {} days: {orders} orders {:?}; after {} days {:.1} an hour on average, {} at most, {} at \
         least; {} refused; {:.0} s",
        site.certificates,
        site.days,
        outcome.reasons,
        site.warm_up_days,
        mean(&hours),
        hours.iter().max().unwrap_or(&0),
        hours.iter().min().unwrap_or(&0),
        outcome.refused,
        began.elapsed().as_secs_f64()
    );
}
