//! `evercert demo`: the whole journey on one machine.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::demo::check::CheckOptions;
use crate::demo::report::Report;
use crate::demo::stage::Stage;
use crate::demo::story::Story;
use crate::demo::world::World;
use crate::{demo, exit, output};

/// `evercert demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Go on with renewals under load, a deletion and an outage; print one JSON line; exit 0 or 1.
    #[arg(long)]
    check: bool,
    /// Keep the demo's state here, in place of what an earlier demo left; default a temporary directory that is removed at the end.
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
    let stage = Stage::set(args.dir.as_deref())?;
    if args.check {
        let options = CheckOptions {
            renewals: args.renewals,
            clients: args.clients,
        };
        return tokio::select! {
            report = demo::check::run(&story, stage.dir(), options) => verdict(&report),
            signal = super::stop::requested() => Ok(interrupted(&story, signal?)),
        };
    }
    let world = tokio::select! {
        world = opened(&story, &stage) => world?,
        signal = super::stop::requested() => return Ok(interrupted(&story, signal?)),
    };
    demo::invitation::print(&world)?;
    let signal = super::stop::requested().await?;
    eprintln!();
    story.tell(&format!("{signal}: stopping"));
    world.shutdown().await;
    story.tell("stopped cleanly");
    Ok(ExitCode::SUCCESS)
}

/// Everything started, the first certificates observed.
async fn opened(story: &Story, stage: &Stage) -> Result<World> {
    let world = World::start(story, stage.dir()).await?;
    demo::issue::run(story, &world).await?;
    Ok(world)
}

fn verdict(report: &Report) -> Result<ExitCode> {
    output::print(&format!(
        "{}\n",
        serde_json::to_string(report).context("printing the report")?
    ))?;
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn interrupted(story: &Story, signal: &str) -> ExitCode {
    eprintln!();
    story.tell(&format!("{signal}: given up before the end"));
    ExitCode::from(exit::INTERRUPTED)
}
