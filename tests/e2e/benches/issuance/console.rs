//! The Console, asked through its REST API for many certificates at once.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use evercert_e2e::console::{Console, ConsoleSetup};
use evercert_e2e::rest::Rest;
use serde_json::json;
use tokio::process::Command;
use tokio::time::Instant;

use crate::Field;
use crate::measure::{Figure, Watch, Whose};

/// Orders before the measurement: connections, account, caches.
const WARM_UP: usize = 10;
const LIMIT: Duration = Duration::from_secs(600);

/// Issues certificates with so many orders in flight.
pub(crate) async fn run(field: &Field, in_flight: usize, orders: usize) -> Result<Figure> {
    let dir = field.dir.path().join(format!("console-{in_flight}"));
    let setup = ConsoleSetup::new(&dir, None, Some(field.dns.addr())).await?;
    let config = dir.join("console.toml");
    std::fs::write(&config, format!("workers = {in_flight}\n"))
        .context("writing the configuration")?;
    let mut command = setup.command();
    command.arg("--config").arg(&config);
    let console = setup.start_command(command).await?;
    introduce(field, &console).await?;

    let rest = Rest::new(&setup)?;
    issue(&rest, "warm", WARM_UP).await?;
    finished(&setup, WARM_UP).await?;
    let pid = console.role.pid().context("the Console runs")?;
    let watch = Watch::start(Whose::Process(pid))?;
    issue(&rest, &format!("site{in_flight}-"), orders).await?;
    finished(&setup, WARM_UP + orders).await?;
    let figure = watch.stop("evercert", in_flight, orders)?;
    console.role.stop().await?;
    Ok(figure)
}

async fn introduce(field: &Field, console: &Console) -> Result<()> {
    let cli = console.cli();
    let bundle = field.bundle.to_str().context("the path is UTF-8")?;
    let directory = field.pebble.directory_url();
    let vendor = ["ca-vendor", "add", "pebble", "--directory-url", &directory];
    cli.ok(&[&vendor[..], &["--ca-bundle", bundle, "--agree-tos"]].concat())
        .await?;
    let settings: Vec<String> = field
        .dns
        .settings()
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut add = vec!["dns-provider", "add", "dns", "--type", "challtestsrv"];
    add.extend(settings.iter().flat_map(|one| ["--set", one.as_str()]));
    let server = field.dns.addr().to_string();
    add.extend(["--propagation", "servers", "--propagation-server", &server]);
    add.extend(["--propagation-first-look", "0s"]);
    cli.ok(&add).await?;
    cli.ok(&["domain", "map", "example.org", "--provider", "dns"])
        .await?;
    Ok(())
}

/// Waits until so many orders are done; looks into the database, so that nobody asks the Console meanwhile.
async fn finished(setup: &ConsoleSetup, orders: usize) -> Result<()> {
    let end = Instant::now() + LIMIT;
    let question = "select count(*) from orders where state = 'done'";
    loop {
        let output = Command::new("sqlite3")
            .args(["-readonly", "-cmd", ".timeout 5000"])
            .arg(setup.dir.join("console.db"))
            .arg(question)
            .output()
            .await
            .context("running sqlite3")?;
        let count = String::from_utf8_lossy(&output.stdout);
        if count.trim().parse() == Ok(orders) {
            return Ok(());
        }
        if Instant::now() > end {
            bail!(
                "{} of {orders} orders are done after {LIMIT:?}",
                count.trim()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn issue(rest: &Rest, prefix: &str, orders: usize) -> Result<()> {
    for number in 0..orders {
        let name = format!("{prefix}{number}");
        let body = json!({
            "name": name, "domains": [format!("{name}.example.org")],
            "vendor": "pebble", "store": "zero-touch",
        });
        let (status, answer) = rest.post("/certificates", &body).await?;
        ensure!(status.is_success(), "{name}: {status} {answer}");
    }
    Ok(())
}
