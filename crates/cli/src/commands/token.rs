//! `evercert token`: API tokens.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::Page;
use evercert_api::users::{ApiToken, NewApiToken, Role};

use crate::client::{ClientArgs, segment};
use crate::output::{self, Output};

/// `evercert token`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a token; it is printed this once.
    Create {
        /// What it is for.
        name: String,
        /// What it may do: viewer, operator or admin.
        #[arg(long, default_value = "operator")]
        role: Role,
        /// Lifetime, such as 90d; default 365d.
        #[arg(long, value_name = "SPAN")]
        expires_in: Option<String>,
    },
    /// List the tokens, without their texts.
    List,
    /// Make a token unusable at once.
    Revoke {
        /// Its id (tok_…).
        id: String,
    },
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::Create {
            name,
            role,
            expires_in,
        } => {
            let made: ApiToken = client
                .post(
                    "/tokens",
                    &NewApiToken {
                        name,
                        role,
                        expires_in,
                    },
                )
                .await?;
            if output == Output::Json {
                output::json(&made)?;
            } else {
                output::print(&format!("{}\n", made.token.as_deref().unwrap_or_default()))?;
                eprintln!(
                    "role {}, expires {}; it is not shown again",
                    made.role.as_str(),
                    expiry(&made)
                );
            }
        }
        Action::List => {
            let page: Page<ApiToken> = client.get("/tokens").await?;
            if output == Output::Json {
                output::json(&page)?;
            } else {
                let rows: Vec<_> = page
                    .items
                    .iter()
                    .map(|t| {
                        let used = t
                            .last_used_at
                            .map_or_else(|| "never".to_owned(), output::relative);
                        vec![
                            t.id.to_string(),
                            t.name.clone(),
                            t.role.as_str().to_owned(),
                            expiry(t),
                            used,
                        ]
                    })
                    .collect();
                output::table(&["ID", "NAME", "ROLE", "EXPIRES", "USED"], &rows)?;
            }
        }
        Action::Revoke { id } => {
            client.delete(&format!("/tokens/{}", segment(&id))).await?;
            eprintln!("revoked {id}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn expiry(token: &ApiToken) -> String {
    token
        .expires_at
        .map_or_else(|| "never".to_owned(), output::relative)
}
