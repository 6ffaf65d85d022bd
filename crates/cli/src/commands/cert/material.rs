//! Certificates and keys as files: `cert import`, `cert export` and `cert rebuild-chain`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use evercert_api::certificates::{Certificate, ExportFormat, ExportPart};
use evercert_types::label::parse_label;
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
    /// PEM (any order), DER or PKCS#12 file with the certificate, its intermediates, perhaps its key.
    #[arg(long, visible_alias = "file", value_name = "FILE")]
    chain: PathBuf,
    /// PEM or DER file with the leaf's private key, where the other file does not hold it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// File with the password of a PKCS#12 file or of an encrypted key; a final line end is left out.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// What the file is; default told by what is in it.
    #[arg(long, value_enum, default_value_t)]
    format: FileFormat,
    /// Where it goes: zero-touch or certificate.
    #[arg(long, default_value = "certificate")]
    store: StoreKind,
    /// Which instances it goes to: `all`, or labels as k=v,k=v.
    #[arg(long, default_value = "all")]
    scope: Selector,
    /// A label of the certificate; may be given more than once.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// CA vendor that shall renew it.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
    /// Let the Console renew it.
    #[arg(long, requires = "vendor")]
    auto_renew: bool,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// What its contents say.
    #[default]
    Auto,
    /// Text.
    Pem,
    /// Binary, one certificate.
    Der,
    /// PKCS#12, `.p12` or `.pfx`.
    #[value(name = "p12")]
    Pkcs12,
}

/// `cert export`.
#[derive(clap::Args)]
pub(crate) struct Export {
    /// Name of the certificate.
    name: String,
    /// Which key algorithm; default the first.
    #[arg(long)]
    algorithm: Option<KeyAlgorithm>,
    /// Which generation; default the one in force.
    #[arg(long, value_name = "N")]
    generation: Option<i64>,
    /// In which format; p12 holds chain and key.
    #[arg(long, value_enum, default_value_t)]
    format: OutFormat,
    /// What of it; der holds one thing, the leaf (default) or the key.
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// With p12: as old appliances and Windows Server 2016 read it.
    #[arg(long)]
    legacy: bool,
    /// File with a password that protects the key; p12 needs one.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// With pem: write the chain here; default standard output.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// With pem: write the private key here, readable by you alone; needs the right, and is audited.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// With der and p12: write the file here, readable by you alone.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over files that exist.
    #[arg(long)]
    force: bool,
}

/// In which format an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OutFormat {
    /// Text.
    #[default]
    Pem,
    /// Binary.
    Der,
    /// PKCS#12.
    #[value(name = "p12")]
    Pkcs12,
}

/// What of a version is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Leaf and intermediates.
    FullChain,
    /// The leaf alone.
    Leaf,
    /// What stands above the leaf.
    Intermediates,
    /// The private key alone.
    Key,
}

/// `cert rebuild-chain`.
#[derive(clap::Args)]
pub(crate) struct Rebuild {
    /// Name of the certificate.
    name: String,
    /// Only this key algorithm.
    #[arg(long, value_name = "ALGORITHM")]
    key: Option<KeyAlgorithm>,
}

/// Sends files to the Console.
pub(crate) async fn import(client: &Client, import: Import, output: Output) -> Result<ExitCode> {
    let read = |file: &Path| {
        std::fs::read(file)
            .map(|content| STANDARD.encode(content))
            .with_context(|| format!("reading {}", file.display()))
    };
    let format = match import.format {
        FileFormat::Auto => "auto",
        FileFormat::Pem => "pem",
        FileFormat::Der => "der",
        FileFormat::Pkcs12 => "pkcs12",
    };
    let labels: std::collections::BTreeMap<_, _> = import.labels.into_iter().collect();
    let body = json!({
        "name": import.name,
        "store": import.store,
        "content": read(&import.chain)?,
        "format": format,
        "key_content": import.key.as_deref().map(read).transpose()?,
        "password": import.password_file.as_deref().map(password).transpose()?,
        "labels": labels,
        "scope": import.scope,
        "vendor": import.vendor,
        "auto_renew": import.auto_renew,
    });
    let certificate: Certificate = client.post("/certificates/import", &body).await?;
    warn(&certificate);
    super::show::print(client, &certificate, output).await
}

fn password(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("reading the password from {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn warn(certificate: &Certificate) {
    for warning in &certificate.warnings {
        eprintln!("warning: {warning}");
    }
}

/// Writes what the Console holds to files.
pub(crate) async fn export(client: &Client, export: Export, output: Output) -> Result<ExitCode> {
    check(&export)?;
    let part = match (export.part, export.format) {
        (Some(Part::FullChain), _) | (None, OutFormat::Pem | OutFormat::Pkcs12) => {
            ExportPart::FullChain
        }
        (Some(Part::Leaf), _) | (None, OutFormat::Der) => ExportPart::Leaf,
        (Some(Part::Intermediates), _) => ExportPart::Intermediates,
        (Some(Part::Key), _) => ExportPart::Key,
    };
    let format = match export.format {
        OutFormat::Pem => ExportFormat::Pem,
        OutFormat::Der => ExportFormat::Der,
        OutFormat::Pkcs12 => ExportFormat::Pkcs12,
    };
    let request = json!({
        "key": export.algorithm,
        "generation": export.generation,
        "with_key": export.key.is_some(),
        "format": format,
        "part": part,
        "legacy": export.legacy,
        "password": export.password_file.as_deref().map(password).transpose()?,
    });
    let path = format!("/certificates/{}/export", segment(&export.name));
    let material: evercert_api::certificates::Export = client.post(&path, &request).await?;
    if let Some(content) = &material.content {
        let content = STANDARD
            .decode(content)
            .context("the Console's answer is not Base64")?;
        return write_file(&export, &content);
    }
    match (&export.key, &material.key_pem) {
        (Some(file), Some(pem)) => write_private(file, pem)?,
        (None, Some(pem)) => output::print(pem)?,
        _ => {}
    }
    match &export.chain {
        Some(file) => write_private(file, &material.chain_pem)?,
        None if output == Output::Json => {
            output::json(&json!({ "chain_pem": material.chain_pem }))?;
        }
        None => output::print(&material.chain_pem)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds out before anything leaves the Console whether it can be written down.
fn check(export: &Export) -> Result<()> {
    let is_pem = export.format == OutFormat::Pem;
    if is_pem && export.out.is_some() {
        bail!("--out is for der and p12; with pem, give --chain and --key");
    }
    if !is_pem && (export.chain.is_some() || export.key.is_some()) {
        bail!("--chain and --key are for pem; with der and p12, give --out");
    }
    if !is_pem && export.out.is_none() && std::io::stdout().is_terminal() {
        bail!("a binary file is not for the terminal: give --out FILE");
    }
    for file in [&export.chain, &export.key, &export.out]
        .into_iter()
        .flatten()
    {
        if file.exists() && !export.force {
            bail!("{} exists; add --force to write over it", file.display());
        }
    }
    Ok(())
}

fn write_file(export: &Export, content: &[u8]) -> Result<ExitCode> {
    match &export.out {
        Some(file) => write_private(file, content)?,
        None => {
            use std::io::Write as _;
            std::io::stdout()
                .write_all(content)
                .context("writing to standard output")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Has a chain built anew.
pub(crate) async fn rebuild(client: &Client, rebuild: Rebuild, output: Output) -> Result<ExitCode> {
    let path = format!("/certificates/{}/rebuild-chain", segment(&rebuild.name));
    let certificate: Certificate = client.post(&path, &json!({ "key": rebuild.key })).await?;
    warn(&certificate);
    super::show::print(client, &certificate, output).await
}
