//! Typed view of the certificates of gateway virtual servers.

use crate::model::Config;
use crate::model::object::Bound;

/// Certificates that all gateway virtual servers use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VpnGlobalView {
    /// Certificates that sign tokens.
    pub certkeys: Vec<String>,
    /// Certificates of CAs.
    pub ca_certs: Vec<String>,
    /// Certificates that encipher users' data.
    pub user_data_encryption_keys: Vec<String>,
}

impl Config {
    /// The certificates bound to `vpn global`.
    pub fn vpn_global(&self) -> VpnGlobalView {
        let bound = |selector: &str| -> Vec<String> {
            let global = self.singleton("vpn global").into_iter();
            global
                .flat_map(|object| object.bound(selector))
                .map(Bound::target)
                .collect()
        };
        VpnGlobalView {
            certkeys: bound("certkeyName"),
            ca_certs: bound("cacert"),
            user_data_encryption_keys: bound("userDataEncryptionKey"),
        }
    }

    /// Whether a certificate is bound to `vpn global`, which forbids to update it.
    pub(super) fn is_bound_to_vpn_global(&self, certkey: &str) -> bool {
        let global = self.vpn_global();
        let mut names = global
            .certkeys
            .iter()
            .chain(&global.ca_certs)
            .chain(&global.user_data_encryption_keys);
        names.any(|name| name.eq_ignore_ascii_case(certkey))
    }
}
