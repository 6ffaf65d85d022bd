//! `evercert cert preflight`: whether an order would succeed, as a check list.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use evercert_api::preflight::{
    PreflightCheck, PreflightOptions, PreflightOutcome, PreflightReport, PreflightRequest,
};
use evercert_types::KeyAlgorithm;

use crate::client::{Client, segment};
use crate::output::{self, Output};

#[derive(clap::Args)]
pub(super) struct Preflight {
    /// Name of a certificate whose next renewal is tried; else give --domain and --vendor.
    #[arg(required_unless_present = "domains", conflicts_with = "domains")]
    name: Option<String>,
    /// A name to try; may be given more than once.
    #[arg(long = "domain", value_name = "D", requires = "vendor")]
    domains: Vec<String>,
    /// CA vendor; for a certificate: another one than its own.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
    /// Key algorithm; may be given twice.
    #[arg(long = "key", value_name = "ALGORITHM", conflicts_with = "name")]
    keys: Vec<KeyAlgorithm>,
    /// ACME profile.
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    profile: Option<String>,
    /// How names are proved: dns-01, dns-01-manual, http-01 or tls-alpn-01.
    #[arg(long, value_name = "TYPE", conflicts_with = "name")]
    challenge: Option<String>,
    /// DNS provider for all names; default by domain mapping.
    #[arg(long, value_name = "P", conflicts_with = "name")]
    provider: Option<String>,
    /// Do not write and remove a TXT value at each challenge name.
    #[arg(long)]
    no_write: bool,
}

/// Asks for the checks and prints them; fails when one failed.
pub(super) async fn run(client: &Client, args: Preflight, output: Output) -> Result<ExitCode> {
    let write = Some(!args.no_write);
    let report: PreflightReport = match args.name {
        Some(name) => {
            let path = format!("/certificates/{}/preflight", segment(&name));
            let vendor = args.vendor;
            client
                .post(&path, &PreflightOptions { vendor, write })
                .await?
        }
        None => {
            let request = PreflightRequest {
                domains: args.domains,
                ips: Vec::new(),
                vendor: args.vendor.unwrap_or_default(),
                keys: args.keys,
                profile: args.profile,
                challenge: args.challenge,
                provider: args.provider,
                write,
            };
            client.post("/certificates/preflight", &request).await?
        }
    };
    if output == Output::Json {
        output::json(&report)?;
    } else {
        let marks = if std::io::stdout().is_terminal() {
            &TERMINAL
        } else {
            &PLAIN
        };
        output::print(&render(&report, marks))?;
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Signs for passed, warning, failed, skipped; and before a remedy.
struct Marks([&'static str; 4], &'static str);

const TERMINAL: Marks = Marks(["✓", "!", "✗", "-"], "→");
const PLAIN: Marks = Marks(["ok    ", "WARN  ", "FAILED", "-     "], "->");

fn render(report: &PreflightReport, marks: &Marks) -> String {
    let titles = report.checks.iter().map(title);
    let width = titles.map(|title| title.chars().count()).max().unwrap_or(0);
    let lines = report.checks.iter().map(|check| line(check, width, marks));
    let lines: String = lines.collect();
    let verdict = match (report.failed, report.warnings) {
        (0, 0) => "an order can be placed".to_owned(),
        (0, warnings) => format!("an order can be placed; warnings: {warnings}"),
        (failed, warnings) => {
            format!("an order would fail; failed: {failed}, warnings: {warnings}")
        }
    };
    format!("{lines}{verdict}\n")
}

fn title(check: &PreflightCheck) -> String {
    match &check.domain {
        Some(domain) => format!("{} {domain}", check.name),
        None => check.name.clone(),
    }
}

fn line(check: &PreflightCheck, width: usize, Marks(marks, arrow): &Marks) -> String {
    let mark = match check.outcome {
        PreflightOutcome::Passed => marks[0],
        PreflightOutcome::Warning => marks[1],
        PreflightOutcome::Failed => marks[2],
        PreflightOutcome::Skipped => marks[3],
    };
    let mut line = format!("{mark} {:<width$}  {}\n", title(check), check.detail);
    if let Some(remedy) = &check.remedy {
        let indent = mark.chars().count() + 1 + width;
        line += &format!("{:indent$}  {arrow} {remedy}\n", "");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: PreflightOutcome, remedy: Option<&str>) -> PreflightCheck {
        PreflightCheck {
            name: "zone".to_owned(),
            domain: Some("a.example".to_owned()),
            outcome,
            detail: "what was found".to_owned(),
            known_as: None,
            remedy: remedy.map(str::to_owned),
            duration_ms: 1,
        }
    }

    #[test]
    fn checks_are_a_list_with_remedies_beneath() {
        let report = PreflightReport {
            ok: false,
            failed: 1,
            warnings: 0,
            checks: vec![
                check(PreflightOutcome::Passed, None),
                check(PreflightOutcome::Failed, Some("do this")),
            ],
            at: jiff::Timestamp::UNIX_EPOCH,
        };

        assert_eq!(
            render(&report, &TERMINAL),
            "✓ zone a.example  what was found\n\
             ✗ zone a.example  what was found\n\
             \u{20}                 → do this\n\
             an order would fail; failed: 1, warnings: 0\n"
        );
        let plain = render(&report, &PLAIN);
        assert!(plain.is_ascii() && plain.contains("FAILED zone"), "{plain}");
    }
}
