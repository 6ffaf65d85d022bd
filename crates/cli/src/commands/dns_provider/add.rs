//! `evercert dns-provider add`: settings given, taken over from acme.sh or lego, or asked for.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use evercert_api::dns_providers::{DnsProvider, DnsProviderType};
use evercert_types::Secret;
use serde_json::json;

use super::ask::{self, Settings};
use super::{Propagation, Records, import, table, types};
use crate::client::Client;
use crate::output::{self, Output};

#[derive(clap::Args)]
pub(super) struct Add {
    /// Unique name, such as `corp-dns`.
    pub(super) name: String,
    /// A type of `evercert dns-provider types`, such as nsupdate or pdns.
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) type_code: String,
    /// A setting of the type; may be given more than once. `key=@FILE` reads the value from a file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) settings: Vec<String>,
    /// Take settings from the environment, by the variable names of acme.sh and lego.
    #[arg(long)]
    pub(super) from_env: bool,
    /// Take settings from a file by the same names: acme.sh's account.conf, or NAME=value lines.
    #[arg(long, value_name = "FILE")]
    pub(super) from_file: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) propagation: Propagation,
    #[command(flatten)]
    pub(super) records: Records,
    /// Save without trying whether the provider takes the settings.
    #[arg(long)]
    pub(super) skip_test: bool,
}

/// Adds it.
pub(super) async fn run(client: &Client, add: Add, output: Output) -> Result<ExitCode> {
    let kind = types::one(client, &add.type_code).await?;
    let settings = settings(&kind, &add)?;
    let plain: serde_json::Map<String, serde_json::Value> = settings
        .iter()
        .map(|(key, value)| (key.clone(), value.expose().clone().into()))
        .collect();
    let body = json!({
        "name": add.name,
        "type": add.type_code,
        "settings": plain,
        "propagation": add.propagation.body(),
        "records": add.records.body(),
        "skip_test": add.skip_test,
    });
    let provider: DnsProvider = client.post("/dns-providers", &body).await?;
    if output == Output::Json {
        output::json(&provider)?;
        return Ok(ExitCode::SUCCESS);
    }
    table(&[provider])
}

/// What is given goes before what is taken over, and that before what is asked for.
fn settings(kind: &DnsProviderType, add: &Add) -> Result<Settings> {
    let mut settings = Settings::new();
    let mut sources = Vec::new();
    for path in &add.from_file {
        sources.push((path.display().to_string(), import::file(path)?));
    }
    if add.from_env {
        sources.push(("the environment".to_owned(), import::environment()));
    }
    for (source, variables) in &sources {
        let imported = import::settings(kind, variables)?;
        for (key, variable) in &imported.used {
            eprintln!("{key} is taken from {variable} of {source}");
        }
        if !imported.unused.is_empty() {
            let names = imported.unused.join(", ");
            eprintln!("not used of {source}: {names}");
        }
        if imported.used.is_empty() {
            bail!(
                "{source} has no setting of {}: looked for {}",
                kind.code,
                variables_of(kind).join(", ")
            );
        }
        settings.extend(imported.settings);
    }
    for (key, value) in super::settings(&add.settings)? {
        settings.insert(key, Secret::new(value));
    }
    ask::complete(kind, &mut settings)?;
    Ok(settings)
}

fn variables_of(kind: &DnsProviderType) -> Vec<&str> {
    let fields = kind.fields.iter();
    fields
        .flat_map(|field| field.acme_sh_env.iter().chain(&field.lego_env))
        .map(String::as_str)
        .collect()
}
