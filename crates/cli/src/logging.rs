//! Log lines, on standard error.

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging: roles tell what they do, client commands only warnings, unless more is asked for.
///
/// `EVERCERT_LOG` overrides with tracing's directives, such as `evercert_console=debug`.
pub(crate) fn init(verbose: u8, format: Format, role: bool) {
    let ours = |level: &str| {
        ["acme", "adc", "ca", "console", "db", "dns"]
            .iter()
            .map(|name| format!("evercert_{name}={level}"))
            .chain(["evercert".to_owned() + "=" + level])
            .collect::<Vec<_>>()
            .join(",")
    };
    let default = match (verbose, role) {
        // The error that a client command ends with says it, and what to do about it.
        (0, false) => "warn,rustls_platform_verifier=off".to_owned(),
        (0, true) => format!("warn,{}", ours("info")),
        (1, _) => format!("info,{}", ours("debug")),
        _ => format!("debug,{}", ours("trace")),
    };
    let filter =
        EnvFilter::try_from_env("EVERCERT_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start (in tests) keeps the first.
    let started = match format {
        Format::Text => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr())
                && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colour).with_target(false).try_init()
        }
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started);
}
