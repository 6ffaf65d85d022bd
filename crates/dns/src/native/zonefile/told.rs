//! Running a short program to tell a server something: no shell, little environment, a time limit.

use std::path::Path;
use std::time::Duration;

use crate::error::{DnsError, Fault, Step};
use crate::native::process::{self, Ended};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs the program with its arguments; what it says is in the error.
pub(super) async fn run(code: &'static str, step: Step, words: &[String]) -> Result<(), DnsError> {
    let failed = |what: String| DnsError::new(code, step, Fault::Configuration, what);
    let [program, arguments @ ..] = words else {
        return Err(failed("there is no command to run".to_owned()));
    };
    let mut command = process::command(Path::new(program));
    command.args(arguments);
    match process::run(command, LIMIT).await {
        Ended::Well => Ok(()),
        Ended::Badly(status, output) => Err(failed(format!("{program} failed"))
            .with_status(status.to_string())
            .with_output(&output, &[])
            .with_remedy("run the command by hand as this host's service user")),
        Ended::TooLate(output) => {
            let what = format!("{program} did not end within {LIMIT:?}");
            Err(failed(what).with_output(&output, &[]))
        }
        Ended::Never(cause) => Err(failed(format!("{program} cannot be started")).caused_by(cause)),
    }
}
