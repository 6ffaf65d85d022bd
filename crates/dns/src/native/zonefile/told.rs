//! Running a short program to tell a server something: no shell, little environment, a time limit.

use std::path::Path;
use std::time::Duration;

use crate::error::{DnsError, Fault, Step};
use crate::native::process::{self, Ended};

/// Runs the program with its arguments for at most so long; what it says is in the error.
pub(super) async fn run(
    code: &'static str,
    step: Step,
    words: &[String],
    limit: Duration,
) -> Result<(), DnsError> {
    let failed = |fault, what: String| DnsError::new(code, step, fault, what);
    let [program, arguments @ ..] = words else {
        let what = "there is no command to run".to_owned();
        return Err(failed(Fault::Configuration, what));
    };
    let mut command = process::command(Path::new(program));
    command.args(arguments);
    match process::run(command, limit).await {
        Ended::Well => Ok(()),
        // A server that starts anew just then is there a moment later.
        Ended::Badly(status, output) => Err(failed(Fault::Provider, format!("{program} failed"))
            .with_status(status.to_string())
            .with_output(&output, &[])
            .with_remedy("run the command by hand as this host's service user")),
        Ended::TooLate(output) => {
            let what = format!("{program} did not end within {limit:?}");
            Err(failed(Fault::Provider, what).with_output(&output, &[]))
        }
        Ended::Never(cause) => {
            let what = format!("{program} cannot be started");
            Err(failed(Fault::Configuration, what).caused_by(cause))
        }
    }
}
