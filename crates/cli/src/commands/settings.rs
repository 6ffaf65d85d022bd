//! `evercert settings`: what holds for the whole Console.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::renewals::RenewalSettings;

use crate::client::ClientArgs;
use crate::output::{self, Output};

/// `evercert settings`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show or change what holds for all renewals; without options, show it.
    Renewal(Renewal),
}

#[derive(clap::Args)]
struct Renewal {
    /// When renewals may run, such as "Sat,Sun 02:00-05:00 Europe/Zurich; daily 22:00-04:00 UTC"; "" for always.
    #[arg(long, value_name = "WINDOW")]
    maintenance: Option<String>,
    /// Nothing puts a renewal off until less than this is left, such as 24h; "" for a tenth of the lifetime, a day
    /// at most.
    #[arg(long, value_name = "SPAN")]
    safety_limit: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    let Action::Renewal(wanted) = args.action;
    let mut settings: RenewalSettings = client.get("/settings/renewal").await?;
    if wanted.maintenance.is_some() || wanted.safety_limit.is_some() {
        settings = RenewalSettings {
            maintenance: wanted.maintenance.or(settings.maintenance),
            safety_limit: wanted.safety_limit.or(settings.safety_limit),
        };
        settings = client.put("/settings/renewal", &settings).await?;
    }
    if output == Output::Json {
        output::json(&settings)?;
        return Ok(ExitCode::SUCCESS);
    }
    let or = |text: Option<String>, default: &str| text.unwrap_or_else(|| default.to_owned());
    output::fields(&[
        ("Maintenance window", or(settings.maintenance, "always")),
        (
            "Safety limit",
            or(
                settings.safety_limit,
                "a tenth of the lifetime, 24h at most",
            ),
        ),
    ])?;
    Ok(ExitCode::SUCCESS)
}
