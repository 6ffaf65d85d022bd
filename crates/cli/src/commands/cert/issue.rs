//! Ordering: `cert issue` and `cert renew`, and watching how an operation goes.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use evercert_api::certificates::IssueRequest;
use evercert_api::operations::{Operation, OperationState};
use evercert_types::label::parse_label;
use evercert_types::{DomainName, KeyAlgorithm, OperationId, Selector, StoreKind, parse_span};
use serde_json::json;

use crate::client::{Client, segment};
use crate::output::{self, Output};

/// `cert issue`.
#[derive(clap::Args)]
pub(crate) struct Issue {
    /// Unique name of the certificate, such as `shop`.
    name: String,
    /// A name it is for; may be given more than once, `*.example.com` included.
    #[arg(long = "domain", required = true, value_name = "D")]
    domains: Vec<DomainName>,
    /// Name of the CA vendor.
    #[arg(long, value_name = "V")]
    vendor: String,
    /// Where it goes: zero-touch (deployed by itself) or certificate (deployed by hand).
    #[arg(long, default_value = "zero-touch")]
    store: StoreKind,
    /// Key algorithm, or two of different families for a dual certificate, such as ecdsa-p256,rsa-2048.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "ecdsa-p256",
        value_name = "ALGORITHM"
    )]
    key: Vec<KeyAlgorithm>,
    /// Let the Console renew it.
    #[arg(long)]
    auto_renew: bool,
    /// Which instances it goes to: `all`, or labels as k=v,k=v.
    #[arg(long, default_value = "all")]
    scope: Selector,
    /// A label of the certificate; may be given more than once.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Keep the key at renewals; default is a new one each time.
    #[arg(long)]
    reuse_key: bool,
    /// ACME profile; default the vendor's.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

/// `cert renew`.
#[derive(clap::Args)]
pub(crate) struct Renew {
    /// Name of the certificate.
    name: String,
    #[command(flatten)]
    wait: Wait,
}

/// Whether to wait for the end.
#[derive(clap::Args)]
pub(crate) struct Wait {
    /// Wait until it is issued or has failed, and tell each step.
    #[arg(long)]
    wait: bool,
    /// With --wait: how long at most.
    #[arg(long, default_value = "10m", value_name = "SPAN", value_parser = parse_span)]
    timeout: jiff::SignedDuration,
}

/// Orders a new certificate.
pub(crate) async fn issue(client: &Client, issue: Issue, output: Output) -> Result<ExitCode> {
    let request = IssueRequest {
        name: issue.name,
        domains: issue.domains,
        vendor: issue.vendor,
        store: issue.store,
        keys: issue.key,
        auto_renew: issue.auto_renew,
        scope: issue.scope,
        labels: issue.labels.into_iter().collect(),
        reuse_key: issue.reuse_key,
        profile: issue.profile,
    };
    let operation: Operation = client.post("/certificates", &request).await?;
    follow(client, operation, &issue.wait, output).await
}

/// Orders the next version of a certificate.
pub(crate) async fn renew(client: &Client, renew: Renew, output: Output) -> Result<ExitCode> {
    let path = format!("/certificates/{}/renew", segment(&renew.name));
    let operation: Operation = client.post(&path, &json!({})).await?;
    follow(client, operation, &renew.wait, output).await
}

/// Tells of an operation, and waits for its end if that is wanted.
pub(crate) async fn follow(
    client: &Client,
    mut operation: Operation,
    wait: &Wait,
    output: Output,
) -> Result<ExitCode> {
    if wait.wait {
        let limit = Duration::try_from(wait.timeout).unwrap_or(Duration::from_secs(600));
        operation = match tokio::time::timeout(limit, finished(client, operation.id, output)).await
        {
            Ok(operation) => operation?,
            Err(_) => bail!(
                "operation {} still runs after {limit:?}; it goes on without us",
                operation.id
            ),
        };
    }
    if output == Output::Json {
        output::json(&operation)?;
    } else {
        summary(&operation)?;
    }
    Ok(match operation.state {
        OperationState::Failed => ExitCode::FAILURE,
        OperationState::Running | OperationState::Succeeded => ExitCode::SUCCESS,
    })
}

/// Long-polls the operation until it ends, telling new steps on standard error.
async fn finished(client: &Client, id: OperationId, output: Output) -> Result<Operation> {
    let mut told = 0;
    loop {
        let operation: Operation = client.get(&format!("/operations/{id}?wait=20")).await?;
        if output == Output::Table {
            for step in operation.steps.iter().skip(told) {
                eprintln!("  {}  {}", step.at.strftime("%H:%M:%S%.3f"), step.message);
            }
            told = operation.steps.len();
        }
        if operation.state != OperationState::Running {
            return Ok(operation);
        }
        // The server paces this by its wait; the pause only bounds an old server that ignores it.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn summary(operation: &Operation) -> Result<()> {
    let name = operation.certificate.as_deref().unwrap_or("?");
    match operation.state {
        OperationState::Running => output::print(&format!(
            "{name}: ordered, operation {}; follow it with `evercert cert log {name}`\n",
            operation.id
        )),
        OperationState::Succeeded if operation.revocations.is_empty() => {
            output::print(&format!("{name}: issued\n"))
        }
        OperationState::Succeeded => output::print(&format!("{name}: revoked\n")),
        OperationState::Failed => {
            for revocation in &operation.revocations {
                let Some(error) = &revocation.error else {
                    eprintln!(
                        "{name} ({}): its revocation is {}",
                        revocation.algorithm, revocation.state
                    );
                    continue;
                };
                eprintln!(
                    "{name} ({}): not revoked: {}",
                    revocation.algorithm, error.message
                );
                if let Some(remedy) = &error.remedy {
                    eprintln!("  → {remedy}");
                }
            }
            for order in &operation.orders {
                let Some(error) = &order.error else { continue };
                eprintln!(
                    "{name} ({}): failed at {}: {}",
                    order.algorithm, error.stage, error.message
                );
                if let Some(remedy) = &error.remedy {
                    eprintln!("  → {remedy}");
                }
            }
            Ok(())
        }
    }
}
