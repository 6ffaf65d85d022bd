//! The executable under test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says which executable all journeys of this process use; too late once one has begun.
pub fn choose(program: PathBuf) {
    drop(PROGRAM.set(program));
}

/// Path of the `evercert` executable: what `EVERCERT_PROGRAM` names (an installed one, say), or the workspace's own,
/// built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
pub fn evercert() -> &'static PathBuf {
    PROGRAM.get_or_init(|| {
        if let Some(given) = std::env::var_os("EVERCERT_PROGRAM") {
            return given.into();
        }
        // The same selection as a plain `cargo build` (the workspace's default member), so nothing is built twice.
        let built = Command::new(env!("CARGO"))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .args(["build", "--quiet"])
            .status()
            .expect("cargo runs: it started this test");
        assert!(built.success(), "building the evercert executable failed");
        let test = std::env::current_exe().expect("a running program has a path");
        // target/debug/deps/it-… → target/debug/evercert
        let dir = test
            .parent()
            .and_then(std::path::Path::parent)
            .expect("tests lie in target/<profile>/deps");
        let program = dir.join("evercert");
        assert!(program.is_file(), "{} is missing", program.display());
        program
    })
}
