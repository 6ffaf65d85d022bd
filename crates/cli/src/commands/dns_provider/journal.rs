//! `evercert dns-provider journal`: values that were written and are not removed yet.

use std::process::ExitCode;

use anyhow::Result;
use evercert_api::Page;
use evercert_api::txt_journal::{JournalRetry, JournalValue, JournalValueState};
use serde_json::json;

use crate::client::{Client, segment};
use crate::output::{self, Output};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Name of the provider.
    name: String,
    /// Try at once to remove the values whose removal failed.
    #[arg(long)]
    retry: bool,
}

pub(super) async fn run(client: &Client, args: &Args, output: Output) -> Result<ExitCode> {
    let path = format!("/dns-providers/{}/journal", segment(&args.name));
    if args.retry {
        let tried: JournalRetry = client.post(&format!("{path}/retry"), &json!({})).await?;
        return tell_tried(tried, output);
    }
    let page: Page<JournalValue> = client.get(&path).await?;
    if output == Output::Json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    output::table(
        &["NAME", "VALUE", "STATE", "SINCE", "NEXT TRY", "LAST ERROR"],
        &rows,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn tell_tried(tried: JournalRetry, output: Output) -> Result<ExitCode> {
    match (output, tried.values) {
        (Output::Json, _) => output::json(&tried)?,
        (_, 0) => output::print("no value is left to be removed\n")?,
        (_, 1) => output::print("1 value is tried to be removed again\n")?,
        (_, many) => output::print(&format!("{many} values are tried to be removed again\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn row(value: &JournalValue) -> Vec<String> {
    let state = match value.state {
        JournalValueState::Intended => "intended".to_owned(),
        JournalValueState::Written => "written".to_owned(),
        JournalValueState::NotRemoved => format!("not removed ({} attempts)", value.attempts),
    };
    vec![
        value.name.clone(),
        value.value.clone(),
        state,
        value.created_at.to_string(),
        value
            .next_try_at
            .map_or_else(String::new, |at| at.to_string()),
        value.last_error.clone().unwrap_or_default(),
    ]
}
