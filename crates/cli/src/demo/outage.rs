//! A deletion, and a Console outage with an ADC restart in it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::issue::cast;
use super::load::Load;
use super::renewals::renew_once;
use super::story::{Story, millis};
use super::world::World;

const LIMIT: Duration = Duration::from_secs(30);

/// Deletes a certificate; answers how long the slower ADC went on serving its name.
pub(crate) async fn delete(
    story: &Story,
    world: &World,
    name: &str,
    host: &str,
) -> Result<Duration> {
    for adc in &world.adcs {
        world
            .probe
            .handshake(adc.https, host)
            .await
            .with_context(|| format!("{} before the deletion", adc.name))?;
    }
    let start = Instant::now();
    world
        .client
        .delete(&format!("/certificates/{name}"))
        .await?;
    for adc in &world.adcs {
        let refused = async {
            while world.probe.handshake(adc.https, host).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(LIMIT, refused).await.is_err() {
            bail!("{} still serves {host} after {name} was deleted", adc.name);
        }
        story.tell(&format!(
            "{}: {host} is refused, {} ms after the deletion",
            adc.name,
            millis(start.elapsed())
        ));
    }
    Ok(start.elapsed())
}

/// What the outage showed, in milliseconds.
pub(crate) struct Outage {
    /// From the ADC's restart to its first handshake, without a Console.
    pub(crate) restart_ms: u64,
    /// Propagation of the renewal after the Console was back, the slower ADC.
    pub(crate) propagation_ms: u64,
}

/// Stops the Console, restarts the second ADC, looks that it serves from its cache, and starts the Console again.
pub(crate) async fn run(
    story: &Story,
    world: &mut World,
    load: &Load,
    survivors: &[&str],
) -> Result<Outage> {
    world.stop_console().await;
    story.tell("the Console is down; clients go on");
    load.set_paused(1, true);
    // Clients of that ADC finish what they are at.
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.stop_adc(1).await;
    let start = Instant::now();
    world.start_adc(1).await?;
    let mut restart_ms = 0;
    for part in cast().iter().filter(|part| survivors.contains(&part.name)) {
        let adc = &world.adcs[1];
        world
            .probe
            .handshake(adc.https, &part.host)
            .await
            .with_context(|| format!("{} after its restart without a Console", adc.name))?;
        if restart_ms == 0 {
            restart_ms = millis(start.elapsed()).max(1);
        }
        story.tell(&format!(
            "{}: restarted without a Console, serves {} from its sealed cache",
            adc.name, part.host
        ));
    }
    load.set_paused(1, false);
    world.start_console().await?;
    story.tell("the Console is back");
    let mut slowest = 0;
    for name in survivors {
        slowest = renew_once(world, load, name)
            .await?
            .into_iter()
            .fold(slowest, u64::max);
    }
    story.tell("renewals reach both ADCs again");
    Ok(Outage {
        restart_ms,
        propagation_ms: slowest,
    })
}
