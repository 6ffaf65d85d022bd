//! `evercert shell`: NetScaler's command line at a local or remote ADC.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use evercert_types::Secret;

use crate::output::{self, Output};
use crate::password::read as read_password;
use crate::shell::batch::{self, Echo, OnError, Style};
use crate::shell::{Asking, Login, Pin, Remote, Session, Socket, Trust, Wire, editor};

/// Where `--help` shows how to reach an ADC.
const HEADING: &str = "The ADC";
/// Environment variable with the password of `--user`.
const PASSWORD: &str = "EVERCERT_NITRO_PASSWORD";

/// `evercert shell`.
#[derive(clap::Args)]
#[command(
    after_help = "Without -c and -f, lines are read from the terminal or from standard input. \
    Answers go to standard output, errors to standard error. Inside, `help` explains the commands."
)]
pub(crate) struct Args {
    /// Execute this line and leave; may be given several times.
    #[arg(short, long, value_name = "LINE", conflicts_with = "file")]
    command: Vec<String>,
    /// Execute the lines of this file and leave; lines that begin with # are comments.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// After an error, execute the lines that follow all the same.
    #[arg(long)]
    keep_going: bool,
    /// State directory of an ADC on this machine, whose owner is nsroot.
    #[arg(
        long,
        value_name = "DIR",
        env = "EVERCERT_ADC_STATE_DIR",
        required_unless_present = "nitro",
        help_heading = HEADING
    )]
    state_dir: Option<PathBuf>,
    /// Address of an ADC's NITRO interface, such as `https://192.0.2.10:443`.
    #[arg(
        long,
        value_name = "URL",
        env = "EVERCERT_NITRO",
        conflicts_with = "state_dir",
        help_heading = HEADING
    )]
    nitro: Option<String>,
    /// Who logs in there.
    #[arg(long, value_name = "NAME", default_value = "nsroot", help_heading = HEADING)]
    user: String,
    /// File with the password, as @FILE; else `EVERCERT_NITRO_PASSWORD`, else it is asked for.
    #[arg(long, value_name = "@FILE", requires = "nitro", help_heading = HEADING)]
    password: Option<String>,
    /// PEM file of the CA that the ADC's certificate is checked against; default: the system's.
    #[arg(
        long,
        value_name = "PEM",
        requires = "nitro",
        conflicts_with = "fingerprint",
        help_heading = HEADING
    )]
    ca: Option<PathBuf>,
    /// SHA-256 of the ADC's certificate, which is trusted then, and no other.
    #[arg(long, value_name = "SHA256", requires = "nitro", help_heading = HEADING)]
    fingerprint: Option<Pin>,
    /// NetScaler's text, or NITRO's rows as JSON.
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

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let wire = args.wire().await?;
    let at_terminal = std::io::stdin().is_terminal();
    let interactive = args.command.is_empty() && args.file.is_none() && at_terminal;
    let asking = if at_terminal && args.file.is_none() {
        Asking::Person
    } else {
        Asking::Nobody
    };
    let session = Session::new(wire, args.output, asking);
    if interactive {
        eprintln!(
            "evercert {}: {}. `help` explains the commands, `exit` leaves.",
            env!("CARGO_PKG_VERSION"),
            session.whoami()
        );
        return editor::run(session).await.map(ExitCode::from);
    }
    let exit = args.execute(&session).await;
    if let Err(error) = session.close().await {
        tracing::warn!("{error:#}");
    }
    exit.map(ExitCode::from)
}

impl Args {
    /// The lines of `-c`, of `-f`, or of standard input.
    async fn execute(&self, session: &Session) -> Result<u8> {
        let on_error = if self.keep_going {
            OnError::KeepGoing
        } else {
            OnError::Stop
        };
        let echo = if self.command.is_empty() && self.output == Output::Table {
            Echo::Lines
        } else {
            Echo::Nothing
        };
        let style = Style { on_error, echo };
        match &self.file {
            Some(file) => batch::file(session, file, style).await,
            None if self.command.is_empty() => {
                let mut text = String::new();
                std::io::stdin()
                    .read_to_string(&mut text)
                    .context("reading commands from standard input")?;
                batch::run(session, &text, style).await
            }
            None => batch::run(session, &self.command.join("\n"), style).await,
        }
    }

    async fn wire(&self) -> Result<Wire> {
        let (Some(url), None) = (&self.nitro, &self.state_dir) else {
            let dir = self.state_dir.as_ref().context("--state-dir is missing")?;
            return Ok(Wire::Local(Socket::of(dir)));
        };
        let login = Login {
            url: url.clone(),
            user: self.user.clone(),
            password: self.password()?,
            trust: self.trust()?,
        };
        Remote::connect(login).await.map(Wire::Remote)
    }

    fn trust(&self) -> Result<Trust> {
        if let Some(pin) = &self.fingerprint {
            return Ok(Trust::Pinned(pin.clone()));
        }
        match &self.ca {
            Some(file) => std::fs::read_to_string(file)
                .map(Trust::Roots)
                .with_context(|| format!("reading --ca {}", file.display())),
            None => Ok(Trust::System),
        }
    }

    fn password(&self) -> Result<Secret<String>> {
        if let Some(given) = &self.password {
            let Some(file) = given.strip_prefix('@') else {
                bail!(
                    "--password takes @FILE, because others on this machine can read command lines; \
                     or set {PASSWORD}, or leave it out to be asked"
                );
            };
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("reading the password from {file} (--password)"))?;
            return Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        match std::env::var(PASSWORD) {
            Ok(password) if !password.is_empty() => Ok(Secret::new(password)),
            _ => read_password(&format!("Password of {}: ", self.user))
                .with_context(|| format!("no password: give --password @FILE, or set {PASSWORD}")),
        }
    }
}
