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

/// Prints the line that says which test was skipped for want of which program.
pub fn announce(reason: &StartError) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test");
    eprintln!("SKIPPED {test}: {reason}");
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
