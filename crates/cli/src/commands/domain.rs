//! `evercert domain`: which DNS provider answers for which domain.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::dns_providers::DomainMapping;
use evercert_types::DomainName;
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
        domain: DomainName,
        /// Name of the DNS provider.
        #[arg(long, value_name = "NAME")]
        provider: String,
    },
    /// Remove a mapping; renewals of names under it stop until it is mapped again.
    Unmap {
        /// The domain.
        domain: DomainName,
    },
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::List => {
            let page: Page<DomainMapping> = client.get("/domain-mappings").await?;
            if output == Output::Json {
                output::json(&page)?;
                return Ok(ExitCode::SUCCESS);
            }
            table(&page.items)
        }
        Action::Map { domain, provider } => {
            let mapping: DomainMapping = client
                .post(
                    "/domain-mappings",
                    &json!({ "domain": domain, "provider": provider }),
                )
                .await?;
            if output == Output::Json {
                output::json(&mapping)?;
                return Ok(ExitCode::SUCCESS);
            }
            table(&[mapping])
        }
        Action::Unmap { domain } => {
            client
                .delete(&format!(
                    "/domain-mappings/{}",
                    segment(&domain.to_string())
                ))
                .await?;
            eprintln!("unmapped {domain}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn table(mappings: &[DomainMapping]) -> Result<ExitCode> {
    let rows: Vec<_> = mappings
        .iter()
        .map(|m| vec![m.domain.to_string(), m.provider.clone()])
        .collect();
    output::table(&["DOMAIN", "PROVIDER"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
