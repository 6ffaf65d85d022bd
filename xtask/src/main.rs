//! Chores of the repository: `cargo xtask layers|tidy|lean|evidence`.

mod evidence;
mod layers;
mod lean;
mod metadata;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>
  layers   check that each crate uses only the crates below it
  tidy     check files: length, ignored tests, stubs, machine paths
  lean     check that a data plane built alone has no SQL and no ACME client
  evidence check that the tests named in docs/reference are there";

fn main() -> ExitCode {
    let chore = std::env::args().nth(1);
    let outcome = match chore.as_deref() {
        Some("layers") => layers::check(),
        Some("tidy") => tidy::check(),
        Some("lean") => lean::check(),
        Some("evidence") => evidence::check(std::path::Path::new(".")),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(report) => {
            eprintln!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
