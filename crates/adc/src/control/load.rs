//! Reading ns.conf at start, and certkeys' files when they are named.

use evercert_ns::model::Config;
use evercert_ns::nsconf::{self, LineError, Policy};
use evercert_ns::{Command, NsError, Verb};

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
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(Loaded {
        config,
        certkeys,
        warnings,
    })
}

/// Reads what a command names.
///
/// # Errors
/// 1647, 1536 to 1538 for files that cannot be used.
pub(crate) fn certkey(
    config: &mut Config,
    certkeys: &mut CertKeys,
    command: &Command,
) -> Result<(), NsError> {
    if command.resource().name != "ssl certKey"
        || !matches!(command.verb(), Verb::Add | Verb::Update)
    {
        return Ok(());
    }
    let Some(view) = config.certkey(&command.key()) else {
        return Ok(());
    };
    let read = certkeys.read(&view)?;
    tell_family(config, &view.name, &read);
    Ok(())
}

fn tell_family(config: &mut Config, name: &str, read: &crate::running::certkeys::LoadedCertKey) {
    if let Some(key) = &read.key {
        config.set_key_family(name, key.algorithm().family());
    }
}
