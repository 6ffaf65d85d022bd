//! `evercert domain`: which DNS provider answers for which domain.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::dns_providers::DomainMapping;
use serde_json::json;

use crate::client::{ClientArgs, segment};
use crate::output::{self, Output};

/// `evercert domain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the mappings.
    List,
    /// Map a domain, and all names under it, to a DNS provider.
    Map {
        /// The domain; the longest mapped one that holds a name decides.
        domain: String,
        /// Name of the DNS provider.
        #[arg(long)]
        provider: String,
    },
    /// Remove a mapping; renewals of names under it stop until it is mapped again.
    Unmap {
        /// The domain.
        domain: String,
    },
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::List => {
            let page: Page<DomainMapping> = client.get("/domain-mappings").await?;
            rows(&page.items, output)
        }
        Action::Map { domain, provider } => {
            let mapping: DomainMapping = client
                .post(
                    "/domain-mappings",
                    &json!({ "domain": domain, "provider": provider }),
                )
                .await?;
            rows(&[mapping], output)
        }
        Action::Unmap { domain } => {
            client
                .delete(&format!("/domain-mappings/{}", segment(&domain)))
                .await?;
            eprintln!("unmapped {domain}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn rows(mappings: &[DomainMapping], output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(&mappings)?;
    } else {
        let rows: Vec<_> = mappings
            .iter()
            .map(|m| vec![m.domain.to_string(), m.provider.clone()])
            .collect();
        output::table(&["DOMAIN", "PROVIDER"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}
