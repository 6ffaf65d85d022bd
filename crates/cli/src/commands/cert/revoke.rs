//! Taking back what a CA has signed: `cert revoke`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use evercert_api::bulk::{BulkAction, BulkRequest};
use evercert_api::operations::Operation;
use evercert_api::revocations::{RevocationReason, RevokeRequest};
use evercert_types::KeyAlgorithm;

use super::bulk::{self, Which};
use super::confirmed;
use super::issue::{Wait, follow};
use crate::client::{Client, segment};
use crate::output::Output;

/// `cert revoke`.
#[derive(clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    which: Which,
    /// Why: unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation.
    #[arg(long, default_value = "unspecified", value_name = "REASON")]
    reason: RevocationReason,
    /// Which generation; default the one in force.
    #[arg(long, value_name = "N")]
    generation: Option<i64>,
    /// Only this key algorithm.
    #[arg(long, value_name = "ALGORITHM")]
    key: Option<KeyAlgorithm>,
    /// Order a replacement first, and revoke when that is in force.
    #[arg(long)]
    replace: bool,
    /// The CA vendor that issued it, where the Console does not know.
    #[arg(long, value_name = "V")]
    issued_by: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: Wait,
}

/// Asks for a revocation.
pub(crate) async fn revoke(client: &Client, revoke: Revoke, output: Output) -> Result<ExitCode> {
    let Some(name) = revoke.which.single() else {
        return many(client, &revoke, output).await;
    };
    let effect = match revoke.replace {
        true => "revokes it once its replacement is in force",
        false => "revokes it now; instances stop serving it",
    };
    if !revoke.yes && !confirmed(&format!("This {effect}"), name)? {
        eprintln!("nothing was revoked");
        return Ok(ExitCode::FAILURE);
    }
    let request = RevokeRequest {
        reason: revoke.reason,
        generation: revoke.generation,
        key: revoke.key,
        replace: revoke.replace,
        vendor: revoke.issued_by.clone(),
    };
    let path = format!("/certificates/{}/revoke", segment(name));
    let operation: Operation = client.post(&path, &request).await?;
    follow(client, operation, &revoke.wait, output).await
}

/// Of many, each is replaced first: revoking many at once without that is an outage.
async fn many(client: &Client, revoke: &Revoke, output: Output) -> Result<ExitCode> {
    if !revoke.replace {
        bail!("many certificates are revoked with --replace only; else name one");
    }
    if revoke.generation.is_some() || revoke.key.is_some() || revoke.issued_by.is_some() {
        bail!("--generation, --key and --issued-by are for one certificate");
    }
    if !revoke.yes && !revoke.which.dry_run {
        bail!("add --yes to revoke many, or --dry-run to see which");
    }
    let request = BulkRequest {
        reason: revoke.reason,
        ..revoke.which.request(BulkAction::RevokeAndReplace)?
    };
    bulk::send(client, &request, output).await
}
