//! Trying a vendor step by step: directory, nonce, account.

use std::time::Instant;

use evercert_acme::{AcmeError, Client, Problem, ProblemKind};
use evercert_api::ca_vendors::{TestReport, TestStep};
use evercert_db::vendors::Vendor;

use super::named;
use crate::lifecycle::failure::{Failure, Stage};
use crate::lifecycle::{LifecycleError, acme_clients};
use crate::state::Console;

/// Tries a vendor step by step: directory, nonce, account.
///
/// # Errors
/// When there is no such vendor, or the database fails; what the CA does is in the report.
pub async fn test_vendor(console: &Console, name: &str) -> Result<TestReport, LifecycleError> {
    let vendor = named(console, name).await?;
    let mut report = TestReport {
        ok: false,
        steps: Vec::new(),
    };
    let start = Instant::now();
    let connected = acme_clients::connect(console, &vendor).await;
    let detail = |client: &Client| format!("read {}", client.directory().url);
    let Some(client) = step(&mut report, "directory", start, connected, detail) else {
        return Ok(report);
    };
    acme_clients::save_capabilities(console, &vendor, &client).await?;
    let start = Instant::now();
    let probed = client.probe().await;
    if step(&mut report, "nonce", start, probed, |()| {
        "the CA gives nonces".to_owned()
    })
    .is_none()
    {
        return Ok(report);
    }
    let start = Instant::now();
    let account = find_account(console, &client, &vendor).await;
    report.steps.push(match &account {
        Ok(url) => passed("account", start, url.clone()),
        Err(failure) => not_passed("account", start, failure),
    });
    report.ok = account.is_ok();
    if report.ok {
        // What orders use may be older than what was just found to work.
        console.acme.forget(vendor.id);
    }
    Ok(report)
}

/// The URL of the vendor's account, which the CA must know; one that was never registered is now.
async fn find_account(
    console: &Console,
    client: &Client,
    vendor: &Vendor,
) -> Result<String, Failure> {
    let saved = console.db.account_of(vendor.id).await?;
    let saved = saved.ok_or_else(|| Failure::vendor_missing(vendor.id))?;
    let account = acme_clients::register(console, client, vendor, &saved).await?;
    if saved.url.is_some() {
        acme_clients::find(client, account.key())
            .await
            .map_err(|error| Failure::acme(Stage::Account, &error))?;
        // Some CAs do not show accounts; but what they want the holder to do, they say at every request.
        if let Err(error) = account.fetch_details().await
            && error.problem().map(Problem::kind) == Some(ProblemKind::UserActionRequired)
        {
            return Err(Failure::acme(Stage::Account, &error));
        }
    }
    Ok(account.url().to_owned())
}

fn step<T>(
    report: &mut TestReport,
    name: &str,
    start: Instant,
    outcome: Result<T, AcmeError>,
    detail: impl FnOnce(&T) -> String,
) -> Option<T> {
    let (step, value) = match outcome {
        Ok(value) => (passed(name, start, detail(&value)), Some(value)),
        Err(error) => {
            let failure = Failure::acme(Stage::Account, &error);
            (not_passed(name, start, &failure), None)
        }
    };
    report.steps.push(step);
    value
}

/// A step that passed.
pub(crate) fn passed(name: &str, start: Instant, detail: String) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: true,
        skipped: false,
        detail,
        remedy: None,
        duration_ms: millis(start),
    }
}

/// A step that failed, in the words that adding the vendor has for it.
fn not_passed(name: &str, start: Instant, failure: &Failure) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: false,
        skipped: false,
        detail: failure.message.clone(),
        remedy: failure.remedy.clone(),
        duration_ms: millis(start),
    }
}

/// Time passed, in whole milliseconds.
pub(crate) fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
