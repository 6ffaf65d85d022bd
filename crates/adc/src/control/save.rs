//! The configuration as text: `save ns config` with its backups, `diff ns config`, `show ns runningConfig`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evercert_ns::model::Config;
use evercert_ns::{Command, NsError, codes, grammar, nsconf};
use jiff::Timestamp;

use super::secrets::Secrets;
use crate::files::{Files, replace};

/// Backups that are kept: `ns.conf.0`, the last, to `ns.conf.4`.
const BACKUPS: usize = 5;
/// Before lines that were read and are not supported; they are written back so that nothing is lost.
const UNSUPPORTED: &str = "# The following lines are not supported and have no effect.";

/// The running configuration's text, with secrets encrypted.
pub(super) fn text(config: &Config, secrets: &Secrets) -> String {
    let mut text = format!("#{}\n", nsconf::RELEASE);
    for line in lines(config, secrets) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn lines(config: &Config, secrets: &Secrets) -> impl Iterator<Item = String> {
    let commands = config.to_commands().into_iter();
    commands.map(|command| grammar::print(&secrets.sealed(&command)))
}

/// Writes ns.conf, whole or not at all; the one that is there becomes `ns.conf.0`.
///
/// # Errors
/// When the system refuses; ns.conf is as before then.
pub(super) fn save(
    path: &Path,
    config: &Config,
    unsupported: &[String],
    secrets: &Secrets,
    now: Timestamp,
) -> io::Result<()> {
    let date = now.strftime("%a %b %e %H:%M:%S %Y");
    let mut text = text(config, secrets);
    let first = text.find('\n').map_or(0, |end| end + 1);
    text.insert_str(
        first,
        &format!("# Last modified by `save config`, {date}\n"),
    );
    if !unsupported.is_empty() {
        text.push_str(UNSUPPORTED);
        text.push('\n');
    }
    for line in unsupported {
        text.push_str(line);
        text.push('\n');
    }
    back_up(path)?;
    replace(path, text.as_bytes())
}

fn back_up(path: &Path) -> io::Result<()> {
    let backup = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let current = match fs::read(path) {
        Ok(current) => current,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for number in (1..BACKUPS).rev() {
        match fs::rename(backup(number - 1), backup(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    replace(&backup(0), &current)
}

/// What `diff ns config` answers: lines of the first configuration that the second has not after `-`, the others
/// after `+`. Without arguments the first is the saved one and the second the running one; otherwise they are files
/// in /nsconfig, or `running`, or `saved`.
///
/// # Errors
/// 301 for another form than lines, 1155 when a file cannot be read.
pub(super) fn diff(
    command: &Command,
    config: &Config,
    secrets: &Secrets,
    ns_conf: &Path,
    files: &Files,
) -> Result<String, NsError> {
    if command.text("outType") == Some("xml") {
        return Err(NsError::about(&codes::NOT_SUPPORTED, "outType xml"));
    }
    let read = |path: &Path, name: &str| -> Result<Vec<String>, NsError> {
        let text = fs::read_to_string(path).map_err(|error| {
            tracing::info!(path = %path.display(), %error, "a configuration cannot be read");
            NsError::about(&codes::NO_SUCH_FILE, name)
        })?;
        Ok(canonical(&text, secrets))
    };
    let side = |argument: &str, usual: &str| match command.text(argument).unwrap_or(usual) {
        "running" => Ok(lines(config, secrets).collect()),
        "saved" => read(ns_conf, "ns.conf"),
        name => {
            let path = match name.starts_with('/') {
                true => files.mapped(name),
                false => files.mapped(&format!("/nsconfig/{name}")),
            };
            let path = path.ok_or_else(|| NsError::about(&codes::NO_SUCH_FILE, name))?;
            read(&path, name)
        }
    };
    let (first, second) = (side("config1", "saved")?, side("config2", "running")?);
    Ok(difference(&first, &second))
}

/// The commands of a text as they would be saved, so that spelling makes no difference.
fn canonical(text: &str, secrets: &Secrets) -> Vec<String> {
    let parsed = nsconf::parse(text);
    let mut lines: Vec<(usize, String)> = parsed
        .commands
        .iter()
        .map(|(number, command)| {
            let command = secrets.sealed(&secrets.opened(command));
            (*number, grammar::print(&command))
        })
        .chain(
            parsed
                .errors
                .iter()
                .map(|error| (error.line, error.text.clone())),
        )
        .collect();
    lines.sort_by_key(|(number, _)| *number);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn difference(first: &[String], second: &[String]) -> String {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for line in second {
        *counts.entry(line).or_default() += 1;
    }
    let mut text = String::new();
    for line in first {
        let left = counts.entry(line).or_default();
        *left -= 1;
        if *left < 0 {
            text.push_str(&format!("- {line}\n"));
        }
    }
    for line in second {
        if let Some(left) = counts.get_mut(line.as_str()).filter(|left| **left > 0) {
            *left -= 1;
            text.push_str(&format!("+ {line}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_tells_what_is_only_in_one() {
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };

        let told = difference(&lines("a\nb\nb\nc"), &lines("c\nb\nd\na"));

        assert_eq!(told, "- b\n+ d\n");
        assert_eq!(difference(&lines("a\nb"), &lines("b\na")), "");
    }

    #[test]
    fn five_backups_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ns.conf");
        for number in 0..8 {
            fs::write(&path, number.to_string()).unwrap();
            back_up(&path).unwrap();
        }

        let read = |name: String| fs::read_to_string(dir.path().join(name)).unwrap();
        let kept: Vec<_> = (0..5)
            .map(|number| read(format!("ns.conf.{number}")))
            .collect();
        assert_eq!(kept, ["7", "6", "5", "4", "3"]);
        assert!(!dir.path().join("ns.conf.5").exists());
    }
}
