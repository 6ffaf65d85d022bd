//! `evercert cert`: the certificates of both stores.

mod bulk;
mod challenge;
mod change;
mod issue;
mod list;
mod material;
mod preflight;
mod renewals;
mod revoke;
mod show;
mod terms;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use evercert_api::bulk::BulkAction;
use evercert_api::certificates::{Certificate, RollbackRequest};
use evercert_types::KeyAlgorithm;

use crate::client::{ClientArgs, segment};

/// `evercert cert`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show how many renewals are planned on which day or in which hour.
    Calendar(renewals::Calendar),
    /// Change renewal mode, scope, CA vendor, names, keys, and how it is issued.
    Change(Box<change::Change>),
    /// Show how the names of running orders are proved, and the TXT records that wait for you.
    Challenges {
        /// Name of the certificate.
        name: String,
    },
    /// Say that the TXT records that orders wait for are there: they go on at once.
    ConfirmDns {
        /// Name of the certificate.
        name: String,
        /// Believe it though the Console cannot see them.
        #[arg(long)]
        force: bool,
    },
    /// Remove a certificate with all its versions; instances stop serving it.
    Delete {
        /// Name of the certificate.
        name: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// List what is due, and what comes next.
    Due(renewals::Due),
    /// List certificates that have all their names in common.
    Duplicates,
    /// Write chain and, with the right, private key to files.
    Export(material::Export),
    /// Put a certificate made elsewhere into a store.
    Import(material::Import),
    /// Order a new certificate.
    Issue(Box<issue::Issue>),
    /// List certificates.
    List(list::List),
    /// Show what happened to a certificate, newest last.
    Log(show::Log),
    /// Move certificates between automatic and manual renewal.
    Migrate(bulk::Migrate),
    /// Neither renew nor order certificates until they are resumed.
    Pause(bulk::Which),
    /// Build the chain in force anew, from what the CA offers now, without a new certificate.
    RebuildChain(material::Rebuild),
    /// Check whether an order would succeed: names, CA, DNS provider, CAA, clock. Nothing is ordered.
    Preflight(preflight::Preflight),
    /// Renew one certificate now, or many at the pace that their CAs allow.
    Renew(issue::Renew),
    /// Renew paused certificates again.
    Resume(bulk::Which),
    /// Revoke at the CA, perhaps after a replacement is in force.
    Revoke(revoke::Revoke),
    /// Go back to an older version that is still valid.
    Rollback {
        /// Name of the certificate.
        name: String,
        /// Generation to go back to; default the newest good one before the active.
        #[arg(long, value_name = "N")]
        generation: Option<i64>,
        /// Only this key algorithm.
        #[arg(long, value_name = "ALGORITHM")]
        key: Option<KeyAlgorithm>,
    },
    /// Count certificates by state, renewal mode, store and CA vendor.
    Summary(list::Summary),
    /// Renew certificates through another CA vendor from now on.
    SwitchVendor(bulk::SwitchVendor),
    /// Show one certificate, its versions, why and when it is renewed, and where it is served.
    Show {
        /// Name of the certificate.
        name: String,
    },
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let (client, output) = (args.client.connect()?, args.client.output);
    match args.action {
        Action::Calendar(wanted) => renewals::calendar(&client, &wanted, output).await,
        Action::Due(wanted) => renewals::due(&client, &wanted, output).await,
        Action::Change(wanted) => change::change(&client, &wanted, output).await,
        Action::Challenges { name } => challenge::list(&client, &name, output).await,
        Action::ConfirmDns { name, force } => {
            challenge::confirm(&client, &name, force, output).await
        }
        Action::Delete { name, yes } => {
            let effect = format!("This deletes {name} with all its versions and keys");
            if !yes && !confirmed(&effect, &name)? {
                eprintln!("nothing was deleted");
                return Ok(ExitCode::FAILURE);
            }
            client
                .delete(&format!("/certificates/{}", segment(&name)))
                .await?;
            eprintln!("deleted {name}");
            Ok(ExitCode::SUCCESS)
        }
        Action::Duplicates => list::duplicates(&client, output).await,
        Action::Export(export) => material::export(&client, export, output).await,
        Action::Import(import) => material::import(&client, import, output).await,
        Action::Issue(wanted) => issue::issue(&client, *wanted, output).await,
        Action::List(wanted) => list::list(&client, &wanted, output).await,
        Action::Log(log) => show::log(&client, &log, output).await,
        Action::Migrate(migrate) => bulk::migrate(&client, &migrate, output).await,
        Action::Pause(which) => bulk::plain(&client, &which, BulkAction::Pause, output).await,
        Action::RebuildChain(rebuild) => material::rebuild(&client, rebuild, output).await,
        Action::Resume(which) => bulk::plain(&client, &which, BulkAction::Resume, output).await,
        Action::SwitchVendor(switch) => bulk::switch_vendor(&client, &switch, output).await,
        Action::Preflight(args) => preflight::run(&client, args, output).await,
        Action::Renew(renew) => issue::renew(&client, renew, output).await,
        Action::Revoke(wanted) => revoke::revoke(&client, wanted, output).await,
        Action::Rollback {
            name,
            generation,
            key,
        } => {
            let path = format!("/certificates/{}/rollback", segment(&name));
            let certificate: Certificate = client
                .post(&path, &RollbackRequest { generation, key })
                .await?;
            show::print(&client, &certificate, output).await
        }
        Action::Summary(summary) => list::summary(&client, &summary, output).await,
        Action::Show { name } => {
            let certificate: Certificate = client
                .get(&format!("/certificates/{}", segment(&name)))
                .await?;
            show::print(&client, &certificate, output).await
        }
    }
}

/// Asks for the name again; without a terminal the answer is no.
fn confirmed(effect: &str, name: &str) -> Result<bool> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        eprintln!("not a terminal: add --yes to go on without being asked");
        return Ok(false);
    }
    eprint!("{effect}. Type its name, {name}, to go on: ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == name)
}
