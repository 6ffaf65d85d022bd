//! `evercert ca-vendor certificates`, `select`, `deselect`: what is renewed through a vendor.

use std::process::ExitCode;

use anyhow::Result;
use evercert_api::ca_vendors::{ScannedCertificate, VendorCertificates};
use serde_json::Value;

use super::path;
use crate::client::{Client, segment};
use crate::output::{self, Output};

/// Certificates in one answer.
const PAGE: u32 = 500;

/// Lists them all, however many pages that takes.
pub(super) async fn list(client: &Client, name: &str, output: Output) -> Result<ExitCode> {
    let base = format!("{}/certificates?limit={PAGE}", path(name));
    let mut all: VendorCertificates = client.get(&base).await?;
    while let Some(cursor) = all.next.take() {
        let page: VendorCertificates = client
            .get(&format!("{base}&cursor={}", segment(&cursor)))
            .await?;
        all.selected.extend(page.selected);
        all.offered.extend(page.offered);
        all.other.extend(page.other);
        all.next = page.next;
    }
    print(&all, output)
}

/// Adds or removes certificates, and shows how it is then.
pub(super) async fn select(
    client: &Client,
    name: &str,
    selection: &Value,
    output: Output,
) -> Result<ExitCode> {
    let path = format!("{}/certificates", path(name));
    let found: VendorCertificates = client.post(&path, selection).await?;
    print(&found, output)
}

fn print(found: &VendorCertificates, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(found)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&format!("{}\n\n", super::show::counts(&found.counts)))?;
    let rows: Vec<Vec<String>> = [
        ("selected", &found.selected),
        ("offered", &found.offered),
        ("other CA", &found.other),
    ]
    .into_iter()
    .flat_map(|(group, list)| list.iter().map(move |one| row(group, one)))
    .collect();
    output::table(
        &["NAME", "GROUP", "STORE", "RENEWAL", "EXPIRES", "ISSUER"],
        &rows,
    )?;
    if found.mapped_elsewhere > 0 {
        eprintln!(
            "{} mapped to other vendors are not listed; remove them there first",
            found.mapped_elsewhere
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn row(group: &str, one: &ScannedCertificate) -> Vec<String> {
    let issuer = one.ca.clone().or_else(|| one.issuer.clone());
    vec![
        one.name.clone(),
        group.to_owned(),
        one.store.to_string(),
        one.renewal_mode.to_string(),
        one.not_after.map(output::relative).unwrap_or_default(),
        issuer.unwrap_or_else(|| "not issued yet".to_owned()),
    ]
}
