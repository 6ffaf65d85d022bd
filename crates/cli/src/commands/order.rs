//! `evercert order`: the issuance and renewal log, one entry for each attempt.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::orders::{OrderDetail, OrderEntry, OrderStep};

use crate::client::{Client, ClientArgs, segment};
use crate::output::{self, Output};

/// `evercert order`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List attempts to issue and renew, newest first.
    List(List),
    /// Show one attempt: each step, what the CA said word for word, and what to do.
    Show {
        /// Id of the attempt, as `order list` shows it.
        id: String,
    },
}

#[derive(clap::Args)]
struct List {
    /// Only those of this certificate.
    #[arg(long, value_name = "NAME")]
    certificate: Option<String>,
    /// Only those at this CA vendor.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
    /// Only those that were asked for by an issue, renew or revoke.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those made for this reason, such as `forced` or `renewal_info`.
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only running, succeeded or failed ones.
    #[arg(long, value_parser = ["running", "succeeded", "failed"])]
    outcome: Option<String>,
    /// Only those made since: a span before now such as 24h, or an instant.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only those made before: likewise.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only those of whose steps or errors one contains this text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Go on after this one: the cursor that the page before ended with.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::List(wanted) => list(&client, &wanted, output).await,
        Action::Show { id } => show(&client, &id, output).await,
    }
}

async fn list(client: &Client, wanted: &List, output: Output) -> Result<ExitCode> {
    let mut path = format!("/orders?limit={}", wanted.limit);
    for (key, value) in [
        ("certificate", &wanted.certificate),
        ("vendor", &wanted.vendor),
        ("kind", &wanted.kind),
        ("reason", &wanted.reason),
        ("outcome", &wanted.outcome),
        ("since", &wanted.since),
        ("until", &wanted.until),
        ("search", &wanted.search),
        ("cursor", &wanted.cursor),
    ] {
        if let Some(value) = value {
            path += &format!("&{key}={}", segment(value));
        }
    }
    let page: Page<OrderEntry> = client.get(&path).await?;
    if output == Output::Json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    output::table(
        &[
            "ID",
            "STARTED",
            "TOOK",
            "CERTIFICATE",
            "KEY",
            "VENDOR",
            "KIND",
            "REASON",
            "OUTCOME",
            "ERROR",
        ],
        &rows,
    )?;
    if let Some(next) = page.next {
        eprintln!("there are older ones: --cursor {next}");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &OrderEntry) -> Vec<String> {
    vec![
        entry.id.to_string(),
        output::time(entry.started),
        entry
            .duration_secs
            .map(|secs| format!("{secs}s"))
            .unwrap_or_default(),
        entry.certificate.clone(),
        entry.algorithm.to_string(),
        entry.vendor.clone().unwrap_or_default(),
        entry.kind.clone(),
        entry.reason.clone(),
        outcome(entry),
        entry
            .error
            .as_ref()
            .map(|error| shortened(&error.message))
            .unwrap_or_default(),
    ]
}

fn outcome(entry: &OrderEntry) -> String {
    match entry.finished {
        Some(_) => entry.state.to_string(),
        None => format!("running ({})", entry.state),
    }
}

fn shortened(message: &str) -> String {
    const MOST: usize = 80;
    match message.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}

async fn show(client: &Client, id: &str, output: Output) -> Result<ExitCode> {
    let detail: OrderDetail = client.get(&format!("/orders/{}", segment(id))).await?;
    if output == Output::Json {
        output::json(&detail)?;
        return Ok(ExitCode::SUCCESS);
    }
    let entry = &detail.entry;
    let domains: Vec<_> = detail.domains.iter().map(ToString::to_string).collect();
    output::fields(&[
        ("Order", entry.id.to_string()),
        (
            "Certificate",
            format!("{} ({})", entry.certificate, entry.algorithm),
        ),
        ("Domains", domains.join(", ")),
        ("Vendor", entry.vendor.clone().unwrap_or_default()),
        ("Profile", detail.profile.clone().unwrap_or_default()),
        (
            "Asked for",
            format!(
                "{} by {}, because {}",
                entry.kind, entry.actor, entry.because
            ),
        ),
        ("Started", output::time(entry.started)),
        (
            "Ended",
            entry.finished.map(output::time).unwrap_or_default(),
        ),
        ("State", outcome(entry)),
        ("Order URL", detail.order_url.clone().unwrap_or_default()),
        (
            "Generation",
            detail.generation.map(|n| n.to_string()).unwrap_or_default(),
        ),
    ])?;
    if let Some(error) = &entry.error {
        let mut text = format!(
            "\nFailed at {} ({}, {}): {}\n",
            error.stage, error.class, error.code, error.message
        );
        if let Some(remedy) = &error.remedy {
            text += &format!("  → {remedy}\n");
        }
        if let Some(problem) = &error.problem {
            text += &format!("  the CA said: {problem}\n");
        }
        output::print(&text)?;
    }
    output::print("\nSteps\n")?;
    for step in &detail.steps {
        output::print(&step_text(step))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn step_text(step: &OrderStep) -> String {
    let level = match step.level.as_str() {
        "info" => String::new(),
        level => format!("{level}: "),
    };
    let mut text = format!(
        "{}  {:>7}  {level}{}\n",
        step.at.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        format!("+{}ms", step.took_ms),
        step.message
    );
    if let Some(problem) = &step.problem {
        text += &format!("    the CA said: {problem}\n");
    }
    if let Some(remedy) = &step.remedy {
        text += &format!("    → {remedy}\n");
    }
    text
}
