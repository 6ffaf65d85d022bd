//! `evercert adc`: the data plane, and looking into a running one.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;
use evercert_adc::admin::{self, AdminError};
use evercert_adc::config::{AdcConfig, ConsoleLink, Exposure, NitroConfig, NsConf, Polling};
use evercert_adc::status::ZeroTouchStatus;
use evercert_adc::{Adc, Explanation, Outcome, Status, Unsupported};
use evercert_types::{Secret, parse_span};

use crate::exit;
use crate::output::{self, Output};

/// Where `--help` shows the management interface.
const NITRO: &str = "NITRO";

/// `evercert adc`.
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
    /// Say which certificate a client would get from a running ADC, and why the others lost.
    Explain(Explain),
    /// Show a running ADC: virtual servers, zero touch, certificates.
    Status(StatusArgs),
}

#[derive(clap::Args)]
struct Run {
    /// The configuration, in NetScaler's language.
    #[arg(long, value_name = "FILE", required = true)]
    ns_conf: Option<PathBuf>,
    /// What becomes of lines of the configuration that are not supported or cannot be carried out.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    on_unsupported: OnUnsupported,
    /// Directory of identity, sealed cache and status socket; made when it is not there.
    #[arg(long, value_name = "DIR", required = true)]
    state_dir: Option<PathBuf>,
    /// The Console whose zero-touch store is followed; without one, what the sealed cache holds is served.
    #[arg(long, value_name = "URL", env = "EVERCERT_CONSOLE")]
    console: Option<String>,
    /// One-time token of `evercert instance token create`; not needed once enrolled. `@FILE` reads it from a file.
    #[arg(
        long,
        value_name = "T",
        env = "EVERCERT_ENROLL_TOKEN",
        hide_env_values = true,
        requires = "console"
    )]
    enroll_token: Option<String>,
    /// How often to ask the Console when not long-polling, and the longest pause after failures.
    #[arg(long, value_name = "SPAN", default_value = "600s", value_parser = parse_span)]
    poll_interval: jiff::SignedDuration,
    /// Do not wait at the Console for changes: poll only.
    #[arg(long)]
    no_long_poll: bool,
    /// Wanted instance name; default the host's.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A further address that answers http-01 challenges of CAs and nothing else, where no virtual server speaks
    /// HTTP at port 80, such as 0.0.0.0:80.
    #[arg(long, value_name = "ADDRESS:PORT")]
    challenge_listen: Option<std::net::SocketAddr>,
    /// Offer NITRO, NetScaler's HTTP API, over HTTPS at this address; a local `evercert shell` needs none.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = NITRO)]
    nitro_listen: Option<std::net::SocketAddr>,
    /// The certkey that NITRO is served with; default ns-server-certificate, or else one made in the state directory.
    #[arg(long, value_name = "CERTKEY", requires = "nitro_listen", help_heading = NITRO)]
    nitro_certificate: Option<String>,
    /// Offer NITRO over HTTP too, where passwords travel in clear text: an address of this machine only.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = NITRO)]
    nitro_http_listen: Option<std::net::SocketAddr>,
    /// NITRO over HTTP may be reached from other machines.
    #[arg(long, requires = "nitro_http_listen", help_heading = NITRO)]
    nitro_http_anywhere: bool,
    /// Served where no other certificate fits: a certkey, or a name that a zero-touch certificate serves.
    #[arg(long, value_name = "NAME")]
    default_certificate: Option<String>,
    /// File with the key of the sealed cache, such as a systemd credential; default `cache.key` in the state directory.
    #[arg(long, value_name = "FILE")]
    cache_key: Option<PathBuf>,
    /// How long requests may take to finish when it is stopped.
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = parse_span)]
    drain: jiff::SignedDuration,
}

/// What becomes of lines that are not supported.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum OnUnsupported {
    /// Do not start; all of them are told with their numbers.
    #[default]
    Fail,
    /// Leave them out, and report them in the log and in the status.
    Skip,
}

#[derive(clap::Args)]
struct Explain {
    /// State directory of the running ADC.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// The server name that the client sends; leave it out for a client that sends none.
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// Only this virtual server.
    #[arg(long, value_name = "V")]
    vserver: Option<String>,
    /// What the client can verify: ecdsa, ecdsa-p256, ecdsa-p384, rsa; default ecdsa and rsa.
    #[arg(long, value_name = "A,A")]
    sigalgs: Option<String>,
    /// How results are printed.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = output::HEADING
    )]
    output: Output,
}

#[derive(clap::Args)]
struct StatusArgs {
    /// State directory of the running ADC.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// How results are printed.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = output::HEADING
    )]
    output: Output,
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
        Some(Action::Explain(explain)) => explain_choice(&explain).await,
        Some(Action::Status(status)) => show_status(&status).await,
        None => serve(args.run).await,
    }
}

async fn serve(args: Run) -> Result<ExitCode> {
    let path = args.ns_conf.context("--ns-conf FILE is missing")?;
    let state_dir = args.state_dir.context("--state-dir DIR is missing")?;
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("reading --ns-conf {}", path.display()))?;
    let mut config = AdcConfig::new(NsConf { text, path }, state_dir);
    config.name = args
        .name
        .or_else(host_name)
        .unwrap_or_else(|| "adc".to_owned());
    config.default_certificate = args.default_certificate;
    config.challenge_listen = args.challenge_listen;
    config.cache_key = args.cache_key;
    config.nitro = NitroConfig {
        https: args.nitro_listen,
        http: args.nitro_http_listen,
        http_exposure: if args.nitro_http_anywhere {
            Exposure::Anywhere
        } else {
            Exposure::Loopback
        },
        certificate: args.nitro_certificate,
    };
    config.unsupported = match args.on_unsupported {
        OnUnsupported::Fail => Unsupported::Fail,
        OnUnsupported::Skip => Unsupported::Skip,
    };
    if let Some(url) = args.console {
        let mut link = ConsoleLink::new(url, args.enroll_token.map(token).transpose()?);
        link.poll_interval = Duration::try_from(args.poll_interval).context("--poll-interval")?;
        link.polling = if args.no_long_poll {
            Polling::Plain
        } else {
            Polling::Long
        };
        config.console = Some(link);
    }
    let adc = Adc::start(config).await.map_err(|error| {
        let remedy = error.remedy();
        anyhow::anyhow!("{:#}\n  → {remedy}", anyhow::Error::new(error))
    })?;
    for (name, address) in adc.vserver_addrs() {
        eprintln!("ADC: {name} on {address}");
    }
    let nitro = adc.nitro_addrs();
    for (scheme, address) in [("https", nitro.https), ("http", nitro.http)] {
        if let Some(address) = address {
            eprintln!("ADC: NITRO on {scheme}://{address}");
        }
    }
    let signal = super::stop::requested().await?;
    eprintln!("{signal}: draining");
    let drained = adc
        .shutdown(Duration::try_from(args.drain).context("--drain")?)
        .await;
    tracing::debug!(?drained, "stopped");
    Ok(ExitCode::SUCCESS)
}

fn token(text: String) -> Result<Secret<String>> {
    match text.strip_prefix('@') {
        Some(file) => {
            let read = std::fs::read_to_string(file)
                .with_context(|| format!("reading --enroll-token {text}"))?;
            Ok(Secret::new(read.trim().to_owned()))
        }
        None => Ok(Secret::new(text)),
    }
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

async fn explain_choice(args: &Explain) -> Result<ExitCode> {
    let mut path = "/explain?".to_owned();
    for (key, value) in [
        ("sni", &args.sni),
        ("vserver", &args.vserver),
        ("sigalgs", &args.sigalgs),
    ] {
        if let Some(value) = value {
            path += &format!("{key}={}&", escaped(value));
        }
    }
    let answer = match admin::query(&args.state_dir, path.trim_end_matches('&')).await {
        Err(AdminError::Refused {
            status: 404,
            detail,
        }) => {
            eprintln!("error: {detail}");
            return Ok(ExitCode::from(exit::NOT_FOUND));
        }
        other => other.map_err(remedied)?,
    };
    if args.output == Output::Json {
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let explanations: Vec<Explanation> = serde_json::from_value(answer["explanations"].clone())
        .context("reading the ADC's answer")?;
    if explanations.is_empty() {
        eprintln!("no virtual server that speaks TLS is listening; `evercert adc status` says why");
    }
    for explanation in &explanations {
        output::print(&tell(explanation))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(explanation: &Explanation) -> String {
    let name = explanation.sni.as_deref().unwrap_or("(no server name)");
    let mut text = format!("{} for {name}\n", explanation.vserver);
    for (number, step) in (1..).zip(&explanation.steps) {
        let wanted = if step.looked_for.is_empty() {
            String::new()
        } else {
            format!(" {}", step.looked_for)
        };
        text += &format!("  {number}. {}{wanted}\n", step.step);
        if step.candidates.is_empty() {
            text += "       nothing\n";
        }
        for candidate in &step.candidates {
            let mark = if candidate.chosen { "→" } else { " " };
            let generation = candidate
                .generation
                .map_or_else(String::new, |g| format!(", generation {g}"));
            text += &format!(
                "     {mark} {} ({}{generation}, until {}): {}\n",
                candidate.certificate,
                candidate.algorithm,
                candidate.not_after.strftime("%Y-%m-%d"),
                candidate.why
            );
        }
    }
    text + &match &explanation.outcome {
        Outcome::Served { certificate, .. } => format!("  served: {certificate}\n"),
        Outcome::Refused { alert, why } => format!("  refused ({alert}): {why}\n"),
    }
}

async fn show_status(args: &StatusArgs) -> Result<ExitCode> {
    let answer = ask(&args.state_dir, "/status").await?;
    if args.output == Output::Json {
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let status: Status = serde_json::from_value(answer).context("reading the ADC's answer")?;
    output::print(&overview(&status))?;
    let vservers: Vec<_> = status
        .vservers
        .iter()
        .map(|v| {
            let source = match (v.zero_touch, v.kind.starts_with("SSL")) {
                (true, _) => "zero touch",
                (false, true) => "bound by hand",
                (false, false) => "-",
            };
            let services: Vec<_> = v
                .services
                .iter()
                .map(|s| format!("{} {}", s.name, if s.up { "UP" } else { "DOWN" }))
                .collect();
            vec![
                v.name.clone(),
                v.kind.clone(),
                v.address.to_string(),
                source.to_owned(),
                services.join(", "),
            ]
        })
        .collect();
    if !vservers.is_empty() {
        output::print("\n")?;
        output::table(
            &["VSERVER", "TYPE", "ADDRESS", "CERTIFICATES", "SERVICES"],
            &vservers,
        )?;
    }
    let items: Vec<_> = status
        .zero_touch
        .items
        .iter()
        .map(|i| {
            let until = i
                .not_after
                .map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string());
            vec![
                i.certificate.clone(),
                i.algorithm.to_string(),
                i.generation.to_string(),
                i.state.to_string(),
                i.handshakes.to_string(),
                until,
                i.detail.clone().unwrap_or_else(|| i.names.join(",")),
            ]
        })
        .collect();
    if items.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output::print("\n")?;
    output::table(
        &[
            "CERTIFICATE",
            "KEY",
            "GENERATION",
            "STATE",
            "HANDSHAKES",
            "UNTIL",
            "NAMES",
        ],
        &items,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn overview(status: &Status) -> String {
    let zero_touch = &status.zero_touch;
    let word = serde_json::to_value(zero_touch.state)
        .ok()
        .and_then(|v| v.as_str().map(|word| word.replace('_', " ")))
        .unwrap_or_default();
    let counts = &zero_touch.counts;
    let mut text = format!("{} {}: zero touch {word}\n", status.name, status.version);
    if let Some(console) = &zero_touch.console {
        text += &format!("  Console {console}\n  {}\n", contact(zero_touch));
    }
    text += &format!(
        "  revision {}, {} items ({} active, {} staged, {} rejected, {} expired), {} names\n",
        zero_touch.revision,
        counts.held,
        counts.active,
        counts.staged,
        counts.rejected,
        counts.expired,
        zero_touch.names,
    );
    if zero_touch.challenges > 0 {
        text += &format!("  answering {} challenges of CAs\n", zero_touch.challenges);
    }
    let troubles = [
        &zero_touch.detail,
        &zero_touch.remedy,
        &zero_touch.cache.problem,
        &zero_touch.cache.remedy,
    ];
    for line in troubles.into_iter().flatten() {
        text += &format!("  ! {line}\n");
    }
    for warning in &status.warnings {
        text += &format!("  ! {warning}\n");
    }
    text
}

/// When the Console was heard last, and what comes next.
fn contact(zero_touch: &ZeroTouchStatus) -> String {
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let last = zero_touch
        .last_success_at
        .map_or_else(|| "never".to_owned(), time);
    let next = zero_touch.next_poll_at.map_or_else(
        || "now waiting at the Console for changes".to_owned(),
        |at| format!("next poll {}", time(at)),
    );
    format!("last answer {last}, {next}")
}

async fn ask(state_dir: &std::path::Path, path: &str) -> Result<serde_json::Value> {
    admin::query(state_dir, path).await.map_err(remedied)
}

fn remedied(error: AdminError) -> anyhow::Error {
    let remedy = error.remedy();
    anyhow::anyhow!("{:#}\n  → {remedy}", anyhow::Error::new(error))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
