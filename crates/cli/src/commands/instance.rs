//! `evercert instance`: enrolled ADCs and appliances.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::instances::{EnrollmentToken, Instance, NewEnrollmentToken, OpenEnrollmentToken};
use evercert_types::Labels;
use evercert_types::label::parse_label;

use crate::client::{Client, ClientArgs, segment};
use crate::output::{self, Output};

/// `evercert instance`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the instances and how far each is.
    List,
    /// Remove an instance: the Console refuses it from now on; what it holds it serves until it is stopped.
    Remove {
        /// Name of the instance.
        name: String,
    },
    /// Show one instance, certificate by certificate.
    Show {
        /// Name of the instance.
        name: String,
    },
    /// One-time tokens that enrol instances.
    Token {
        #[command(subcommand)]
        action: TokenAction,
    },
}

#[derive(Subcommand)]
enum TokenAction {
    /// Make a one-time token; it is printed this once.
    Create {
        /// A label of the instance that will use it; scopes select by labels. May be given more than once.
        #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
        labels: Vec<(String, String)>,
        /// How long it may be used, such as 1h; default 24h.
        #[arg(long, value_name = "SPAN")]
        expires_in: Option<String>,
    },
    /// List the tokens that can still be used, without their texts.
    List,
    /// Make an unused token unusable at once.
    Revoke {
        /// Its id (tok_…).
        id: String,
    },
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::List => {
            let page: Page<Instance> = client.get("/instances").await?;
            list(&page, output)?;
        }
        Action::Remove { name } => {
            client
                .delete(&format!("/instances/{}", segment(&name)))
                .await?;
            eprintln!("removed {name}");
        }
        Action::Show { name } => {
            let instance: Instance = client
                .get(&format!("/instances/{}", segment(&name)))
                .await?;
            show(&instance, output)?;
        }
        Action::Token { action } => token(&client, action, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn token(client: &Client, action: TokenAction, output: Output) -> Result<()> {
    match action {
        TokenAction::Create { labels, expires_in } => {
            let wanted = NewEnrollmentToken {
                labels: labels.into_iter().collect(),
                expires_in,
            };
            let made: EnrollmentToken = client.post("/enrollment-tokens", &wanted).await?;
            if output == Output::Json {
                return output::json(&made);
            }
            output::print(&format!("{}\n", made.token))?;
            eprintln!(
                "usable once, until {}; it is not shown again",
                output::time(made.expires_at)
            );
        }
        TokenAction::List => {
            let page: Page<OpenEnrollmentToken> = client.get("/enrollment-tokens").await?;
            if output == Output::Json {
                return output::json(&page);
            }
            let rows: Vec<_> = page
                .items
                .iter()
                .map(|t| {
                    vec![
                        t.id.to_string(),
                        pairs(&t.labels),
                        output::relative(t.expires_at),
                        t.created_by.clone(),
                    ]
                })
                .collect();
            output::table(&["ID", "LABELS", "EXPIRES", "MADE BY"], &rows)?;
        }
        TokenAction::Revoke { id } => {
            client
                .delete(&format!("/enrollment-tokens/{}", segment(&id)))
                .await?;
            eprintln!("revoked {id}");
        }
    }
    Ok(())
}

fn list(page: &Page<Instance>, output: Output) -> Result<()> {
    if output == Output::Json {
        return output::json(page);
    }
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|i| {
            let sync = if i.in_sync {
                "in sync".to_owned()
            } else {
                format!("at {} of {}", i.revision, i.store_revision)
            };
            vec![
                i.name.clone(),
                i.kind.clone(),
                pairs(&i.labels),
                sync,
                seen(i),
                i.agent_version.clone(),
            ]
        })
        .collect();
    output::table(
        &["NAME", "KIND", "LABELS", "STORE", "SEEN", "VERSION"],
        &rows,
    )
}

fn pairs(labels: &Labels) -> String {
    let pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

fn seen(instance: &Instance) -> String {
    instance
        .last_seen_at
        .map_or_else(|| "never".to_owned(), output::relative)
}

fn show(instance: &Instance, output: Output) -> Result<()> {
    if output == Output::Json {
        return output::json(instance);
    }
    output::fields(&[
        ("Name", instance.name.clone()),
        ("Id", instance.id.to_string()),
        ("Kind", instance.kind.clone()),
        ("Labels", pairs(&instance.labels)),
        ("Version", instance.agent_version.clone()),
        (
            "Store revision",
            format!("{} of {}", instance.revision, instance.store_revision),
        ),
        ("Seen", seen(instance)),
        ("Enrolled", output::time(instance.enrolled_at)),
        (
            "Identity ends",
            output::relative(instance.identity_not_after),
        ),
    ])?;
    if instance.items.is_empty() {
        return Ok(());
    }
    output::print("\n")?;
    let rows: Vec<_> = instance
        .items
        .iter()
        .map(|item| {
            let why = item
                .detail
                .clone()
                .or_else(|| item.code.clone())
                .unwrap_or_default();
            vec![
                item.certificate.clone(),
                item.algorithm.to_string(),
                item.generation.to_string(),
                item.state.to_string(),
                item.handshakes.to_string(),
                why,
            ]
        })
        .collect();
    output::table(
        &[
            "CERTIFICATE",
            "KEY",
            "GENERATION",
            "STATE",
            "HANDSHAKES",
            "WHY",
        ],
        &rows,
    )
}
