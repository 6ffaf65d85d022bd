//! How fast certificates are issued, and at what cost: the Console beside lego, uacme, dehydrated and certbot.
//!
//! All of them in one run, one after the other, at one Pebble that validates at once, by DNS-01 through one
//! pebble-challtestsrv, with an ECDSA P-256 key and one name an order. The Console is the release build with its
//! database in a file; its CPU time is that of its process. The others work as they do, one order at a time; their CPU
//! time is theirs and that of the programs they run. `cargo bench -p evercert-e2e --bench issuance [-- ORDERS]`.

mod console;
mod measure;
mod others;
mod report;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use evercert_testkit::challtestsrv::Challtestsrv;
use evercert_testkit::pebble::{Pebble, PebbleOptions};
use measure::Figure;

/// Orders that the Console carries out for each number in flight.
const ORDERS: usize = 300;
/// Numbers of orders in flight.
const IN_FLIGHT: [usize; 2] = [8, 16];

/// What everybody works with.
struct Field {
    pebble: Pebble,
    dns: Challtestsrv,
    dir: tempfile::TempDir,
    bundle: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let orders = match std::env::args().find_map(|arg| arg.parse().ok()) {
        Some(orders) => orders,
        None => ORDERS,
    };
    evercert_e2e::program::choose(build()?);
    let dns = Challtestsrv::start().await?;
    let options = PebbleOptions {
        dns_server: Some(dns.addr()),
        ..PebbleOptions::default()
    };
    let pebble = Pebble::start(options).await?;
    let dir = tempfile::tempdir().context("making a directory")?;
    let bundle = dir.path().join("pebble.pem");
    std::fs::write(&bundle, pebble.ca_bundle_pem()).context("writing Pebble's CA")?;
    let field = Field {
        pebble,
        dns,
        dir,
        bundle,
    };
    let mut figures: Vec<Figure> = Vec::new();
    for in_flight in IN_FLIGHT {
        figures.push(console::run(&field, in_flight, orders).await?);
    }
    for other in &others::ALL {
        match others::run(&field, other).await {
            Ok(figure) => figures.push(figure),
            Err(error) => eprintln!("{} is left out: {error:#}", other.name),
        }
    }
    report::print(&figures);
    report::save(&figures, &target().join("bench-issuance.json"))
}

/// The release build of the program, unless `EVERCERT_PROGRAM` names one.
fn build() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("EVERCERT_PROGRAM") {
        return Ok(given.into());
    }
    let built = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(["build", "--release", "--quiet"])
        .status()
        .context("running cargo")?;
    ensure!(built.success(), "building the release of evercert failed");
    Ok(target().join("release/evercert"))
}

fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    given.unwrap_or_else(|| workspace().join("target"))
}
