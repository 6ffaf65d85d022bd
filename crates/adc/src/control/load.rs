//! Reading ns.conf at start.

use evercert_ns::model::Config;
use evercert_ns::nsconf::{self, LineError, Parsed};
use evercert_ns::{Command, Verb};

use super::certkey::{expand, tell_family};
use super::draft::Draft;
use super::secrets::{Secrets, is_closed};
use crate::config::{NsConf, Unsupported};
use crate::error::StartError;
use crate::running::certkeys::CertKeys;

/// The configuration as ns.conf gives it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) certkeys: CertKeys,
    /// What of the file has no effect.
    pub(crate) warnings: Vec<String>,
    /// Lines that were left out, as they were read.
    pub(crate) unsupported: Vec<String>,
}

/// Carries out ns.conf.
///
/// # Errors
/// With every line at fault, unless those are to be skipped.
pub(crate) fn load(
    ns_conf: &NsConf,
    certkeys: CertKeys,
    secrets: &Secrets,
    unsupported: Unsupported,
) -> Result<Loaded, StartError> {
    let Parsed {
        commands,
        mut errors,
    } = nsconf::parse(&ns_conf.text);
    let mut loader = Loader {
        draft: Draft::new(Config::new(), certkeys),
        warnings: Vec::new(),
    };
    for (line, command) in commands {
        let command = secrets.opened(&command);
        if let Err(error) = loader.carry_out(line, &command) {
            errors.push(error);
        }
    }
    errors.sort_by_key(|error| error.line);
    if unsupported == Unsupported::Fail && !errors.is_empty() {
        return Err(StartError::Config {
            path: ns_conf.path.display().to_string(),
            complaints: errors.iter().map(LineError::to_string).collect(),
        });
    }
    loader.expand_bundles();
    let left_out = errors.iter().map(|error| {
        let (line, message) = (error.line, error.error.message());
        format!("line {line} was left out: {message} ({})", error.text)
    });
    let warnings: Vec<String> = left_out.chain(loader.warnings).collect();
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let lines: Vec<&str> = ns_conf.text.lines().collect();
    let read = |error: &LineError| {
        lines
            .get(error.line.checked_sub(1)?)
            .map(|line| line.trim())
    };
    Ok(Loaded {
        config: loader.draft.config,
        certkeys: loader.draft.certkeys,
        warnings,
        unsupported: errors.iter().filter_map(read).map(str::to_owned).collect(),
    })
}

struct Loader {
    draft: Draft,
    warnings: Vec<String>,
}

impl Loader {
    fn carry_out(&mut self, line: usize, command: &Command) -> Result<(), LineError> {
        let applied = self.draft.config.apply(command);
        let applied = applied.map_err(|error| LineError::of(line, command, error))?;
        let told = applied.warnings.iter();
        self.warnings
            .extend(told.map(|warning| format!("line {line}: {}", warning.message())));
        if is_closed(command) {
            self.warnings.push(format!(
                "line {line}: its secret was encrypted by another appliance and cannot be opened here; give it again"
            ));
        }
        let has_files = ["ssl certKey", "ssl certKeyBundle"].contains(&command.resource().name);
        if has_files && command.verb() == Verb::Add {
            self.read(&command.key());
        }
        Ok(())
    }

    /// An unusable file of a certkey that nobody uses is no reason not to start.
    fn read(&mut self, name: &str) {
        let Some(view) = self
            .draft
            .config
            .certkey(name)
            .filter(|view| !view.is_factory)
        else {
            return;
        };
        match self.draft.certkeys.read(&view) {
            Ok(read) => tell_family(&mut self.draft.config, &view.name, &read),
            Err(error) => self.warnings.push(format!(
                "{error}; binding it fails until the files are right (then `update ssl certKey {}`)",
                view.name
            )),
        }
    }

    /// A bundle whose intermediates nobody linked: ns.conf was written by hand.
    fn expand_bundles(&mut self) {
        let bundles = self.draft.config.certkeys();
        let bundles: Vec<_> = bundles
            .filter(|view| view.bundle && view.linked.is_none())
            .collect();
        for view in bundles {
            let Some(loaded) = self.draft.certkeys.loaded(&view.name).cloned() else {
                continue;
            };
            if let Err(error) = expand(&mut self.draft, &view, &loaded) {
                self.warnings.push(format!(
                    "certkey {}: its bundle was not opened: {error}",
                    view.name
                ));
            }
        }
    }
}
