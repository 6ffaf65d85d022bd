//! `evercert audit`: who did what.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::users::{AuditEntry, AuditVerification};

use crate::client::ClientArgs;
use crate::output::{self, Output};

/// `evercert audit`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List who did what, newest last.
    List {
        /// How many entries at most, 1 to 500.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
    },
    /// Check that no entry was changed or removed; exit 1 when one was.
    Verify,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::List { limit } => {
            let page: Page<AuditEntry> = client.get(&format!("/audit?limit={limit}")).await?;
            if output == Output::Json {
                output::json(&page)?;
            } else {
                let rows: Vec<_> = page.items.iter().rev().map(row).collect();
                output::table(&["AT", "WHO", "WHAT", "ON"], &rows)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Verify => {
            let found: AuditVerification = client.get("/audit/verify").await?;
            if output == Output::Json {
                output::json(&found)?;
            } else {
                output::print(&verdict(&found))?;
            }
            Ok(if found.ok {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

fn row(entry: &AuditEntry) -> Vec<String> {
    vec![
        output::time(entry.at),
        entry.actor.clone(),
        entry.action.clone(),
        entry.subject.clone(),
    ]
}

fn verdict(found: &AuditVerification) -> String {
    if found.ok {
        return format!("{} entries, all as they were written\n", found.verified);
    }
    format!(
        "entry {} is not as it was written: {}; {} before it are good\n",
        found
            .broken_seq
            .map_or_else(|| "?".to_owned(), |n| n.to_string()),
        found.reason.as_deref().unwrap_or("no reason was given"),
        found.verified
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_entry_is_named() {
        let found = AuditVerification {
            ok: false,
            verified: 6,
            broken_seq: Some(7),
            reason: Some("its hash is another".into()),
        };

        let text = verdict(&found);

        assert!(
            text.contains("entry 7") && text.contains("its hash is another"),
            "{text}"
        );
    }
}
