//! `evercert console`: the control plane.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use evercert_api::ProblemCode;
use evercert_console::{ConsoleConfig, InitError};
use evercert_types::Secret;

use super::files::{check_private, write_private};
use crate::output;

/// `evercert console`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Action {
    /// Make the first administrator without the set-up page, for scripts and images.
    Init(Init),
}

/// Where a Console keeps its things.
#[derive(clap::Args)]
struct Place {
    /// Directory of database, master key and certificates; made when it is not there.
    #[arg(long, value_name = "DIR", env = "EVERCERT_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// `postgres://…`, or `sqlite:PATH`; default SQLite in the data directory.
    #[arg(
        long,
        value_name = "URL",
        env = "EVERCERT_DATABASE",
        hide_env_values = true
    )]
    database: Option<String>,
    /// TOML file with further settings; options given here win over it.
    #[arg(long, value_name = "FILE", env = "EVERCERT_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Run {
    #[command(flatten)]
    place: Place,
    /// Where to listen (HTTPS); default 127.0.0.1:8443.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A further DNS name or IP address in the Console's own TLS certificate; may be given more than once.
    #[arg(long = "public-name", value_name = "NAME")]
    public_names: Vec<String>,
    /// Resolver for looking up zones and CNAMEs; default the system's.
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns_resolver: Option<SocketAddr>,
    /// A directory whose programs DNS providers may run, and whose files they may write; may be given more than once.
    /// Default none: the provider types exec, acmesh, nsd and maradns are refused.
    #[arg(long = "dns-directory", value_name = "DIR")]
    dns_directories: Vec<PathBuf>,
    /// Answer http-01 challenges of CAs here, in plain HTTP, such as 0.0.0.0:80; default not at all.
    #[arg(long, value_name = "ADDRESS:PORT")]
    challenge_http_listen: Option<SocketAddr>,
    /// Answer tls-alpn-01 challenges of CAs here, such as 0.0.0.0:443; default not at all.
    #[arg(long, value_name = "ADDRESS:PORT")]
    challenge_tls_listen: Option<SocketAddr>,
}

#[derive(clap::Args)]
struct Init {
    #[command(flatten)]
    place: Place,
    /// Name of the administrator.
    #[arg(long, value_name = "NAME")]
    admin: String,
    /// File with the password, at least 12 characters; a final line break is not part of it.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Write an API token of the administrator here, readable by you alone; default standard output.
    #[arg(long, value_name = "OUT")]
    token_file: Option<PathBuf>,
}

impl Args {
    /// Whether this serves until it is stopped.
    pub(crate) const fn is_role(&self) -> bool {
        self.action.is_none()
    }
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    match args.action {
        Some(Action::Init(init)) => first_admin(init).await,
        None => serve(args.run).await,
    }
}

async fn serve(args: Run) -> Result<ExitCode> {
    let mut config = settings(&args.place)?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if args.dns_resolver.is_some() {
        config.dns_resolver = args.dns_resolver;
    }
    if args.challenge_http_listen.is_some() {
        config.challenge_http_listen = args.challenge_http_listen;
    }
    if args.challenge_tls_listen.is_some() {
        config.challenge_tls_listen = args.challenge_tls_listen;
    }
    config.public_names.extend(args.public_names);
    config.dns_directories.extend(args.dns_directories);
    let dir = config.data_dir.clone();
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!(
                "listening on {}: is another program using that port? choose one with --listen",
                config.listen
            )
        })?;
    let console = evercert_console::run(config, listener)
        .await
        .map_err(|error| remedied(error.remedy(), error))?;
    eprintln!("Console: https://{}", console.addr);
    eprintln!(
        "         clients trust it with --cacert {}",
        dir.join("console-ca.pem").display()
    );
    let challenges = [
        ("http-01", console.challenges.http),
        ("tls-alpn-01", console.challenges.tls),
    ];
    for (kind, address) in challenges {
        if let Some(address) = address {
            eprintln!("         answers {kind} challenges on {address}");
        }
    }
    if let Some(url) = &console.setup_url {
        eprintln!(
            "         there is no administrator yet; make one, once, at\n         {}",
            url.expose()
        );
    }
    let signal = super::stop::requested().await?;
    eprintln!("{signal}: stopping");
    console.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

async fn first_admin(init: Init) -> Result<ExitCode> {
    let text = std::fs::read_to_string(&init.password_file)
        .with_context(|| format!("reading --password-file {}", init.password_file.display()))?;
    let password = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
    let config = settings(&init.place)?;
    if let Some(file) = &init.token_file {
        // There is one first administrator: a token that cannot be written would be lost with it.
        config
            .make_data_dir()
            .map_err(|error| remedied(Some(error.remedy()), error))?;
        check_private(file)?;
    }
    let made = evercert_console::init_admin(&config, &init.admin, password)
        .await
        .map_err(refused)?;
    let Some(token) = made.token else {
        bail!("the Console made no token");
    };
    match &init.token_file {
        Some(file) => {
            write_private(file, &(token + "\n"))?;
            eprintln!(
                "administrator {} is made; its API token is in {}",
                init.admin,
                file.display()
            );
        }
        None => {
            output::print(&(token + "\n"))?;
            eprintln!(
                "administrator {} is made, with this API token; it is not shown again",
                init.admin
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The error with the remedy of its cause.
fn refused(error: InitError) -> anyhow::Error {
    match error {
        InitError::Open(error) => remedied(error.remedy(), error),
        InitError::Refused(mut problem) => {
            if problem.is(ProblemCode::SetupRefused) {
                problem.remedy = Some(
                    "Use that administrator's API token, or another --data-dir or --database."
                        .to_owned(),
                );
            }
            anyhow::Error::new(*problem).context("making the first administrator")
        }
        other => anyhow::Error::new(other),
    }
}

fn settings(place: &Place) -> Result<ConsoleConfig> {
    let mut config = match &place.config {
        Some(file) => {
            ConsoleConfig::from_file(file).map_err(|error| remedied(Some(error.remedy()), error))?
        }
        None => ConsoleConfig::default(),
    };
    if let Some(dir) = &place.data_dir {
        config.data_dir.clone_from(dir);
    } else if place.config.is_none() {
        bail!(
            "no data directory: give --data-dir DIR, where the Console keeps database and keys, such as \
             /var/lib/evercert (or set EVERCERT_DATA_DIR)"
        );
    }
    if place.database.is_some() {
        config.database_url.clone_from(&place.database);
    }
    Ok(config)
}

/// The error with its remedy on the next line.
fn remedied(
    remedy: Option<&'static str>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> anyhow::Error {
    let error = anyhow::Error::new(error);
    match remedy {
        Some(remedy) => anyhow::anyhow!("{error:#}\n  → {remedy}"),
        None => error,
    }
}
