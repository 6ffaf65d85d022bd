//! The running configuration: objects and bindings that commands change and that views read.
//!
//! [`Config`] is a value: cloning it is a snapshot (tables are shared until one of them changes), and a command that
//! is refused leaves it as it was.

mod apply;
mod bind;
mod closure;
mod dc2g;
mod object;
mod references;
mod rename;
mod rules;
mod save;
mod table;
mod view;
mod view_access;
mod view_ci;
mod view_dns;
mod view_gateway;
mod view_lb;
mod view_revocation;
mod view_ssl;
mod view_types;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use evercert_types::KeyFamily;

use crate::catalog::{self, BUILTINS, ResourceType};
use crate::grammar;
use crate::value::Value;

pub use apply::{Applied, Effect};
pub use closure::Closure;
pub use dc2g::{DynamicClientCert, ForgedKeyAlgorithm};
pub use object::{Bound, Object, Origin};
pub use view_access::{CmdPolicyView, GroupView};
pub use view_ci::{
    IcapActionView, IcapProfileView, InspectionActionView, InspectionFailure, InspectionPoint,
    InspectionPolicyView, InspectionServer,
};
pub use view_dns::{DnsData, DnsRecordView, DnsZoneView, SoaView};
pub use view_gateway::VpnGlobalView;
pub use view_lb::{BalancingView, MonitorView, MonitorsView};
pub use view_revocation::{CrlInterval, CrlSource, CrlView, OcspResponderView};
pub use view_ssl::{
    BackendSslView, CaCertKey, CertKeyRef, ClientAuth, Hsts, RevocationCheck, SslVserverView,
    TlsVersions,
};
pub use view_types::{
    CertKeyView, CsPolicyView, CsVserverView, Inform, PersistenceType, RedirectView,
    ServiceAddress, ServiceType, ServiceView, UserView, VserverView, ZeroTouchParams,
};

use table::Table;

/// What an appliance has before anything is configured.
static FACTORY: LazyLock<Config> = LazyLock::new(Config::factory);

/// The running configuration.
#[derive(Clone, Debug)]
pub struct Config {
    tables: BTreeMap<&'static str, Arc<Table>>,
    key_families: Arc<BTreeMap<String, KeyFamily>>,
    next: u64,
}

/// Equal when the same objects, with the same values and bindings, were added in the same order.
impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        let empty = Table::default();
        let names = self.tables.keys().chain(other.tables.keys());
        let table = |config: &'_ Self, name: &str| config.tables.get(name).cloned();
        names.copied().all(|name| {
            let (own, others) = (table(self, name), table(other, name));
            own.as_deref().unwrap_or(&empty) == others.as_deref().unwrap_or(&empty)
        })
    }
}

impl Eq for Config {}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The configuration of an appliance from the factory: built-in certificates, profiles and monitors only.
    pub fn new() -> Self {
        FACTORY.clone()
    }

    /// The object of a resource type with that name; any case.
    pub fn object(&self, resource: &str, key: &str) -> Option<&Object> {
        self.tables.get(resource)?.get(key)
    }

    fn shared_object(&self, resource: &str, key: &str) -> Option<Arc<Object>> {
        self.tables.get(resource)?.shared(key).cloned()
    }

    /// The objects of a resource type, in the order they were added.
    pub fn objects(&self, resource: &str) -> impl Iterator<Item = &Object> + use<'_> {
        self.tables
            .get(resource)
            .into_iter()
            .flat_map(|table| table.iter())
    }

    /// The object of a resource type with that number ([`Object::number`]).
    pub fn numbered(&self, resource: &str, number: u64) -> Option<&Object> {
        self.tables.get(resource)?.numbered(number)
    }

    /// The objects of a resource type whose argument `IPAddress` is the address, in the order they were added.
    pub(crate) fn at_address(
        &self,
        resource: &str,
        ip: IpAddr,
    ) -> impl Iterator<Item = &Object> + use<'_> {
        self.tables
            .get(resource)
            .into_iter()
            .flat_map(move |table| table.at_address(ip))
    }

    /// How many objects of a resource type there are.
    pub fn count(&self, resource: &str) -> usize {
        self.tables.get(resource).map_or(0, |table| table.len())
    }

    /// The one object of a singleton type, if anything was set.
    pub fn singleton(&self, resource: &str) -> Option<&Object> {
        self.object(resource, "")
    }

    /// The names of a resource type's objects, for completion.
    pub fn names(&self, resource: &str) -> Vec<String> {
        let mut names: Vec<String> = self.objects(resource).map(Object::name).collect();
        names.dedup();
        names
    }

    /// Tells the key family of a certificate, which only who reads the file can know.
    ///
    /// With it, binding a server certificate replaces the one of the same family, as NetScaler does.
    pub fn set_key_family(&mut self, certkey: &str, family: KeyFamily) {
        Arc::make_mut(&mut self.key_families).insert(certkey.to_ascii_lowercase(), family);
    }

    fn key_family(&self, certkey: &str) -> Option<KeyFamily> {
        self.key_families
            .get(&certkey.to_ascii_lowercase())
            .copied()
    }

    fn factory() -> Self {
        let mut config = Self {
            tables: BTreeMap::new(),
            key_families: Arc::default(),
            next: 0,
        };
        let commands = BUILTINS
            .iter()
            .filter_map(|builtin| grammar::parse_line(builtin.line).ok());
        for command in commands {
            let object = Object::from_factory(command.resource(), command.values().clone());
            config.insert(object);
        }
        config
    }

    /// Whether the feature is enabled, by its code, e.g. `LB`.
    pub fn has_feature(&self, code: &str) -> bool {
        self.listed("ns feature", "feature")
            .iter()
            .any(|feature| feature.eq_ignore_ascii_case(code))
    }

    /// The features that are enabled, in the catalogue's spelling.
    pub fn features(&self) -> &[String] {
        self.listed("ns feature", "feature")
    }

    /// The modes that are enabled, in the catalogue's spelling.
    pub fn modes(&self) -> &[String] {
        self.listed("ns mode", "mode")
    }

    fn listed(&self, resource: &str, attribute: &str) -> &[String] {
        self.singleton(resource)
            .and_then(|object| object.value(attribute))
            .and_then(Value::as_list)
            .unwrap_or_default()
    }

    fn table_mut(&mut self, resource: &'static ResourceType) -> &mut Table {
        Arc::make_mut(self.tables.entry(resource.name).or_default())
    }

    fn insert(&mut self, object: Object) {
        let next = self.next;
        self.next += 1;
        self.table_mut(object.resource()).insert(next, object);
    }

    /// The object of the same type and name, or else this one put in.
    fn get_or_insert(&mut self, object: Object) -> &mut Object {
        let next = self.next;
        self.next += 1;
        self.table_mut(object.resource())
            .get_or_insert(next, object)
    }

    fn remove(&mut self, resource: &'static ResourceType, key: &str) -> bool {
        self.object(resource.name, key).is_some() && self.table_mut(resource).remove(key)
    }

    /// The object to change.
    fn object_mut(&mut self, resource: &'static ResourceType, key: &str) -> Option<&mut Object> {
        // Looking first keeps a table shared when nothing is found.
        self.object(resource.name, key)?;
        self.table_mut(resource).get_mut(key)
    }
}

/// The resource type of that name; the names used in this module are all in the catalogue.
fn resource(name: &str) -> Option<&'static ResourceType> {
    catalog::resource(name)
}

#[cfg(test)]
mod tests;
