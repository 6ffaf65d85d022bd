//! `evercert`: one executable, its roles and its client commands.
//!
//! This file is the table of contents: one variant a command, one module in [`commands`] behind each.

#[cfg(feature = "client")]
mod client;
mod commands;
#[cfg(feature = "demo")]
mod demo;
mod exit;
mod logging;
#[cfg(any(feature = "client", feature = "adc", feature = "console"))]
mod output;
#[cfg(any(feature = "client", feature = "adc"))]
mod password;
#[cfg(feature = "adc")]
mod shell;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Certificates that never lapse, from the CA to the handshake.
#[derive(Parser)]
#[command(
    name = "evercert",
    version,
    max_term_width = 100,
    propagate_version = false
)]
#[command(
    after_help = "Exit codes: 0 done or nothing to do · 1 failed · 2 usage · 3 not found · \
    4 not logged in or not allowed · 5 conflict · 6 try again later · 7 partly done · 130 interrupted.\n\
    The guide is in docs/guide; start with `evercert demo`."
)]
struct Cli {
    /// Say more; twice for debugging. Data goes to standard output, everything else to standard error.
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Output")]
    verbose: u8,
    /// Log lines as text for people or as JSON for machines.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true,
        help_heading = "Output"
    )]
    log_format: logging::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the data plane: a TLS reverse proxy in NetScaler's language, fed by the zero-touch store.
    #[cfg(feature = "adc")]
    Adc(commands::adc::Args),
    /// Show who did what, and whether that log is as it was written.
    #[cfg(feature = "client")]
    Audit(commands::audit::Args),
    /// Run the Local CA alone: an ACME server (RFC 8555) for tests and internal names.
    #[cfg(feature = "ca")]
    Ca(commands::ca::Args),
    /// Add, test and list the CAs that issue.
    #[cfg(feature = "client")]
    CaVendor(commands::ca_vendor::Args),
    /// Issue, renew, roll back, import and export certificates.
    #[cfg(feature = "client")]
    Cert(commands::cert::Args),
    /// Run the control plane, or set it up.
    #[cfg(feature = "console")]
    Console(commands::console::Args),
    /// Show the whole journey on this machine, with nothing but this program.
    #[cfg(feature = "demo")]
    Demo(commands::demo::Args),
    /// Add, test and list the DNS providers that answer DNS-01.
    #[cfg(feature = "client")]
    DnsProvider(commands::dns_provider::Args),
    /// Map domains to DNS providers.
    #[cfg(feature = "client")]
    Domain(commands::domain::Args),
    /// Enrol and watch ADCs and appliances.
    #[cfg(feature = "client")]
    Instance(commands::instance::Args),
    /// Look through the issuance and renewal log: every attempt, its steps and errors.
    #[cfg(feature = "client")]
    Order(commands::order::Args),
    /// Show and change what holds for the whole Console.
    #[cfg(feature = "client")]
    Settings(commands::settings::Args),
    /// NetScaler's command line at an ADC: interactive, one line, or a batch.
    #[cfg(feature = "adc")]
    Shell(commands::shell::Args),
    /// Make and revoke API tokens.
    #[cfg(feature = "client")]
    Token(commands::token::Args),
    /// Show where the zero-touch store stands, and allow great deletions.
    #[cfg(feature = "client")]
    ZeroTouchStore(commands::zero_touch_store::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::init(cli.verbose, cli.log_format, cli.command.is_role());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return exit::report(&anyhow::Error::new(error).context("starting the runtime"));
        }
    };
    let outcome = runtime.block_on(cli.command.run());
    // Blocking look-ups that nobody waits for any more must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

impl Command {
    /// Whether it serves until it is stopped, and so logs what it does.
    const fn is_role(&self) -> bool {
        match self {
            #[cfg(feature = "adc")]
            Self::Adc(args) => args.is_role(),
            #[cfg(feature = "ca")]
            Self::Ca(_) => true,
            #[cfg(feature = "console")]
            Self::Console(args) => args.is_role(),
            #[cfg(any(feature = "adc", feature = "client", feature = "demo"))]
            _ => false,
        }
    }

    async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            #[cfg(feature = "adc")]
            Self::Adc(args) => Box::pin(commands::adc::run(args)).await,
            #[cfg(feature = "client")]
            Self::Audit(args) => Box::pin(commands::audit::run(args)).await,
            #[cfg(feature = "ca")]
            Self::Ca(args) => Box::pin(commands::ca::run(args)).await,
            #[cfg(feature = "client")]
            Self::CaVendor(args) => Box::pin(commands::ca_vendor::run(args)).await,
            #[cfg(feature = "client")]
            Self::Cert(args) => Box::pin(commands::cert::run(args)).await,
            #[cfg(feature = "console")]
            Self::Console(args) => Box::pin(commands::console::run(args)).await,
            #[cfg(feature = "demo")]
            Self::Demo(args) => Box::pin(commands::demo::run(args)).await,
            #[cfg(feature = "client")]
            Self::DnsProvider(args) => Box::pin(commands::dns_provider::run(args)).await,
            #[cfg(feature = "client")]
            Self::Domain(args) => Box::pin(commands::domain::run(args)).await,
            #[cfg(feature = "client")]
            Self::Instance(args) => Box::pin(commands::instance::run(args)).await,
            #[cfg(feature = "client")]
            Self::Order(args) => Box::pin(commands::order::run(args)).await,
            #[cfg(feature = "client")]
            Self::Settings(args) => Box::pin(commands::settings::run(args)).await,
            #[cfg(feature = "adc")]
            Self::Shell(args) => Box::pin(commands::shell::run(args)).await,
            #[cfg(feature = "client")]
            Self::Token(args) => Box::pin(commands::token::run(args)).await,
            #[cfg(feature = "client")]
            Self::ZeroTouchStore(args) => Box::pin(commands::zero_touch_store::run(args)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_says_what_it_is_for() {
        fn walk(command: &clap::Command, path: &str) {
            for argument in command
                .get_arguments()
                .filter(|a| a.get_id() != "help" && a.get_id() != "version")
            {
                assert!(
                    argument.get_help().is_some(),
                    "{path} {}",
                    argument.get_id()
                );
            }
            for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
                assert!(sub.get_about().is_some(), "{path} {}", sub.get_name());
                walk(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        walk(&Cli::command(), "evercert");
    }
}
