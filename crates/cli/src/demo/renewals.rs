//! Renewals under load: every one must be seen at every ADC, and no client may notice.

use std::time::Duration;

use anyhow::{Context, Result};
use evercert_api::operations::Operation;
use evercert_types::{Fingerprint, KeyFamily};
use jiff::Timestamp;
use serde_json::json;

use super::issue::{active_versions, finished};
use super::load::Load;
use super::story::Story;
use super::world::World;

/// How long the load may take to meet a new certificate.
const LIMIT: Duration = Duration::from_secs(30);

/// Renews one certificate and answers, per ADC, the milliseconds from commit to first handshake.
pub(crate) async fn renew_once(world: &World, load: &Load, name: &str) -> Result<Vec<u64>> {
    let operation: Operation = world
        .client
        .post(&format!("/certificates/{name}/renew"), &json!({}))
        .await?;
    finished(world, operation.id)
        .await
        .with_context(|| format!("renewing {name}"))?;
    let mut times = Vec::new();
    for version in active_versions(world, name).await? {
        // The load's clients verify ECDSA, so it is the ECDSA half of a dual certificate that they are shown.
        if version.algorithm.family() == KeyFamily::Rsa {
            continue;
        }
        for adc in 0..world.adcs.len() {
            let at = met(load, adc, &version.fingerprint)
                .await
                .with_context(|| {
                    format!(
                        "{name}: no client of {} met the new certificate",
                        world.adcs[adc].name
                    )
                })?;
            times.push(millis_between(version.committed_at, at));
        }
    }
    Ok(times)
}

/// Renews the certificates in turn.
pub(crate) async fn run(
    story: &Story,
    world: &World,
    load: &Load,
    names: &[&str],
    count: u32,
) -> Result<Vec<u64>> {
    let mut times = Vec::new();
    for (number, name) in (1..=count).zip(names.iter().cycle()) {
        let each = renew_once(world, load, name).await?;
        let slowest = each.iter().max().copied().unwrap_or(0);
        story.tell(&format!(
            "renewal {number}/{count}: {name}, in use everywhere {slowest} ms after its commit"
        ));
        times.extend(each);
    }
    times.sort_unstable();
    Ok(times)
}

async fn met(load: &Load, adc: usize, leaf: &Fingerprint) -> Result<Timestamp> {
    let wait = async {
        loop {
            if let Some(at) = load.tally.first_seen(adc, leaf) {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.context("time-out")
}

fn millis_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}
