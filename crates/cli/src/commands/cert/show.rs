//! Reading: `cert show` and `cert log`.

use std::process::ExitCode;

use anyhow::Result;
use evercert_api::Page;
use evercert_api::certificates::{Certificate, Deployment, KeySlot, LogEntry, Version};
use evercert_api::renewals::{Answer, Renewal};
use evercert_api::terms::IssueTerms;
use evercert_types::{KeyCustody, ProfileMode, StoreKind};
use serde_json::json;

use crate::client::{Client, segment};
use crate::output::{self, Output};

/// `cert log`.
#[derive(clap::Args)]
pub(crate) struct Log {
    /// Name of the certificate.
    name: String,
    /// How many entries at most.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Prints one certificate in full.
pub(crate) async fn print(
    client: &Client,
    certificate: &Certificate,
    output: Output,
) -> Result<ExitCode> {
    let path = format!("/certificates/{}", segment(&certificate.name));
    let versions: Page<Version> = client.get(&format!("{path}/versions")).await?;
    let deployments: Page<Deployment> = client.get(&format!("{path}/deployments")).await?;
    if output == Output::Json {
        output::json(&json!({
            "certificate": certificate, "versions": versions.items, "deployments": deployments.items,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    head(certificate)?;
    for slot in &certificate.keys {
        renewal_plan(slot)?;
    }
    super::challenge::wanted(client, &certificate.name).await?;
    if !versions.items.is_empty() {
        output::print("\nVersions\n")?;
        output::table(
            &[
                "KEY",
                "GENERATION",
                "STATE",
                "SERIAL",
                "NOT BEFORE",
                "NOT AFTER",
                "ISSUER",
            ],
            &versions.items.iter().map(version_row).collect::<Vec<_>>(),
        )?;
    }
    if !deployments.items.is_empty() {
        output::print("\nWhere it is served\n")?;
        output::table(
            &[
                "INSTANCE",
                "KEY",
                "GENERATION",
                "STATE",
                "HANDSHAKES",
                "WHY",
            ],
            &deployments
                .items
                .iter()
                .map(deployment_row)
                .collect::<Vec<_>>(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn head(certificate: &Certificate) -> Result<()> {
    let domains: Vec<_> = certificate
        .domains
        .iter()
        .map(ToString::to_string)
        .collect();
    let labels: Vec<_> = certificate
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut fields = vec![
        ("Name", certificate.name.clone()),
        ("Id", certificate.id.to_string()),
        ("Store", store(certificate.store).to_owned()),
        ("State", certificate.state.to_string()),
        ("Domains", domains.join(", ")),
        ("Vendor", certificate.vendor.clone().unwrap_or_default()),
        ("Renewal", certificate.renewal_mode.to_string()),
        ("Scope", certificate.scope.to_string()),
        ("Labels", labels.join(", ")),
        ("Same names as", certificate.duplicates.join(", ")),
        ("Warning", certificate.warnings.join("; ")),
        ("One order with", certificate.shares_orders_with.join(", ")),
    ];
    fields.extend(terms(&certificate.terms));
    output::fields(&fields)
}

/// How it is issued, where that is not the default.
fn terms(terms: &IssueTerms) -> Vec<(&'static str, String)> {
    let ips: Vec<String> = terms.ips.iter().map(ToString::to_string).collect();
    let key = match (terms.custody, terms.csr_pem.is_some()) {
        (KeyCustody::External, _) => "elsewhere; only its CSR is here",
        (KeyCustody::Console, true) => "here, with an uploaded CSR",
        (KeyCustody::Console, false) if terms.reuse_key => "here, kept at renewals",
        (KeyCustody::Console, false) => "here, a new one at each renewal",
    };
    let profile = match (&terms.profile, terms.profile_mode) {
        (Some(profile), ProfileMode::Required) => format!("{profile}, required"),
        (Some(profile), ProfileMode::Preferred) => profile.clone(),
        (None, _) => String::new(),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        ("Addresses", ips.join(", ")),
        ("Key", key.to_owned()),
        ("Subject", terms.subject.to_string()),
        ("Profile", profile),
        ("Preferred chain", text(&terms.preferred_chain)),
        ("Lifetime asked", text(&terms.lifetime)),
        ("DNS provider", text(&terms.dns_provider)),
        (
            "Challenge",
            terms
                .challenge
                .map(|one| one.to_string())
                .unwrap_or_default(),
        ),
        ("Stands in", text(&terms.failover)),
        ("Maintenance", text(&terms.maintenance)),
        (
            "Shared orders",
            if terms.share { "" } else { "no" }.to_owned(),
        ),
    ]
}

fn renewal_plan(slot: &KeySlot) -> Result<()> {
    let mut text = format!("\n{}: ", slot.algorithm);
    text += &match &slot.active {
        None => "not issued yet".to_owned(),
        Some(active) => format!("expires {}", output::relative(active.not_after)),
    };
    match &slot.renewal {
        Some(renewal) => text += &sentences(slot, renewal),
        None => {
            if let Some(due) = slot.due_at {
                text += &format!(", is renewed {}", output::relative(due));
            }
        }
    }
    if let Some(error) = &slot.last_error {
        text += &format!(
            "\n  last attempt failed at {} ({}): {}",
            error.stage, error.class, error.message
        );
        if let Some(remedy) = &error.remedy {
            text += &format!("\n  → {remedy}");
        }
        if let Some(at) = slot.retry_at {
            text += &format!("\n  next try {}", output::relative(at));
        }
    }
    output::print(&(text + "\n"))
}

/// When it is renewed, why then, and what the other rules said.
fn sentences(slot: &KeySlot, renewal: &Renewal) -> String {
    let mut text = match (renewal.due_at, &slot.active) {
        (Some(due), Some(_)) => format!(
            ", is renewed {} ({} UTC), because {}",
            output::relative(due),
            output::time(due),
            renewal.words
        ),
        (Some(_), None) => format!(": {}", renewal.words),
        (None, _) => format!(", is not renewed by itself: {}", renewal.words),
    };
    let mut line = |words: &str| text += &format!("\n  {words}");
    if let Some(words) = &renewal.levelled_words {
        let from = renewal.levelled_from.map(output::time).unwrap_or_default();
        line(&format!("levelled: from {from} UTC, {words}"));
    }
    if let Some(maintenance) = &renewal.maintenance {
        line(&format!(
            "maintenance window {}: {}",
            maintenance.window, maintenance.words
        ));
    }
    if let Some(block) = &renewal.blocked_by {
        line(&format!("now: {}", block.words));
    }
    if let Some(info) = &renewal.renewal_info {
        let next = info
            .next_question
            .map_or_else(|| "not again".to_owned(), output::relative);
        let failed = match info.failures {
            0 => String::new(),
            n => format!(" after {n} useless answers"),
        };
        line(&format!(
            "the CA is asked when to renew (ARI) {next}{failed}"
        ));
    }
    for rule in renewal
        .rules
        .iter()
        .filter(|rule| rule.answer != Answer::Silent)
    {
        let mark = match rule.answer {
            Answer::Decides => "✓",
            Answer::Stops => "■",
            _ => "·",
        };
        let at = rule.window.map_or_else(String::new, |window| {
            format!(" {}", output::time(window.preferred))
        });
        line(&format!("{mark} {}{at}: {}", rule.rule, rule.words));
    }
    text
}

/// The store as it is typed at `--store`.
pub(super) const fn store(store: StoreKind) -> &'static str {
    match store {
        StoreKind::ZeroTouch => "zero-touch",
        StoreKind::Certificate => "certificate",
    }
}

/// A reason of the plan in a word or two.
pub(super) fn word(reason: &str) -> &str {
    match reason {
        "changed" => "changed",
        "floor" => "a week left",
        "forced" => "asked for",
        "lifetime_fraction" => "2/3 of lifetime",
        "renew_before" => "before expiry",
        "renewal_info" => "ARI",
        "safety_limit" => "last moment",
        other => other,
    }
}

fn version_row(version: &Version) -> Vec<String> {
    let state = if version.active {
        format!("{}, active", version.state)
    } else {
        version.state.to_string()
    };
    vec![
        version.algorithm.to_string(),
        version.generation.to_string(),
        state,
        version.serial.clone(),
        output::time(version.not_before),
        output::time(version.not_after),
        version.issuer.clone(),
    ]
}

fn deployment_row(deployment: &Deployment) -> Vec<String> {
    vec![
        deployment.instance.clone(),
        deployment.algorithm.to_string(),
        deployment.generation.to_string(),
        deployment.state.to_string(),
        deployment.handshakes.to_string(),
        deployment.detail.clone().unwrap_or_default(),
    ]
}

/// Prints the issuance and renewal log of a certificate.
pub(crate) async fn log(client: &Client, log: &Log, output: Output) -> Result<ExitCode> {
    let path = format!(
        "/certificates/{}/log?limit={}",
        segment(&log.name),
        log.limit
    );
    let page: Page<LogEntry> = client.get(&path).await?;
    if output == Output::Json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    // The API tells the newest first, a person reads downwards.
    for entry in page.items.iter().rev() {
        let level = if entry.level == "info" {
            String::new()
        } else {
            format!("{}: ", entry.level)
        };
        output::print(&format!(
            "{}  {level}{}\n",
            entry.at.strftime("%Y-%m-%d %H:%M:%S%.3f"),
            entry.message
        ))?;
        if let Some(remedy) = entry.detail.get("remedy").and_then(|r| r.as_str()) {
            output::print(&format!("    → {remedy}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
