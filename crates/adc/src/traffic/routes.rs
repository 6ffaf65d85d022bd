//! What a request needs of the configuration besides its vserver: the policies, and the vservers they lead to.

use std::collections::HashMap;
use std::sync::Arc;

use super::listener::{LiveVserver, Vserver};
use crate::policy::Policies;

/// Policies and vservers of one state of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) policies: Arc<Policies>,
    vservers: HashMap<Arc<str>, Arc<LiveVserver>>,
}

impl Routes {
    /// Of these vservers.
    pub(crate) fn new<'a>(
        policies: Arc<Policies>,
        vservers: impl Iterator<Item = &'a Arc<LiveVserver>>,
    ) -> Self {
        Self {
            policies,
            vservers: vservers
                .map(|live| (live.name.clone(), live.clone()))
                .collect(),
        }
    }

    /// The vserver that content switching leads to; `None` when it is not there or disabled.
    pub(crate) fn target(&self, name: &str) -> Option<Arc<Vserver>> {
        let vserver = self.vservers.get(name)?.now();
        vserver.enabled.then_some(vserver)
    }
}
