//! `demo --check`: the whole play, and a verdict.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use super::load::Load;
use super::report::{Report, percentile};
use super::story::{Story, millis};
use super::world::World;
use super::{issue, outage, renewals};

/// Each client rests this long between two requests.
const CLIENT_PAUSE: Duration = Duration::from_millis(40);
/// What the product promises on a machine of two cores.
const FIRST_HANDSHAKE_LIMIT_MS: u64 = 5_000;
const PROPAGATION_P99_LIMIT_MS: u64 = 250;

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckOptions {
    /// Renewals under load.
    pub(crate) renewals: u32,
    /// Clients at once.
    pub(crate) clients: u32,
}

/// Runs the play; everything that went wrong is in the report.
pub(crate) async fn run(story: &Story, dir: &Path, options: CheckOptions) -> Report {
    let mut report = Report {
        clients: options.clients.into(),
        ..Report::default()
    };
    match World::start(story, dir).await {
        Ok(mut world) => {
            if let Err(error) = play(story, &mut world, options, &mut report).await {
                report.errors.push(format!("{error:#}"));
            }
            world.shutdown().await;
        }
        Err(error) => report.errors.push(format!("starting the demo: {error:#}")),
    }
    judge(&mut report);
    report.total_ms = millis(story.elapsed());
    for error in &report.errors {
        story.tell(&format!("NOT OK: {error}"));
    }
    report
}

async fn play(
    story: &Story,
    world: &mut World,
    options: CheckOptions,
    report: &mut Report,
) -> Result<()> {
    report.first_handshake_ms = millis(issue::run(story, world).await?);
    let clients = usize::try_from(options.clients).unwrap_or(usize::MAX);
    let load = Load::start(
        &world.probe,
        &issue::targets(world),
        world.adcs.len(),
        clients,
        CLIENT_PAUSE,
    );
    story.tell(&format!("{clients} clients at work"));
    let outcome = under_load(story, world, &load, options, report).await;
    load.stop().await;
    report.failed_handshakes = load.tally.failed_handshakes.load(Ordering::Relaxed);
    report.failed_requests = load.tally.failed_requests.load(Ordering::Relaxed);
    report.errors.extend(load.tally.failures());
    outcome
}

async fn under_load(
    story: &Story,
    world: &mut World,
    load: &Load,
    options: CheckOptions,
    report: &mut Report,
) -> Result<()> {
    let cast = issue::cast();
    let names: Vec<&str> = cast.iter().map(|part| part.name).collect();
    let times = renewals::run(story, world, load, &names, options.renewals).await?;
    report.renewals = options.renewals.into();
    report.handshakes_during_renewals = load.tally.handshakes.load(Ordering::Relaxed);
    report.requests_during_renewals = load.tally.requests.load(Ordering::Relaxed);
    report.propagation_ms_p50 = percentile(&times, 50);
    report.propagation_ms_p99 = percentile(&times, 99);
    report.propagation_ms_max = times.last().copied().unwrap_or(0);

    // The clients of the doomed name would rightly complain: it gets its own, and they never ask for it.
    let doomed = issue::doomed();
    issue::issue_one(story, world, &doomed).await?;
    report.deletion_ms = millis(outage::delete(story, world, doomed.name, &doomed.host).await?);

    let seen = outage::run(story, world, load, &names).await?;
    report.restart_without_console_ms = seen.restart_ms;
    report.propagation_after_outage_ms = seen.propagation_ms;
    Ok(())
}

fn judge(report: &mut Report) {
    let mut wrong = Vec::new();
    if report.first_handshake_ms > FIRST_HANDSHAKE_LIMIT_MS {
        wrong.push(format!(
            "the first handshake took {} ms, promised are {FIRST_HANDSHAKE_LIMIT_MS}",
            report.first_handshake_ms
        ));
    }
    if report.propagation_ms_p99 > PROPAGATION_P99_LIMIT_MS {
        wrong.push(format!(
            "propagation p99 is {} ms, promised are {PROPAGATION_P99_LIMIT_MS}",
            report.propagation_ms_p99
        ));
    }
    if report.failed_handshakes + report.failed_requests > 0 {
        wrong.push(format!(
            "{} handshakes and {} requests failed",
            report.failed_handshakes, report.failed_requests
        ));
    }
    if report.errors.is_empty() && (report.handshakes_during_renewals == 0 || report.renewals == 0)
    {
        wrong.push("nothing was measured".to_owned());
    }
    report.errors.extend(wrong);
    report.ok = report.errors.is_empty();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Report {
        Report {
            first_handshake_ms: 900,
            propagation_ms_p99: 80,
            handshakes_during_renewals: 9,
            renewals: 24,
            ..Report::default()
        }
    }

    #[test]
    fn a_good_report_is_ok() {
        let mut report = good();
        judge(&mut report);
        assert!(report.ok);
    }

    #[test]
    fn each_broken_promise_is_named() {
        for broken in [
            Report {
                first_handshake_ms: 5_001,
                ..good()
            },
            Report {
                propagation_ms_p99: 251,
                ..good()
            },
            Report {
                failed_handshakes: 1,
                ..good()
            },
            Report {
                failed_requests: 1,
                ..good()
            },
            Report {
                handshakes_during_renewals: 0,
                ..good()
            },
        ] {
            let mut report = broken.clone();
            judge(&mut report);
            assert!(!report.ok && report.errors.len() == 1, "{broken:?}");
        }
    }
}
