//! `evercert domain`: which DNS provider answers for which domain.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::dns_providers::{
    Delegation, DelegationQuery, DomainMapping, NewDomainMappings, NewlyMapped, UnmappedDomain,
};
use evercert_types::DomainName;

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
    /// Map domains, and all names under them, to a DNS provider that has their zones.
    Map {
        /// The domains; the longest mapped one that holds a name decides.
        #[arg(required = true)]
        domains: Vec<DomainName>,
        /// Name of the DNS provider.
        #[arg(long, value_name = "NAME")]
        provider: String,
        /// Map without asking the provider whether it has the zones: it cannot say, or does not answer now.
        #[arg(long)]
        force: bool,
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
        Action::Map {
            domains,
            provider,
            force,
        } => {
            let wanted = NewDomainMappings {
                domain: None,
                domains,
                provider,
                skip_test: force,
            };
            let mapped: NewlyMapped = client.post("/domain-mappings", &wanted).await?;
            if output == Output::Json {
                output::json(&mapped)?;
                return Ok(ExitCode::SUCCESS);
            }
            newly_mapped(&mapped)
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

fn newly_mapped(mapped: &NewlyMapped) -> Result<ExitCode> {
    let rows: Vec<_> = (mapped.mapped.iter())
        .map(|one| {
            vec![
                one.domain.to_string(),
                mapped.first.provider.clone(),
                one.zone.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(&["DOMAIN", "PROVIDER", "ZONE"], &rows)?;
    for warning in mapped.mapped.iter().flat_map(|one| &one.warnings) {
        eprintln!("warning: {warning}");
    }
    Ok(ExitCode::SUCCESS)
}

fn table(mappings: &[DomainMapping]) -> Result<ExitCode> {
    let rows: Vec<_> = mappings
        .iter()
        .map(|m| vec![m.domain.to_string(), m.provider.clone()])
        .collect();
    output::table(&["DOMAIN", "PROVIDER"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
