//! The first act: three certificates into the zero-touch store, observed on both ADCs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use evercert_api::Page;
use evercert_api::certificates::{Certificate, Deployment, Version};
use evercert_api::operations::{Operation, OperationState};
use evercert_types::{Fingerprint, ItemState, KeyAlgorithm, KeyFamily, OperationId};
use serde_json::json;

use super::load::Target;
use super::story::Story;
use super::world::{World, ZONE};

/// Longest that one part of the first act may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A certificate of the demo.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its domains.
    pub(crate) domains: Vec<String>,
    /// A name that it serves, for clients to ask.
    pub(crate) host: String,
    /// Its key algorithms.
    pub(crate) keys: &'static [KeyAlgorithm],
}

/// The three certificates: a wildcard, one of several names, one with both RSA and ECDSA.
pub(crate) fn cast() -> [Cast; 3] {
    let under = |label: &str| format!("{label}.{ZONE}");
    [
        Cast {
            name: "apps-wildcard",
            domains: vec![under("*.apps"), under("apps")],
            host: under("any.apps"),
            keys: &[KeyAlgorithm::EcdsaP256],
        },
        Cast {
            name: "shop",
            domains: vec![under("shop"), under("www.shop"), under("pay.shop")],
            host: under("www.shop"),
            keys: &[KeyAlgorithm::EcdsaP256],
        },
        Cast {
            name: "api-dual",
            domains: vec![under("api")],
            host: under("api"),
            keys: &[KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048],
        },
    ]
}

/// A certificate that is made only to be deleted.
pub(crate) fn doomed() -> Cast {
    Cast {
        name: "doomed",
        domains: vec![format!("doomed.{ZONE}"), format!("www.doomed.{ZONE}")],
        host: format!("www.doomed.{ZONE}"),
        keys: &[KeyAlgorithm::EcdsaP256],
    }
}

/// Issues all three, waits until both ADCs were seen serving them; answers the time of the first handshake.
pub(crate) async fn run(story: &Story, world: &World) -> Result<Duration> {
    let mut operations = Vec::new();
    for part in cast() {
        operations.push((order(story, world, &part).await?, part));
    }
    let mut first = None;
    for (operation, part) in operations {
        let at = served(story, world, operation, &part).await?;
        first.get_or_insert(at);
    }
    for part in cast() {
        observed(world, part.name).await?;
        story.tell(&format!(
            "{}: the Console has it as observed on both ADCs",
            part.name
        ));
    }
    first.context("no handshake was made")
}

/// Issues one more and waits until both ADCs serve it.
pub(crate) async fn issue_one(story: &Story, world: &World, part: &Cast) -> Result<()> {
    let operation = order(story, world, part).await?;
    served(story, world, operation, part).await?;
    Ok(())
}

async fn order(story: &Story, world: &World, part: &Cast) -> Result<OperationId> {
    story.tell(&format!(
        "ordering {} for {}",
        part.name,
        part.domains.join(", ")
    ));
    let body = json!({
        "name": part.name, "domains": part.domains, "vendor": "local-ca", "store": "zero_touch",
        "keys": part.keys, "auto_renew": true,
    });
    let operation: Operation = world.client.post("/certificates", &body).await?;
    Ok(operation.id)
}

/// Waits until every ADC serves what was ordered; answers when the first handshake was made.
async fn served(
    story: &Story,
    world: &World,
    operation: OperationId,
    part: &Cast,
) -> Result<Duration> {
    finished(world, operation)
        .await
        .with_context(|| format!("issuing {}", part.name))?;
    story.tell(&format!("{} is in the zero-touch store", part.name));
    let mut first = None;
    for version in active_versions(world, part.name).await? {
        let family = version.algorithm.family();
        for (number, adc) in world.adcs.iter().enumerate() {
            seen(world, number, family, &part.host, version.fingerprint).await?;
            first.get_or_insert_with(|| story.elapsed());
            let algorithm = version.algorithm;
            story.tell(&format!(
                "{}: handshake for {} with the new certificate ({algorithm})",
                adc.name, part.host
            ));
        }
    }
    first.with_context(|| format!("{} has no version in force", part.name))
}

/// Every way clients ask for the certificates.
pub(crate) fn targets(world: &World) -> Vec<Target> {
    let mut all = Vec::new();
    for part in cast() {
        for (number, adc) in world.adcs.iter().enumerate() {
            all.push(Target {
                adc: number,
                addr: adc.https,
                host: part.host.clone(),
            });
        }
    }
    all
}

/// Waits until an operation has succeeded.
pub(crate) async fn finished(world: &World, id: OperationId) -> Result<Operation> {
    let wait = async {
        loop {
            let operation: Operation = world
                .client
                .get(&format!("/operations/{id}?wait=20"))
                .await?;
            match operation.state {
                OperationState::Running => tokio::time::sleep(Duration::from_millis(5)).await,
                OperationState::Succeeded => return Ok(operation),
                OperationState::Failed => {
                    let errors: Vec<_> = operation
                        .orders
                        .iter()
                        .filter_map(|o| o.error.as_ref())
                        .collect();
                    bail!("the order failed: {}", serde_json::to_string(&errors)?);
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, wait)
        .await
        .context("the order did not end in time")?
}

/// The versions in force.
pub(crate) async fn active_versions(world: &World, name: &str) -> Result<Vec<Version>> {
    let certificate: Certificate = world.client.get(&format!("/certificates/{name}")).await?;
    Ok(certificate
        .keys
        .into_iter()
        .filter_map(|slot| slot.active)
        .collect())
}

/// Handshakes until the leaf is shown.
async fn seen(
    world: &World,
    adc: usize,
    family: KeyFamily,
    host: &str,
    leaf: Fingerprint,
) -> Result<()> {
    let probe = match family {
        KeyFamily::Ecdsa => &world.probe,
        KeyFamily::Rsa => &world.rsa_probe,
    };
    let mut last = None;
    let wait = async {
        loop {
            match probe.handshake(world.adcs[adc].https, host).await {
                Ok(seen) if seen.fingerprint == leaf => return,
                Ok(_) => last = None,
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(LIMIT, wait).await.is_err() {
        let why = last.map_or_else(
            || "another certificate is served".to_owned(),
            |error| format!("{error:#}"),
        );
        bail!(
            "{} does not serve {host} with {leaf}: {why}",
            world.adcs[adc].name
        );
    }
    Ok(())
}

/// Waits until the Console knows of handshakes on every ADC with every slot of the certificate.
async fn observed(world: &World, name: &str) -> Result<()> {
    let mut last = Vec::new();
    let wait = async {
        loop {
            let page: Page<Deployment> = world
                .client
                .get(&format!("/certificates/{name}/deployments"))
                .await?;
            let enough = !page.items.is_empty() && page.items.len() >= world.adcs.len();
            if enough && page.items.iter().all(|d| d.state == ItemState::Observed) {
                return Ok(());
            }
            last = page.items;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(LIMIT, wait).await {
        Ok(result) => result,
        Err(_) => bail!("{name} was not observed everywhere: {last:?}"),
    }
}
