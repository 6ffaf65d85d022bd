//! `evercert domain`: which DNS provider answers for which domain.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::dns_providers::{Delegation, DelegationQuery, DomainMapping, UnmappedDomain};
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
    /// Say which CNAME records delegate challenge names, and look whether they are there and lead to a mapped zone.
    Delegation {
        /// The names that certificates are for.
        #[arg(required = true)]
        names: Vec<DomainName>,
        /// The zone to delegate to; default the Console's.
        #[arg(long)]
        zone: Option<DomainName>,
    },
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
        Action::Delegation { names, zone } => {
            let query = DelegationQuery {
                domains: names,
                zone,
            };
            let page: Page<Delegation> = client.post("/delegations/check", &query).await?;
            delegations(&page, output)
        }
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
            let path = format!("/domain-mappings/{}", segment(&domain.to_string()));
            let unmapped: UnmappedDomain = client.delete_for(&path).await?;
            if output == Output::Json {
                output::json(&unmapped)?;
                return Ok(ExitCode::SUCCESS);
            }
            eprintln!("unmapped {domain}");
            super::dns_provider::tell_blocked(&unmapped.blocked);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn delegations(page: &Page<Delegation>, output: Output) -> Result<ExitCode> {
    let code = match page.items.iter().all(|one| one.ok) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    if output == Output::Json {
        output::json(page)?;
        return Ok(code);
    }
    for one in &page.items {
        let mark = if one.ok { "ok  " } else { "FAIL" };
        output::print(&format!("{mark}  {}: {}\n", one.domain, one.detail))?;
        if let Some(remedy) = &one.remedy {
            output::print(&format!("      → {remedy}\n"))?;
        }
    }
    Ok(code)
}

fn table(mappings: &[DomainMapping]) -> Result<ExitCode> {
    let rows: Vec<_> = mappings
        .iter()
        .map(|m| vec![m.domain.to_string(), m.provider.clone()])
        .collect();
    output::table(&["DOMAIN", "PROVIDER"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
