//! `evercert ca-vendor`: the CAs that issue.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::ca_vendors::{CaVendor, TestReport};
use serde_json::json;

use super::ca_limits;
use crate::client::{Client, ClientArgs, segment};
use crate::output::{self, Output};

/// `evercert ca-vendor`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Connect to a CA, register the account, and save both.
    Add(Add),
    /// Show what a CA allows, what is used of it, and which orders wait; or set limits of your own.
    Limits(ca_limits::Limits),
    /// List the CA vendors.
    List,
    /// Remove a CA vendor that no certificate uses.
    Remove {
        /// Name of the vendor.
        name: String,
    },
    /// Show one CA vendor and what its directory offers.
    Show {
        /// Name of the vendor.
        name: String,
    },
    /// Connect again, step by step.
    Test {
        /// Name of the vendor.
        name: String,
    },
}

#[derive(clap::Args)]
struct Add {
    /// Unique name, such as `lets-encrypt`.
    name: String,
    /// The CA's ACME directory, https.
    #[arg(long, value_name = "URL")]
    directory_url: String,
    /// Contact address of the account.
    #[arg(long, value_name = "E")]
    email: Option<String>,
    /// PEM file of the roots for the directory's own TLS certificate; default: the system's.
    #[arg(long, value_name = "PEM")]
    ca_bundle: Option<PathBuf>,
    /// Key id of the external account binding, where the CA wants one.
    #[arg(long, requires = "eab_hmac_file", value_name = "K")]
    eab_kid: Option<String>,
    /// File with the binding's HMAC key, as the CA shows it (base64url).
    #[arg(long, requires = "eab_kid", value_name = "FILE")]
    eab_hmac_file: Option<PathBuf>,
    /// Renew this long before expiry, such as 30d; default: a third of the lifetime.
    #[arg(long, value_name = "SPAN")]
    renew_before: Option<String>,
    /// ACME profile to ask for.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Common name of the topmost issuer wanted among alternate chains.
    #[arg(long, value_name = "CN")]
    preferred_chain: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::Add(add) => {
            let vendor: CaVendor = client.post("/ca-vendors", &body(&add)?).await?;
            show(&vendor, output)
        }
        Action::Limits(args) => ca_limits::run(&client, output, &args).await,
        Action::List => list(&client, output).await,
        Action::Remove { name } => {
            client
                .delete(&format!("/ca-vendors/{}", segment(&name)))
                .await?;
            eprintln!("removed {name}");
            Ok(ExitCode::SUCCESS)
        }
        Action::Show { name } => {
            let vendor: CaVendor = client
                .get(&format!("/ca-vendors/{}", segment(&name)))
                .await?;
            show(&vendor, output)
        }
        Action::Test { name } => {
            let path = format!("/ca-vendors/{}/test", segment(&name));
            let report: TestReport = client.post(&path, &json!({})).await?;
            test_report(&report, output)
        }
    }
}

fn body(add: &Add) -> Result<serde_json::Value> {
    let read = |option: &str, file: &Option<PathBuf>| -> Result<Option<String>> {
        file.as_ref()
            .map(|file| {
                std::fs::read_to_string(file)
                    .with_context(|| format!("reading {option} {}", file.display()))
            })
            .transpose()
    };
    Ok(json!({
        "name": add.name,
        "directory_url": add.directory_url,
        "email": add.email,
        "ca_bundle": read("--ca-bundle", &add.ca_bundle)?,
        "eab_kid": add.eab_kid,
        "eab_hmac": read("--eab-hmac-file", &add.eab_hmac_file)?.map(|text| text.trim().to_owned()),
        "renew_before": add.renew_before,
        "profile": add.profile,
        "preferred_chain": add.preferred_chain,
    }))
}

async fn list(client: &Client, output: Output) -> Result<ExitCode> {
    let page: Page<CaVendor> = client.get("/ca-vendors").await?;
    if output == Output::Json {
        output::json(&page)?;
    } else {
        let rows: Vec<_> = page
            .items
            .iter()
            .map(|v| {
                vec![
                    v.name.clone(),
                    v.certificates.to_string(),
                    renewal(v),
                    v.directory_url.clone(),
                ]
            })
            .collect();
        output::table(&["NAME", "CERTIFICATES", "RENEWS", "DIRECTORY"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn renewal(vendor: &CaVendor) -> String {
    let plain = vendor.renew_before.as_ref().map_or_else(
        || "at 2/3 of lifetime".to_owned(),
        |span| format!("{span} before expiry"),
    );
    if vendor.capabilities.ari {
        format!("{plain}, or when the CA says (ARI)")
    } else {
        plain
    }
}

fn show(vendor: &CaVendor, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(vendor)?;
        return Ok(ExitCode::SUCCESS);
    }
    let offers = &vendor.capabilities;
    output::fields(&[
        ("Name", vendor.name.clone()),
        ("Directory", vendor.directory_url.clone()),
        ("Account", vendor.account_url.clone().unwrap_or_default()),
        ("E-mail", vendor.email.clone().unwrap_or_default()),
        ("Renews", renewal(vendor)),
        ("Profile", vendor.profile.clone().unwrap_or_default()),
        ("Profiles on offer", offers.profiles.join(", ")),
        (
            "Preferred chain",
            vendor.preferred_chain.clone().unwrap_or_default(),
        ),
        (
            "Terms of service",
            offers.terms_of_service.clone().unwrap_or_default(),
        ),
        ("CAA identities", offers.caa_identities.join(", ")),
        ("Certificates", vendor.certificates.to_string()),
        ("Added", output::time(vendor.created_at)),
    ])?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a test step by step; fails when a step failed.
pub(crate) fn test_report(report: &TestReport, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(report)?;
    } else {
        for step in &report.steps {
            let mark = if step.ok { "ok    " } else { "FAILED" };
            output::print(&format!(
                "{mark}  {} ({} ms): {}\n",
                step.name, step.duration_ms, step.detail
            ))?;
            if let Some(remedy) = step.remedy.as_deref().filter(|_| !step.ok) {
                output::print(&format!("        → {remedy}\n"))?;
            }
        }
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
