//! Reading a whole zone by a zone transfer: what a server holds, as another program sees it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(30);

/// Every record of a zone, one a line, in master-file form, blanks made one.
///
/// # Panics
/// When the server does not hand the zone out.
pub(super) async fn records(server: SocketAddr, zone: &str) -> BTreeSet<String> {
    let mut dig = Command::new("dig");
    dig.arg(format!("@{}", server.ip()))
        .args(["-p", &server.port().to_string(), zone, "AXFR"])
        .args(["+noall", "+answer", "+time=5", "+tries=3"])
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, dig.output()).await;
    let output = output
        .expect("dig ends in time")
        .expect("dig is installed: bind9-dnsutils");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with(';'));
    let records: BTreeSet<String> = lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    assert!(
        records.iter().any(|record| record.contains(" SOA ")),
        "{server} does not hand out {zone}: {text}"
    );
    records
}
