//! `evercert ca-vendor limits`: the ledger of a CA's rate limits.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use evercert_api::ca_vendors::{
    FailingName, LimitLine, LimitSetting, LimitSettings, LimitsReport, OrderBudget,
};
use jiff::Timestamp;

use crate::client::{Client, segment};
use crate::output::{self, Output};

#[derive(clap::Args)]
pub(crate) struct Limits {
    /// Name of the vendor.
    name: String,
    /// Also say what an order of these names would find; repeatable.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    domain: Vec<String>,
    /// Set a limit of your own, such as `new_orders_per_account=300/36s`; 0 lifts it; repeatable. Those not named go back
    /// to what the vendor publishes.
    #[arg(long, value_name = "LIMIT=TOKENS/SECONDS", conflicts_with = "reset")]
    set: Vec<String>,
    /// Go back to what the vendor publishes.
    #[arg(long)]
    reset: bool,
}

/// Runs it.
pub(crate) async fn run(client: &Client, output: Output, args: &Limits) -> Result<ExitCode> {
    let mut path = format!("/ca-vendors/{}/limits", segment(&args.name));
    if args.reset || !args.set.is_empty() {
        let limits = args.set.iter().map(|text| setting(text));
        let limits = limits.collect::<Result<BTreeMap<_, _>>>()?;
        let _: LimitsReport = client.put(&path, &LimitSettings { limits }).await?;
    }
    if !args.domain.is_empty() {
        path = format!("{path}?domains={}", segment(&args.domain.join(",")));
    }
    let report: LimitsReport = client.get(&path).await?;
    if output == Output::Json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    show(&report)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads `word=tokens/seconds`, or `word=0`.
fn setting(text: &str) -> Result<(String, LimitSetting)> {
    let usage =
        || format!("reading --set {text}: write LIMIT=TOKENS/SECONDS, or LIMIT=0 for no limit");
    let (word, numbers) = text.split_once('=').with_context(usage)?;
    let (burst, refill) = numbers.split_once('/').unwrap_or((numbers, "0"));
    let setting = LimitSetting {
        burst: burst.parse().with_context(usage)?,
        refill_secs: refill.trim_end_matches('s').parse().with_context(usage)?,
        exempt: None,
    };
    if setting.burst > 0 && setting.refill_secs == 0 {
        bail!(usage());
    }
    Ok((word.to_owned(), setting))
}

fn show(report: &LimitsReport) -> Result<()> {
    let rows: Vec<_> = report.limits.iter().map(limit_row).collect();
    output::table(
        &["LIMIT", "FOR", "USED", "LEFT", "ONE MORE EVERY", "NEXT"],
        &rows,
    )?;
    if !report.names.is_empty() {
        output::print("\n")?;
        let rows: Vec<_> = report.names.iter().map(name_row).collect();
        output::table(
            &["FAILING NAME", "IN A ROW", "LEFT ALONE UNTIL", "UNPAUSE AT"],
            &rows,
        )?;
    }
    if !report.waiting.is_empty() {
        output::print("\n")?;
        let waiting = report.waiting.iter();
        let rows: Vec<_> = waiting
            .map(|one| {
                vec![
                    one.certificate.clone(),
                    one.until.to_string(),
                    one.reason.clone(),
                ]
            })
            .collect();
        output::table(&["WAITING", "UNTIL", "BECAUSE"], &rows)?;
    }
    if let Some(order) = &report.order {
        output::print(&format!("\n{}\n", about_order(order)))?;
    }
    Ok(())
}

fn limit_row(line: &LimitLine) -> Vec<String> {
    let next = line.held_until.or(line.next_at);
    vec![
        line.kind.clone(),
        dash(&line.subject),
        line.used.to_string(),
        format!("{} of {}", line.left, line.burst),
        format!("{} s", line.refill_secs),
        instant(next),
    ]
}

fn name_row(name: &FailingName) -> Vec<String> {
    vec![
        name.name.clone(),
        format!("{} of {}", name.failures, name.left_alone_after),
        instant(name.left_alone_until),
        dash(name.unpause_url.as_deref().unwrap_or_default()),
    ]
}

fn about_order(order: &OrderBudget) -> String {
    let names: Vec<&str> = order.domains.iter().map(|name| name.as_str()).collect();
    let names = names.join(", ");
    match &order.reason {
        Some(reason) => format!(
            "An order of {names} would wait until {}: {reason}.",
            order.ready_at
        ),
        None => format!("An order of {names} can be placed now."),
    }
}

fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "now".to_owned(), |at| at.to_string())
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_and_a_mistake_explained() {
        let read = |text| setting(text).map(|(word, set)| (word, set.burst, set.refill_secs));

        assert_eq!(read("a=300/36s").unwrap(), ("a".to_owned(), 300, 36));
        assert_eq!(read("a=0").unwrap(), ("a".to_owned(), 0, 0));
        for wrong in ["a", "a=x/1", "a=5", "a=5/0"] {
            assert!(format!("{:#}", read(wrong).unwrap_err()).contains("LIMIT=TOKENS/SECONDS"));
        }
    }
}
