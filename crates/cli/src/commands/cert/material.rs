//! Certificates and keys as files: `cert import` and `cert export`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use evercert_api::certificates::{Certificate, ExportRequest};
use evercert_types::{KeyAlgorithm, Selector, StoreKind};
use serde_json::json;

use crate::client::{Client, segment};
use crate::commands::files::write_private;
use crate::output::{self, Output};

/// `cert import`.
#[derive(clap::Args)]
pub(crate) struct Import {
    /// Name; an existing certificate of that name gets a new version.
    name: String,
    /// PEM file with the leaf and its intermediates, in any order.
    #[arg(long, value_name = "PEM")]
    chain: PathBuf,
    /// PEM file with the leaf's private key; may be left out in the certificate store.
    #[arg(long, value_name = "PEM")]
    key: Option<PathBuf>,
    /// Where it goes: zero-touch or certificate.
    #[arg(long, default_value = "certificate")]
    store: StoreKind,
    /// Which instances it goes to: `all`, or labels as k=v,k=v.
    #[arg(long, default_value = "all")]
    scope: Selector,
    /// CA vendor that shall renew it.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
    /// Let the Console renew it.
    #[arg(long, requires = "vendor")]
    auto_renew: bool,
}

/// `cert export`.
#[derive(clap::Args)]
pub(crate) struct Export {
    /// Name of the certificate.
    name: String,
    /// Which key algorithm; default the first.
    #[arg(long)]
    algorithm: Option<KeyAlgorithm>,
    /// Write the chain here; default standard output.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// Write the private key here, readable by you alone; needs the right, and is audited.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Sends files to the Console.
pub(crate) async fn import(client: &Client, import: Import, output: Output) -> Result<ExitCode> {
    let read = |file: &Path| {
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
    };
    let body = json!({
        "name": import.name,
        "store": import.store,
        "chain_pem": read(&import.chain)?,
        "key_pem": import.key.as_deref().map(read).transpose()?,
        "scope": import.scope,
        "vendor": import.vendor,
        "auto_renew": import.auto_renew,
    });
    let certificate: Certificate = client.post("/certificates/import", &body).await?;
    super::show::print(client, &certificate, output).await
}

/// Writes what the Console holds to files.
pub(crate) async fn export(client: &Client, export: Export, output: Output) -> Result<ExitCode> {
    let request = ExportRequest {
        key: export.algorithm,
        with_key: export.key.is_some(),
    };
    let path = format!("/certificates/{}/export", segment(&export.name));
    let material: evercert_api::certificates::Export = client.post(&path, &request).await?;
    if let (Some(file), Some(pem)) = (&export.key, &material.key_pem) {
        write_private(file, pem)?;
    }
    match &export.chain {
        Some(file) => std::fs::write(file, &material.chain_pem)
            .with_context(|| format!("writing {}", file.display()))?,
        None if output == Output::Json => {
            output::json(&json!({ "chain_pem": material.chain_pem }))?
        }
        None => output::print(&material.chain_pem)?,
    }
    Ok(ExitCode::SUCCESS)
}
