//! Waiting for the signal to stop.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Returns at SIGINT or SIGTERM, with the signal's name.
pub(crate) async fn requested() -> Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    })
}
