//! `evercert cert challenges` and `confirm-dns`: how names are proved, and the records that wait for the operator.

use std::process::ExitCode;

use anyhow::Result;
use evercert_api::Page;
use evercert_api::challenges::{ChallengeView, ConfirmChallenges};

use crate::client::{Client, segment};
use crate::output::{self, Output};

/// Lists the challenges of running orders.
pub(super) async fn list(client: &Client, name: &str, output: Output) -> Result<ExitCode> {
    let page: Page<ChallengeView> = client.get(&path(name)).await?;
    print(&page, output)
}

/// Says that the records are there.
pub(super) async fn confirm(
    client: &Client,
    name: &str,
    force: bool,
    output: Output,
) -> Result<ExitCode> {
    let path = format!("{}/confirm", path(name));
    let page: Page<ChallengeView> = client.post(&path, &ConfirmChallenges { force }).await?;
    if output == Output::Table {
        eprintln!("confirmed; the order goes on");
    }
    print(&page, output)
}

/// The records that wait for the operator, as a part of what is shown of a certificate.
pub(super) async fn wanted(client: &Client, name: &str) -> Result<()> {
    let page: Page<ChallengeView> = client.get(&path(name)).await?;
    let waiting: Vec<_> = page
        .items
        .iter()
        .filter(|one| one.waits_for_operator)
        .collect();
    if waiting.is_empty() {
        return Ok(());
    }
    output::print("\nThe order waits for these records of yours\n")?;
    output::table(
        &RECORD,
        &waiting.iter().map(|one| record(one)).collect::<Vec<_>>(),
    )?;
    output::print(&format!(
        "  → it goes on when they are seen, or with `evercert cert confirm-dns {name}`\n"
    ))
}

const RECORD: [&str; 4] = ["NAME", "TYPE", "VALUE", "TTL"];

fn record(one: &ChallengeView) -> Vec<String> {
    one.record.as_ref().map_or_else(Vec::new, |record| {
        vec![
            record.name.clone(),
            record.record_type.clone(),
            record.value.clone(),
            record.ttl.to_string(),
        ]
    })
}

fn path(name: &str) -> String {
    format!("/certificates/{}/challenges", segment(name))
}

fn print(page: &Page<ChallengeView>, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|one| {
            let mut row = vec![
                one.identifier.clone(),
                one.algorithm.to_string(),
                one.kind.clone(),
                one.status.clone(),
            ];
            let record = one.record.as_ref();
            row.push(record.map_or_else(String::new, |record| {
                format!("{} TXT {}", record.name, record.value)
            }));
            row
        })
        .collect();
    output::table(&["NAME", "KEY", "CHALLENGE", "STATUS", "RECORD"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
