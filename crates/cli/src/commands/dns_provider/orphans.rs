//! `evercert dns-provider orphans`: stale challenge values, listed and removed.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Result;
use evercert_api::Page;
use evercert_api::dns_providers::{DnsProvider, Orphan, OrphanReport, OrphanSource, OrphanState};
use serde_json::json;

use crate::client::{Client, segment};
use crate::output::{self, Output};

#[derive(clap::Args)]
pub(super) struct Orphans {
    /// Name of the provider; default: every active one.
    provider: Option<String>,
    /// Remove them, one at a time; asks first.
    #[arg(long)]
    remove: bool,
    /// Remove only values that the Console saw for the first time so long ago. Another ACME client may be in the middle of an order: younger values are left.
    #[arg(long, value_name = "SPAN", default_value = "10m", requires = "remove")]
    older_than: String,
    /// Remove only values at this name.
    #[arg(long, value_name = "NAME", requires = "remove")]
    at: Option<String>,
    /// Remove without being asked.
    #[arg(long, requires = "remove")]
    yes: bool,
}

/// Looks for them, and removes them if wanted.
pub(super) async fn run(client: &Client, wanted: Orphans, output: Output) -> Result<ExitCode> {
    let names = match &wanted.provider {
        Some(name) => vec![name.clone()],
        None => active(client).await?,
    };
    let mut reports = Vec::new();
    for name in &names {
        let path = format!("/dns-providers/{}/orphans", segment(name));
        let mut report: OrphanReport = client.get(&path).await?;
        if wanted.remove && !report.orphans.is_empty() {
            if output == Output::Table {
                table(std::slice::from_ref(&report))?;
            }
            if !wanted.yes && !confirmed(name)? {
                return Ok(ExitCode::FAILURE);
            }
            let body = json!({ "older_than": wanted.older_than, "name": wanted.at });
            report = client.post(&format!("{path}/remove"), &body).await?;
        }
        reports.push(report);
    }
    if output == Output::Json {
        output::json(&reports)?;
    } else {
        table(&reports)?;
        explain(&reports);
    }
    let is_bad = |report: &OrphanReport| {
        let failed = |one: &Orphan| one.state == OrphanState::Failed;
        !report.failures.is_empty() || report.orphans.iter().any(failed)
    };
    Ok(match reports.iter().any(is_bad) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

async fn active(client: &Client) -> Result<Vec<String>> {
    let page: Page<DnsProvider> = client.get("/dns-providers").await?;
    let active = page.items.into_iter().filter(|one| one.active);
    Ok(active.map(|one| one.name).collect())
}

/// Asks for the provider's name; without a terminal the answer is no.
fn confirmed(name: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        eprintln!("not a terminal: add --yes to go on without being asked");
        return Ok(false);
    }
    eprintln!("No order of this Console knows these values; another ACME client's order may.");
    eprint!("To remove them at {name}, type its name, {name}: ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == name)
}

fn table(reports: &[OrphanReport]) -> Result<()> {
    let rows: Vec<Vec<String>> = reports
        .iter()
        .flat_map(|report| {
            report.orphans.iter().map(|orphan| {
                vec![
                    report.provider.clone(),
                    orphan.name.clone(),
                    orphan.value.clone(),
                    match orphan.seen_at {
                        OrphanSource::Provider => "provider",
                        OrphanSource::Dns => "name servers",
                    }
                    .to_owned(),
                    output::relative(orphan.first_seen_at),
                    match orphan.state {
                        OrphanState::Found => "found",
                        OrphanState::Removed => "removed",
                        OrphanState::Left => "left",
                        OrphanState::Failed => "FAILED",
                    }
                    .to_owned(),
                ]
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let heads = ["PROVIDER", "NAME", "VALUE", "SHOWN BY", "SEEN", "STATE"];
    output::table(&heads, &rows)
}

/// What the table has no room for.
fn explain(reports: &[OrphanReport]) {
    for report in reports {
        eprintln!(
            "{}: {} names looked at, {} stale values",
            report.provider,
            report.names,
            report.orphans.len()
        );
        for orphan in &report.orphans {
            if let Some(detail) = &orphan.detail {
                eprintln!("  {}: {detail}", orphan.name);
            }
        }
        for failure in &report.failures {
            eprintln!("  {}: {}", failure.name, failure.detail);
            if let Some(remedy) = &failure.remedy {
                eprintln!("    → {remedy}");
            }
        }
    }
}
