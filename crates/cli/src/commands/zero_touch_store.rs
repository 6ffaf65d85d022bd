//! `evercert zero-touch-store`: the store as a whole.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::store::{PurgeIntent, ZeroTouchStore};

use crate::client::ClientArgs;
use crate::output::{self, Output};

/// `evercert zero-touch-store`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Say that a great deletion is meant: instances refuse to remove more than a fifth of their set otherwise.
    IntendPurge {
        /// For how long it stands, at most 24h; default 1h.
        #[arg(long, value_name = "SPAN")]
        expires_in: Option<String>,
    },
    /// Show where the store stands.
    Show,
    /// Take the word back: instances refuse great deletions again.
    WithdrawPurge,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    const PURGE: &str = "/zero-touch-store/purge-intent";
    let (client, output) = (args.client.connect()?, args.client.output);
    let store: ZeroTouchStore = match args.action {
        Action::IntendPurge { expires_in } => {
            client.post(PURGE, &PurgeIntent { expires_in }).await?
        }
        Action::Show => client.get("/zero-touch-store").await?,
        Action::WithdrawPurge => {
            client.delete(PURGE).await?;
            client.get("/zero-touch-store").await?
        }
    };
    if output == Output::Json {
        output::json(&store)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::fields(&[
        ("Revision", store.revision.to_string()),
        ("Items", store.items.to_string()),
        ("Epoch", store.epoch.to_string()),
        (
            "Great deletions",
            store.purge_intended_until.map_or_else(
                || "are refused by instances".to_owned(),
                |until| format!("are meant, until {}", output::time(until)),
            ),
        ),
    ])?;
    Ok(ExitCode::SUCCESS)
}
