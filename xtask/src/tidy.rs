//! What a reader would otherwise have to watch for: long files, ignored tests, stubs, machine paths.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Files are split before this many lines.
const MAX_LINES: usize = 600;

/// Tables of data, which may be longer.
const TABLES: &[&str] = &["crates/ns/src/catalog/", "crates/ns/src/codes.rs"];

/// Texts that must not stand in Rust sources, and why. Written in halves, so that this file passes.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    (
        "#[ign",
        "ore",
        "tests are never ignored; skip loudly when a program is missing",
    ),
    ("tod", "o!(", "no stubs"),
    ("unimpl", "emented!(", "no stubs"),
    ("FIX", "ME", "mend it, or file an issue"),
    ("TO", "DO", "do it, or file an issue"),
    ("/ro", "ot/", "no machine paths"),
    ("/wo", "rk/", "no machine paths"),
];

/// Checks every file that git tracks.
pub(crate) fn check() -> Result<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "*.rs"])
        .output()
        .context("running git ls-files")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listing = String::from_utf8(output.stdout).context("reading git ls-files")?;
    let files: Vec<&str> = listing
        .split('\0')
        .filter(|file| !file.is_empty())
        .collect();
    let mut wrong = Vec::new();
    for file in &files {
        // A file deleted but not yet committed is listed and not there.
        if let Ok(text) = std::fs::read_to_string(file) {
            wrong.extend(complaints(file, &text));
        }
    }
    if !wrong.is_empty() {
        bail!("not tidy:\n  {}", wrong.join("\n  "));
    }
    Ok(format!("tidy: {} files", files.len()))
}

fn complaints(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES && !TABLES.iter().any(|folder| file.starts_with(folder)) {
        found.push(format!(
            "{file}: {lines} lines; split it by reason to exist before {MAX_LINES}"
        ));
    }
    if !text.trim_start().starts_with("//!") {
        found.push(format!(
            "{file}:1: begins without a //! line that says what it is for"
        ));
    }
    for (number, line) in text.lines().enumerate() {
        for (head, tail, why) in FORBIDDEN {
            if line.contains(&format!("{head}{tail}")) {
                found.push(format!("{file}:{}: \"{head}{tail}\": {why}", number + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_untidiness_is_found() {
        let ignored = format!("//! x\n#[ign{}]\n", "ore");
        let long = "//! x\n".to_owned() + &"\n".repeat(MAX_LINES);

        assert_eq!(complaints("a.rs", &ignored).len(), 1);
        assert_eq!(complaints("a.rs", &long).len(), 1);
        assert!(complaints("crates/ns/src/catalog/a.rs", &long).is_empty());
        assert_eq!(complaints("a.rs", "fn main() {}").len(), 1);
        assert!(complaints("a.rs", "//! x\nfn main() {}").is_empty());
    }
}
