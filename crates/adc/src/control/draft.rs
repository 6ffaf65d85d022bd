//! A configuration in the making: a copy that commands change, and what is to happen once it is in effect.

use std::path::PathBuf;

use evercert_ns::model::{Applied, Config, Effect};
use evercert_ns::{Command, NsError};

use crate::running::certkeys::CertKeys;

/// A copy of the running configuration; dropping it leaves everything as it was.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) certkeys: CertKeys,
    pub(super) warnings: Vec<NsError>,
    /// Files to remove once it is in effect.
    pub(super) doomed: Vec<PathBuf>,
}

impl Draft {
    /// Of these.
    pub(super) const fn new(config: Config, certkeys: CertKeys) -> Self {
        Self {
            config,
            certkeys,
            warnings: Vec::new(),
            doomed: Vec::new(),
        }
    }

    /// Carries a command out on the copy.
    ///
    /// # Errors
    /// NetScaler's error.
    pub(super) fn apply(&mut self, command: &Command) -> Result<Effect, NsError> {
        let Applied {
            effect, warnings, ..
        } = self.config.apply(command)?;
        self.warnings.extend(warnings);
        Ok(effect)
    }
}
