//! Ordering: `cert issue` and `cert renew`, and watching how an operation goes.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use evercert_api::bulk::BulkAction;
use evercert_api::certificates::IssueRequest;
use evercert_api::operations::{Operation, OperationState};
use evercert_types::label::parse_label;
use evercert_types::{DomainName, KeyAlgorithm, OperationId, Selector, StoreKind, parse_span};
use serde_json::json;

use super::bulk::{self, Which};
use super::terms::Terms;
use crate::client::{Client, segment};
use crate::output::{self, Output};

/// `cert issue`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Issue {
    /// Unique name of the certificate, such as `shop`.
    name: String,
    /// A name it is for; may be given more than once, `*.example.com` and `bücher.example` included.
    #[arg(long = "domain", value_name = "D", value_delimiter = ',')]
    domains: Vec<DomainName>,
    /// Name of the CA vendor.
    #[arg(long, value_name = "V")]
    vendor: String,
    /// Where it goes: zero-touch (deployed by itself) or certificate (deployed by hand).
    #[arg(long, default_value = "zero-touch")]
    store: StoreKind,
    /// Key algorithm, or two of different families for a dual certificate, such as ecdsa-p256,rsa-2048; default that
    /// of --csr or --key-file, else ecdsa-p256.
    #[arg(long, value_delimiter = ',', value_name = "ALGORITHM")]
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
    #[command(flatten)]
    terms: Terms,
    /// Do not let one order serve a certificate of the other store that wants the very same.
    #[arg(long, help_heading = "Ordering")]
    no_share: bool,
    /// Order although a certificate with the same configuration exists; counts against the CA's limits.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    wait: Wait,
}

const EXAMPLES: &str = "\
Examples:
  A key and a CSR are made, the certificate reaches all instances, the Console renews it:
    evercert cert issue shop --domain shop.example.com,*.shop.example.com --vendor le --auto-renew --wait
  With an own key, and a subject for an OV vendor:
    evercert cert issue shop --domain shop.example.com --vendor digicert --key-file shop.key \\
        --subject 'CN=shop.example.com,O=Example Ltd,L=Zurich,C=CH'
  With a CSR and its key:
    evercert cert issue shop --csr shop.csr --key-file shop.key --vendor le --store certificate
  With a CSR alone, its key stays where it is:
    evercert cert issue shop --csr shop.csr --vendor le --store certificate --wait
  For an IP address:
    evercert cert issue gw --ip 203.0.113.7 --vendor le --profile shortlived --challenge http-01";

/// `cert renew`.
#[derive(clap::Args)]
pub(crate) struct Renew {
    #[command(flatten)]
    which: Which,
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
    if issue.domains.is_empty() && !issue.terms.has_csr() && !issue.terms.has_ips() {
        bail!("give a --domain, an --ip, or a --csr to read the names from");
    }
    let mut request = IssueRequest::new(issue.name, issue.domains, issue.vendor, issue.store);
    request.keys = issue.key;
    request.auto_renew = issue.auto_renew;
    request.scope = issue.scope;
    request.labels = issue.labels.into_iter().collect();
    request.reuse_key = issue.reuse_key;
    request.share = !issue.no_share;
    request.force = issue.force;
    let mut request = serde_json::to_value(&request)?;
    if let Some(body) = request.as_object_mut() {
        issue.terms.write(body)?;
    }
    let operation: Operation = client.post("/certificates", &request).await?;
    follow(client, operation, &issue.wait, output).await
}

/// Orders the next version of a certificate; of many, they become due.
pub(crate) async fn renew(client: &Client, renew: Renew, output: Output) -> Result<ExitCode> {
    let Some(name) = renew.which.single() else {
        if renew.wait.wait {
            bail!("--wait is for one certificate; `evercert order list` shows how far many are");
        }
        return bulk::plain(client, &renew.which, BulkAction::Renew, output).await;
    };
    let path = format!("/certificates/{}/renew", segment(name));
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
