//! `evercert dns-provider`: who answers DNS-01.

mod add;
mod ask;
mod import;
mod journal;
mod orphans;
mod types;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::ca_vendors::TestReport;
use evercert_api::dns_providers::{ChangedDnsProvider, DnsAlias, DnsProvider, RecordSettings};
use evercert_types::DomainName;
use serde_json::json;

use crate::client::{Client, ClientArgs, segment};
use crate::output::{self, Output};

/// `evercert dns-provider`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Save a DNS provider and its credentials (encrypted) after they were tried; what is missing is asked for.
    Add(add::Add),
    /// Switch a DNS provider off: no order uses it, and certificates that need it are named and blocked.
    Disable {
        /// Name of the provider.
        name: String,
    },
    /// Change settings or propagation of a DNS provider; what is not given stays. New settings are tried first.
    Edit(Edit),
    /// Switch a DNS provider on again.
    Enable {
        /// Name of the provider.
        name: String,
    },
    /// Show the TXT values that were written through a DNS provider and are not removed yet, with why not.
    Journal(journal::Args),
    /// List the DNS providers and the domains mapped to them.
    List,
    /// List stale challenge values that no order knows, and remove them if wanted.
    Orphans(orphans::Orphans),
    /// Register a domain at a provider that writes at names of its own only (acme-dns), and say which CNAME to create.
    Register {
        /// Name of the provider.
        name: String,
        /// The domain that certificates are for.
        domain: DomainName,
    },
    /// Remove a DNS provider that no domain is mapped to.
    Remove {
        /// Name of the provider.
        name: String,
    },
    /// Show one DNS provider.
    Show {
        /// Name of the provider.
        name: String,
    },
    /// Log in, find the zone, write, read back and remove a TXT record.
    Test {
        /// Name of the provider.
        name: String,
        /// A domain to try it with; default: one that is mapped to it.
        #[arg(long, value_name = "D")]
        domain: Option<String>,
    },
    /// List the types of provider, or show one with all its settings.
    Types {
        /// Code of a type, such as `cf`.
        code: Option<String>,
    },
}

#[derive(clap::Args)]
struct Edit {
    /// Name of the provider.
    name: String,
    /// Another unique name.
    #[arg(long, value_name = "NEW")]
    rename: Option<String>,
    /// A setting to be set; may be given more than once. `key=@FILE` reads the value from a file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A setting to be removed.
    #[arg(long = "unset", value_name = "KEY")]
    removed: Vec<String>,
    #[command(flatten)]
    propagation: Propagation,
    #[command(flatten)]
    records: Records,
    /// Save without trying whether the provider takes the settings.
    #[arg(long)]
    skip_test: bool,
}

#[derive(Default, clap::Args)]
struct Propagation {
    /// How to find out that a record is public: authoritative, servers, wait or off.
    #[arg(long, value_name = "MODE")]
    propagation: Option<String>,
    /// For `servers`: the servers to ask; for `authoritative`: resolvers that find them (ADDRESS:PORT).
    #[arg(long, value_name = "ADDRESS:PORT")]
    propagation_server: Vec<String>,
    /// For `wait`: how long to wait, such as 60s.
    #[arg(long, value_name = "SPAN")]
    propagation_wait: Option<String>,
    /// Give up on a record that does not become public after this long; default 5m, or longer for slow types.
    #[arg(long, value_name = "SPAN")]
    propagation_timeout: Option<String>,
    /// When to look for the first time; default 2s to 5s, at once at servers of your own.
    #[arg(long, value_name = "SPAN")]
    propagation_first_look: Option<String>,
    /// The longest pause between looks; default as the type wants it.
    #[arg(long, value_name = "SPAN")]
    propagation_poll: Option<String>,
    /// How many of the servers must show a record: all, quorum or any; default all.
    #[arg(long, value_name = "HOW-MANY")]
    propagation_agreement: Option<String>,
    /// How long to wait after the record was seen, such as 10s; default not at all.
    #[arg(long, value_name = "SPAN")]
    propagation_settle: Option<String>,
    /// Whether CNAMEs at challenge names are followed; default true.
    #[arg(long, value_name = "BOOL")]
    follow_cnames: Option<bool>,
}

#[derive(Default, clap::Args)]
struct Records {
    /// Time to live of records in seconds, where the provider's own will not do.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// The zone to write into, for names that lie in it; default: the provider is asked.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

impl Records {
    fn is_given(&self) -> bool {
        self.ttl.is_some() || self.zone.is_some()
    }

    fn body(&self) -> serde_json::Value {
        json!({ "ttl": self.ttl, "zone": self.zone })
    }

    /// What is given, and what was set before; 0 and an empty zone go back to the default.
    fn over(&self, before: RecordSettings) -> RecordSettings {
        let given = |zone: &String| (!zone.is_empty()).then(|| zone.clone());
        RecordSettings {
            ttl: self
                .ttl
                .map_or(before.ttl, |ttl| Some(ttl).filter(|ttl| *ttl > 0)),
            zone: self.zone.as_ref().map_or(before.zone, given),
        }
    }
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::Add(wanted) => add::run(&client, wanted, output).await,
        Action::Disable { name } => {
            patch(&client, &name, &json!({ "active": false }), output).await
        }
        Action::Edit(wanted) => edit(&client, wanted, output).await,
        Action::Enable { name } => patch(&client, &name, &json!({ "active": true }), output).await,
        Action::Journal(journal) => journal::run(&client, &journal, output).await,
        Action::List => {
            let page: Page<DnsProvider> = client.get("/dns-providers").await?;
            if output == Output::Json {
                output::json(&page)?;
                return Ok(ExitCode::SUCCESS);
            }
            table(&page.items)
        }
        Action::Orphans(wanted) => orphans::run(&client, wanted, output).await,
        Action::Register { name, domain } => {
            let path = format!("/dns-providers/{}/aliases", segment(&name));
            let alias: DnsAlias = client.post(&path, &json!({ "domain": domain })).await?;
            if output == Output::Json {
                output::json(&alias)?;
            } else {
                output::print(&format!("{}\n", alias.create))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Remove { name } => {
            client
                .delete(&format!("/dns-providers/{}", segment(&name)))
                .await?;
            eprintln!("removed {name}");
            Ok(ExitCode::SUCCESS)
        }
        Action::Show { name } => {
            let provider: DnsProvider = client
                .get(&format!("/dns-providers/{}", segment(&name)))
                .await?;
            if output == Output::Json {
                output::json(&provider)?;
                return Ok(ExitCode::SUCCESS);
            }
            let aliases = provider.aliases.clone();
            table(&[provider])?;
            for alias in aliases {
                output::print(&format!("{}: {}\n", alias.domain, alias.create))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Test { name, domain } => {
            let path = format!("/dns-providers/{}/test", segment(&name));
            let report: TestReport = client.post(&path, &json!({ "domain": domain })).await?;
            super::ca_vendor::test_report(&report, output)
        }
        Action::Types { code } => types::run(&client, code.as_deref(), output).await,
    }
}

impl Propagation {
    fn is_given(&self) -> bool {
        self.propagation.is_some()
            || !self.propagation_server.is_empty()
            || self.propagation_wait.is_some()
            || self.propagation_timeout.is_some()
            || self.propagation_first_look.is_some()
            || self.propagation_poll.is_some()
            || self.propagation_agreement.is_some()
            || self.propagation_settle.is_some()
            || self.follow_cnames.is_some()
    }

    fn body(&self) -> serde_json::Value {
        json!({
            "mode": self.propagation,
            "servers": self.propagation_server,
            "wait": self.propagation_wait,
            "timeout": self.propagation_timeout,
            "first_look": self.propagation_first_look,
            "poll": self.propagation_poll,
            "agreement": self.propagation_agreement,
            "settle": self.propagation_settle,
            "follow_cnames": self.follow_cnames,
        })
    }
}

async fn edit(client: &Client, edit: Edit, output: Output) -> Result<ExitCode> {
    let mut wanted = serde_json::Map::new();
    for (key, value) in settings(&edit.settings)? {
        wanted.insert(key, value.into());
    }
    for key in edit.removed {
        wanted.insert(key, serde_json::Value::Null);
    }
    let mut change = json!({ "settings": wanted, "skip_test": edit.skip_test });
    if let Some(name) = edit.rename {
        change["name"] = name.into();
    }
    if edit.records.is_given() {
        let path = format!("/dns-providers/{}", segment(&edit.name));
        let before: DnsProvider = client.get(&path).await?;
        change["records"] = json!(edit.records.over(before.records));
    }
    if edit.propagation.is_given() {
        change["propagation"] = edit.propagation.body();
    }
    patch(client, &edit.name, &change, output).await
}

async fn patch(
    client: &Client,
    name: &str,
    change: &serde_json::Value,
    output: Output,
) -> Result<ExitCode> {
    let path = format!("/dns-providers/{}", segment(name));
    let changed: ChangedDnsProvider = client.patch(&path, change).await?;
    if output == Output::Json {
        output::json(&changed)?;
        return Ok(ExitCode::SUCCESS);
    }
    tell_blocked(&changed.blocked);
    table(&[changed.provider])
}

/// Says which certificates are not renewed any more.
pub(super) fn tell_blocked(blocked: &[String]) {
    if !blocked.is_empty() {
        eprintln!("renewals stop for: {}", blocked.join(", "));
    }
}

fn settings(pairs: &[String]) -> Result<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for pair in pairs {
        let (key, value) = pair.split_once('=').with_context(|| {
            format!("--set {pair:?}: write KEY=VALUE, or KEY=@FILE for a secret kept in a file")
        })?;
        settings.insert(key.to_owned(), self::value(key, value)?);
    }
    Ok(settings)
}

/// What was given for a setting, or what stands in the file that it names with an `@`.
fn value(key: &str, given: &str) -> Result<String> {
    match given.strip_prefix('@') {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("reading --set {key}=@{file}"))?;
            Ok(text.trim().to_owned())
        }
        None => Ok(given.to_owned()),
    }
}

fn table(providers: &[DnsProvider]) -> Result<ExitCode> {
    let rows: Vec<_> = providers
        .iter()
        .map(|p| {
            let domains: Vec<_> = p.domains.iter().map(ToString::to_string).collect();
            let settings: Vec<_> = p
                .settings
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            vec![
                p.name.clone(),
                p.type_code.clone(),
                if p.active { "yes" } else { "no" }.to_owned(),
                domains.join(","),
                settings.join(" "),
            ]
        })
        .collect();
    output::table(&["NAME", "TYPE", "ACTIVE", "DOMAINS", "SETTINGS"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_without_a_value_is_refused() {
        let error = settings(&["key".to_owned()]).unwrap_err();

        assert!(error.to_string().contains("KEY=VALUE"), "{error}");
    }

    #[test]
    fn what_is_not_given_of_the_records_stays() {
        let before = RecordSettings {
            ttl: Some(60),
            zone: Some("example.org".to_owned()),
        };
        let given = |ttl: Option<u32>, zone: Option<&str>| Records {
            ttl,
            zone: zone.map(str::to_owned),
        };

        assert_eq!(given(Some(90), None).over(before.clone()).zone, before.zone);
        let reset = given(Some(0), Some("")).over(before);
        assert_eq!(reset, RecordSettings::default());
    }
}
