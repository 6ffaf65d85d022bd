//! Skipping a test loudly when the program it needs is not installed.

use std::path::{Path, PathBuf};

use crate::process::StartError;

/// Directories of daemons that are often not in a user's PATH.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Where the program lies, looking into PATH and the system's sbin directories.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SBIN.iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The program's path.
///
/// # Errors
/// [`StartError::Missing`], with the Debian package that has it.
pub fn require_program(
    program: &'static str,
    package: &'static str,
) -> Result<PathBuf, StartError> {
    find_program(program).ok_or(StartError::Missing { program, package })
}

/// Says which test was skipped for want of which program: on standard error, and in the file that
/// `EVERCERT_SKIP_LOG` names, so that a runner that hides the output of passing tests can count it.
///
/// # Panics
/// Where nothing may be skipped: when the environment has `EVERCERT_NO_SKIP` (as in CI).
pub fn announce(reason: &StartError) {
    let thread = std::thread::current();
    let line = format!("SKIPPED {}: {reason}", thread.name().unwrap_or("test"));
    eprintln!("{line}");
    if let Some(file) = std::env::var_os("EVERCERT_SKIP_LOG") {
        record(Path::new(&file), &line);
    }
    assert!(
        std::env::var_os("EVERCERT_NO_SKIP").is_none(),
        "{line}, and nothing may be skipped here"
    );
}

fn record(file: &Path, line: &str) {
    use std::io::Write;
    let written = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut log| writeln!(log, "{line}"));
    if let Err(error) = written {
        eprintln!("cannot write {}: {error}", file.display());
    }
}

/// The started server, or a return from the test with a `SKIPPED` line when its program is missing.
///
/// Other failures to start fail the test. The calling function must return `()`.
#[macro_export]
macro_rules! start_or_skip {
    ($start:expr) => {
        match $start {
            Ok(server) => server,
            Err(reason @ $crate::StartError::Missing { .. }) => {
                $crate::skip::announce(&reason);
                return;
            }
            Err(failure) => panic!("{failure}"),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let missing = require_program("no-such-program", "no-such-package").unwrap_err();

        assert_eq!(
            missing.to_string(),
            "no-such-program is missing; install it with apt-get install no-such-package"
        );
        assert!(find_program("sh").is_some());
    }
}
