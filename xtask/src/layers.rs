//! The layers of `ARCHITECTURE.md`, proved: a crate uses only crates of the rows below its own.

use anyhow::{Result, bail};

use crate::metadata;

/// Rows from the bottom up. A crate may use every row below its own.
const ROWS: &[&[&str]] = &[
    &["evercert-types"],
    &["evercert-api", "evercert-ns", "evercert-x509"],
    &[
        "evercert-acme",
        "evercert-ca",
        "evercert-db",
        "evercert-dns",
        "evercert-nitro",
        "evercert-scm",
    ],
    &["evercert-adc", "evercert-connector", "evercert-console"],
    &["evercert"],
];

/// Edges inside a row that are meant.
const SIDEWAYS: &[(&str, &str)] = &[("evercert-acme", "evercert-dns")];

/// What a crate must not use although it lies below it (design §2, column "never sees").
const NEVER: &[(&str, &str)] = &[
    ("evercert-adc", "evercert-acme"),
    ("evercert-adc", "evercert-ca"),
    ("evercert-adc", "evercert-db"),
    ("evercert-adc", "evercert-dns"),
    ("evercert-connector", "evercert-db"),
    ("evercert-console", "evercert-ca"),
    ("evercert-console", "evercert-nitro"),
    ("evercert", "evercert-db"),
    ("evercert-api", "axum"),
    ("evercert-api", "sqlx"),
    ("evercert-types", "tokio"),
    ("evercert-types", "reqwest"),
    ("evercert-x509", "tokio"),
    ("evercert-x509", "reqwest"),
    ("evercert-ns", "tokio"),
    ("evercert-ns", "reqwest"),
    ("evercert-acme", "axum"),
    ("evercert-acme", "sqlx"),
    ("evercert-adc", "sqlx"),
    ("evercert-console", "sqlx"),
    ("evercert-db", "axum"),
    ("evercert-dns", "sqlx"),
];

/// Crates outside the product: tests and chores may use anything, and nothing but tests may use them.
const OUTSIDE: &[&str] = &["evercert-e2e", "evercert-testkit", "xtask"];

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|crates| crates.contains(&name))
}

/// Compares the workspace's manifests with the rows.
pub(crate) fn check() -> Result<String> {
    let metadata = metadata::read()?;
    let mut wrong = Vec::new();
    let mut edges = 0;
    for package in &metadata.packages {
        let (name, outside) = (
            package.name.as_str(),
            OUTSIDE.contains(&package.name.as_str()),
        );
        if !outside && row(name).is_none() {
            wrong.push(format!(
                "{name} stands in no row: add it to xtask/src/layers.rs and ARCHITECTURE.md"
            ));
        }
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.kind.as_deref() != Some("dev") && !outside)
        {
            edges += 1;
            wrong.extend(complaint(name, &dependency.name));
        }
    }
    if !wrong.is_empty() {
        bail!("the layers do not hold:\n  {}", wrong.join("\n  "));
    }
    Ok(format!(
        "layers hold: {} crates, {edges} edges",
        metadata.packages.len()
    ))
}

fn complaint(from: &str, to: &str) -> Option<String> {
    if OUTSIDE.contains(&to) {
        return Some(format!("{from} uses {to}, which is for tests only"));
    }
    if NEVER.contains(&(from, to)) {
        return Some(format!("{from} must never see {to}"));
    }
    let (from_row, to_row) = (row(from)?, row(to)?);
    (to_row >= from_row && !SIDEWAYS.contains(&(from, to)))
        .then(|| format!("{from} uses {to}, which does not lie below it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upward_sideways_and_forbidden_edges_are_found() {
        assert!(complaint("evercert-types", "evercert-x509").is_some());
        assert!(complaint("evercert-dns", "evercert-acme").is_some());
        assert!(complaint("evercert-adc", "evercert-db").is_some());
        assert!(complaint("evercert-db", "evercert-testkit").is_some());
    }

    #[test]
    fn downward_edges_and_the_one_sideways_edge_pass() {
        assert_eq!(complaint("evercert-console", "evercert-db"), None);
        assert_eq!(complaint("evercert-acme", "evercert-dns"), None);
        assert_eq!(complaint("evercert-types", "serde"), None);
    }
}
