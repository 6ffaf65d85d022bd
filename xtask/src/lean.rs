//! A data plane built alone (`--no-default-features --features adc`) has no SQL and no ACME client.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

const FORBIDDEN: &[&str] = &[
    "evercert-acme",
    "evercert-console",
    "evercert-db",
    "evercert-dns",
    "sqlx-core",
    "libsqlite3-sys",
];

/// Reads the dependency tree of such a build.
pub(crate) fn check() -> Result<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            "evercert",
            "--no-default-features",
            "--features",
            "adc",
        ])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .output()
        .context("running cargo tree")?;
    ensure!(
        output.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).context("reading cargo tree")?;
    let names: std::collections::BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let found: Vec<_> = FORBIDDEN
        .iter()
        .filter(|name| names.contains(*name))
        .collect();
    if !found.is_empty() {
        bail!("a data plane built alone contains {found:?}");
    }
    Ok(format!(
        "a data plane built alone: {} crates, none of {FORBIDDEN:?}",
        names.len()
    ))
}
