//! `evercert demo`: the whole journey on one machine.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::demo::check::CheckOptions;
use crate::demo::story::Story;
use crate::demo::world::World;
use crate::{demo, output};

/// `evercert demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Go on with renewals under load, a deletion and an outage; print one JSON line; exit 0 or 1.
    #[arg(long)]
    check: bool,
    /// Keep the demo's state here; default a temporary directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// With --check: how many renewals.
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    renewals: u32,
    /// With --check: how many clients at once.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let story = Story::begin();
    let temporary = match &args.dir {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("evercert-demo-")
                .tempdir()
                .context("making a temporary directory")?,
        ),
    };
    let dir = match (&args.dir, &temporary) {
        (Some(dir), _) => dir.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => unreachable!("one of the two is always there"),
    };
    if args.check {
        let options = CheckOptions {
            renewals: args.renewals,
            clients: args.clients,
        };
        let report = demo::check::run(&story, &dir, options).await;
        output::print(&format!(
            "{}\n",
            serde_json::to_string(&report).context("printing the report")?
        ))?;
        return Ok(if report.ok {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let world = World::start(&story, &dir).await?;
    demo::issue::run(&story, &world).await?;
    demo::invitation::print(&world)?;
    let signal = super::stop::requested().await?;
    eprintln!();
    story.tell(&format!("{signal}: stopping"));
    world.shutdown().await;
    story.tell("stopped cleanly");
    Ok(ExitCode::SUCCESS)
}
