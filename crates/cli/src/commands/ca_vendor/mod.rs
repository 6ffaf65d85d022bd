//! `evercert ca-vendor`: the CAs that issue.

mod certificates;
mod edit;
mod settings;
mod show;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::ca_vendors::{AddedCaVendor, CaVendor, TestReport, VendorType};
use serde_json::json;

use super::ca_limits;
use crate::client::{Client, ClientArgs, segment};

pub(crate) use self::show::test_report;

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
    /// Connect to a CA, register the account, save both, and scan the certificates of both stores.
    Add(settings::Add),
    /// List the certificates renewed through a vendor, those its CA issued, and the others.
    Certificates {
        /// Name of the vendor.
        name: String,
    },
    /// Take certificates from a vendor: they are renewed by hand then.
    Deselect {
        /// Name of the vendor.
        name: String,
        /// Names of certificates.
        #[arg(required = true)]
        certificates: Vec<String>,
    },
    /// Change a vendor; the CA is asked first, and nothing is changed when it refuses.
    Edit(edit::Edit),
    /// Show what a CA allows, what is used of it, and which orders wait; or set limits of your own.
    Limits(ca_limits::Limits),
    /// List the CA vendors.
    List,
    /// Remove a CA vendor that no certificate uses.
    Remove {
        /// Name of the vendor.
        name: String,
        /// Also close the account at the CA, for good.
        #[arg(long)]
        deactivate_account: bool,
    },
    /// Give the vendor's account at the CA a new key.
    RotateAccountKey {
        /// Name of the vendor.
        name: String,
    },
    /// Renew certificates through a vendor, automatically.
    Select {
        /// Name of the vendor.
        name: String,
        /// Names of certificates.
        #[arg(required = true)]
        certificates: Vec<String>,
        /// Let certificates of another CA come from this one at their next renewal.
        #[arg(long)]
        confirm_vendor_change: bool,
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
    /// List the CAs that are known, with their directories and peculiarities.
    Types {
        /// Code of one type, to show all that is known of it.
        code: Option<String>,
    },
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::Add(add) => {
            let added: AddedCaVendor = client.post("/ca-vendors", &add.body()?).await?;
            show::added(&added, output)
        }
        Action::Certificates { name } => certificates::list(&client, &name, output).await,
        Action::Deselect { name, certificates } => {
            let body = json!({ "remove": certificates });
            certificates::select(&client, &name, &body, output).await
        }
        Action::Edit(edit) => {
            let vendor: CaVendor = client.patch(&path(edit.name()), &edit.body()?).await?;
            show::vendor(&vendor, output)
        }
        Action::Limits(args) => ca_limits::run(&client, output, &args).await,
        Action::List => {
            let page: Page<CaVendor> = client.get("/ca-vendors").await?;
            show::list(&page, output)
        }
        Action::Remove {
            name,
            deactivate_account,
        } => remove(&client, &name, deactivate_account).await,
        Action::RotateAccountKey { name } => {
            let path = format!("{}/rotate-account-key", path(&name));
            let vendor: CaVendor = client.post(&path, &json!({})).await?;
            show::vendor(&vendor, output)
        }
        Action::Select {
            name,
            certificates,
            confirm_vendor_change,
        } => {
            let body =
                json!({ "add": certificates, "confirm_vendor_change": confirm_vendor_change });
            certificates::select(&client, &name, &body, output).await
        }
        Action::Show { name } => {
            let vendor: CaVendor = client.get(&path(&name)).await?;
            show::vendor(&vendor, output)
        }
        Action::Test { name } => {
            let report: TestReport = client
                .post(&format!("{}/test", path(&name)), &json!({}))
                .await?;
            test_report(&report, output)
        }
        Action::Types { code } => {
            let page: Page<VendorType> = client.get("/ca-vendors/types").await?;
            show::types(page, code.as_deref(), output)
        }
    }
}

async fn remove(client: &Client, name: &str, deactivate_account: bool) -> Result<ExitCode> {
    let query = match deactivate_account {
        true => "?deactivate_account=true",
        false => "",
    };
    client.delete(&format!("{}{query}", path(name))).await?;
    eprintln!("removed {name}");
    Ok(ExitCode::SUCCESS)
}

/// Where a vendor is.
fn path(name: &str) -> String {
    format!("/ca-vendors/{}", segment(name))
}
