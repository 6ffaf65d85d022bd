//! Taking back what a CA has signed: `cert revoke`.

use std::process::ExitCode;

use anyhow::Result;
use evercert_api::operations::Operation;
use evercert_api::revocations::{RevocationReason, RevokeRequest};
use evercert_types::KeyAlgorithm;

use super::confirmed;
use super::issue::{Wait, follow};
use crate::client::{Client, segment};
use crate::output::Output;

/// `cert revoke`.
#[derive(clap::Args)]
pub(crate) struct Revoke {
    /// Name of the certificate.
    name: String,
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
    vendor: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: Wait,
}

/// Asks for a revocation.
pub(crate) async fn revoke(client: &Client, revoke: Revoke, output: Output) -> Result<ExitCode> {
    let effect = match revoke.replace {
        true => "revokes it once its replacement is in force",
        false => "revokes it now; instances stop serving it",
    };
    if !revoke.yes && !confirmed(&format!("This {effect}"), &revoke.name)? {
        eprintln!("nothing was revoked");
        return Ok(ExitCode::FAILURE);
    }
    let request = RevokeRequest {
        reason: revoke.reason,
        generation: revoke.generation,
        key: revoke.key,
        replace: revoke.replace,
        vendor: revoke.vendor,
    };
    let path = format!("/certificates/{}/revoke", segment(&revoke.name));
    let operation: Operation = client.post(&path, &request).await?;
    follow(client, operation, &revoke.wait, output).await
}
