//! Reading ns.conf at start, and certkeys' files when they are named.

use evercert_ns::model::Config;
use evercert_ns::nsconf::{self, LineError, Policy};

use super::certkey::{expand, tell_family};
use super::draft::Draft;
use crate::config::NsConf;
use crate::error::StartError;
use crate::running::certkeys::CertKeys;

/// The configuration as ns.conf gives it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) certkeys: CertKeys,
    /// What of the file has no effect.
    pub(crate) warnings: Vec<String>,
}

/// Carries out ns.conf.
///
/// # Errors
/// With every line at fault.
pub(crate) fn load(ns_conf: &NsConf, mut certkeys: CertKeys) -> Result<Loaded, StartError> {
    let loaded =
        nsconf::load(&ns_conf.text, Policy::Strict).map_err(|error| StartError::Config {
            path: ns_conf.path.display().to_string(),
            complaints: error.errors.iter().map(LineError::to_string).collect(),
        })?;
    let told = loaded.warnings.iter();
    let mut warnings: Vec<String> = told
        .map(|(line, warning)| format!("line {line}: {}", warning.message()))
        .collect();
    let mut config = loaded.config;
    let views: Vec<_> = config.certkeys().filter(|view| !view.is_factory).collect();
    for view in views {
        match certkeys.read(&view) {
            Ok(read) => tell_family(&mut config, &view.name, &read),
            Err(error) => warnings.push(format!(
                "{error}; binding it fails until the files are right (then `update ssl certKey {}`)",
                view.name
            )),
        }
    }
    let mut draft = Draft::new(config, certkeys);
    warnings.extend(expand_bundles(&mut draft));
    let Draft {
        config, certkeys, ..
    } = draft;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(Loaded {
        config,
        certkeys,
        warnings,
    })
}

/// A bundle whose intermediates nobody linked: ns.conf was written by hand.
fn expand_bundles(draft: &mut Draft) -> Vec<String> {
    let bundles = draft.config.certkeys();
    let bundles: Vec<_> = bundles
        .filter(|view| view.bundle && view.linked.is_none())
        .collect();
    let mut warnings = Vec::new();
    for view in bundles {
        let Some(loaded) = draft.certkeys.loaded(&view.name).cloned() else {
            continue;
        };
        if let Err(error) = expand(draft, &view, &loaded) {
            warnings.push(format!(
                "certkey {}: its bundle was not opened: {error}",
                view.name
            ));
        }
    }
    warnings
}
