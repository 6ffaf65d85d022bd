//! What NetScaler demands of particular resource types beyond names that exist.

use std::net::IpAddr;

use crate::catalog::{
    BACK_END_ONLY, FRONT_END_ONLY, ResourceType, SERVER, SSL_SERVICE_TYPES, is_internal_service,
};
use crate::codes;
use crate::command::Command;
use crate::error::NsError;
use crate::expr::{self, Expr, ExprError};
use crate::model::dc2g::check_dynamic_client_cert;
use crate::model::object::{Object, default_of};
use crate::model::view_revocation::clock_time;
use crate::model::{Config, resource};
use crate::value::{Value, Values};

/// The profile of SSL virtual servers while default profiles are on.
pub(super) const DEFAULT_FRONT_END: &str = "ns_default_ssl_profile_frontend";
/// The profile of SSL services and groups while default profiles are on.
pub(super) const DEFAULT_BACK_END: &str = "ns_default_ssl_profile_backend";

/// Which side of a connection SSL settings are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    FrontEnd,
    BackEnd,
}

impl Side {
    pub(super) fn of(resource: &ResourceType, key: &str) -> Self {
        match resource.name {
            "ssl service" | "ssl serviceGroup" if !is_internal_service(key) => Self::BackEnd,
            _ => Self::FrontEnd,
        }
    }

    pub(super) const fn default_profile(self) -> &'static str {
        match self {
            Self::FrontEnd => DEFAULT_FRONT_END,
            Self::BackEnd => DEFAULT_BACK_END,
        }
    }
}

impl Config {
    /// Whether SSL entities without a profile use the default ones.
    pub fn has_default_profiles(&self) -> bool {
        self.singleton("ssl parameter")
            .is_some_and(|object| object.is("defaultProfile", "ENABLED"))
    }

    /// Checks that depend on the values of the object alone.
    pub(super) fn check_values(
        &self,
        resource: &'static ResourceType,
        values: &Values,
    ) -> Result<(), NsError> {
        check_expressions(resource, values)?;
        check_record(resource, values)?;
        check_kinds(resource, values)?;
        if resource.name != "ssl profile" {
            return Ok(());
        }
        let back_end = values.get("sslProfileType").and_then(Value::as_text) == Some("BackEnd");
        let foreign = if back_end {
            FRONT_END_ONLY
        } else {
            BACK_END_ONLY
        };
        let misplaced = foreign.iter().find(|name| {
            let default = default_of(resource, name);
            values
                .get(name)
                .is_some_and(|value| Some(value) != default.as_ref())
        });
        match misplaced {
            Some(name) => Err(NsError::about(&codes::NOT_FOR_THIS_PROFILE, *name)),
            None => check_dynamic_client_cert(values),
        }
    }

    /// Whether there is an SSL virtual server, service or group for these SSL settings.
    pub(super) fn check_companion(
        &self,
        companion: &'static ResourceType,
        key: &str,
    ) -> Result<(), NsError> {
        let main = companion
            .companion_of
            .iter()
            .find_map(|name| self.object(name, key));
        match main {
            Some(object) if is_ssl(object) => Ok(()),
            Some(_) => Err(NsError::about(&codes::NOT_SSL, key)),
            None if companion.companion_of.contains(&"service") && is_internal_service(key) => {
                Ok(())
            }
            None => Err(NsError::about(companion.missing, key)),
        }
    }

    /// Whether a type that shares its names with this one has an object of that name.
    ///
    /// Virtual servers do, because `ssl vserver` knows all by their name alone; so do services and groups.
    pub(super) fn has_namesake(&self, resource: &ResourceType, key: &str) -> bool {
        NAMESAKES
            .iter()
            .filter(|types| types.contains(&resource.name))
            .flat_map(|types| types.iter())
            .any(|name| *name != resource.name && self.object(name, key).is_some())
    }

    /// Two virtual servers cannot listen on one address and port with one transport.
    pub(super) fn check_address(
        &self,
        resource: &'static ResourceType,
        key: &str,
        values: &Values,
    ) -> Result<(), NsError> {
        if !VSERVERS.contains(&resource.name) || values.contains("Listenpolicy") {
            return Ok(());
        }
        let Some(own) = Listener::of(values) else {
            return Ok(());
        };
        let taken = VSERVERS
            .iter()
            .flat_map(|name| self.at_address(name, own.ip))
            .any(|other| {
                Listener::of(other.values()) == Some(own)
                    && !other.values().contains("Listenpolicy")
                    && !(other.resource() == resource && other.key().eq_ignore_ascii_case(key))
            });
        if taken {
            let what = format!("{}:{}", own.ip, own.port);
            return Err(NsError::about(&codes::ADDRESS_IN_USE, what));
        }
        Ok(())
    }

    /// The settings of an entity that has a profile are the profile's: only the profile can be changed.
    pub(super) fn check_ssl_settings(
        &self,
        command: &Command,
        merged: &Values,
    ) -> Result<(), NsError> {
        let resource = command.resource();
        if resource.attribute("sslProfile").is_none() || resource.companion_of.is_empty() {
            return Ok(());
        }
        let side = Side::of(resource, &command.key());
        if let Some(name) = merged.get("sslProfile").and_then(Value::as_text)
            && let Some(profile) = self.object("ssl profile", name)
        {
            let back_end = profile.is("sslProfileType", "BackEnd");
            if back_end != (side == Side::BackEnd) {
                return Err(NsError::about(&codes::PROFILE_SIDE_MISMATCH, name));
            }
        }
        if command.has("sslProfile") {
            return Ok(());
        }
        let profiled = merged.contains("sslProfile") || self.has_default_profiles();
        if profiled {
            return Err(NsError::new(&codes::USE_SSL_PROFILE));
        }
        Ok(())
    }

    /// A monitor's type is named again by `set` and `rm`, and must be the one it has.
    pub(super) fn check_monitor_type(&self, command: &Command) -> Result<(), NsError> {
        if command.resource().name != "lb monitor" {
            return Ok(());
        }
        let has = self
            .object("lb monitor", &command.key())
            .and_then(|monitor| monitor.text("type"));
        match (has, command.text("type")) {
            (Some(has), Some(named)) if has != named => Err(NsError::argument(
                &codes::INVALID_ARGUMENT_VALUE,
                "type",
                named,
            )),
            _ => Ok(()),
        }
    }

    /// Default profiles are switched on once and for all.
    pub(super) fn check_defaults_profile(
        &self,
        resource: &'static ResourceType,
        before: &Values,
        after: &Values,
    ) -> Result<(), NsError> {
        let on = |values: &Values| {
            values.get("defaultProfile").and_then(Value::as_text) == Some("ENABLED")
        };
        if resource.name == "ssl parameter" && on(before) && !on(after) {
            return Err(NsError::new(&codes::DEFAULT_PROFILE_FIXED));
        }
        Ok(())
    }

    /// With default profiles, entities have no SSL settings of their own any more.
    pub(super) fn follow_default_profile(&mut self, changed: &'static ResourceType) {
        if changed.name != "ssl parameter" || !self.has_default_profiles() {
            return;
        }
        for name in ["ssl service", "ssl serviceGroup", "ssl vserver"] {
            let Some(companion) = resource(name) else {
                continue;
            };
            for key in self.names(name) {
                if let Some(object) = self.object_mut(companion, &key) {
                    let keep = |attribute: &str| {
                        attribute == "sslProfile"
                            || companion.attribute(attribute).is_some_and(|a| a.is_key)
                    };
                    let drop: Vec<_> = object
                        .values()
                        .iter()
                        .map(|(attribute, _)| attribute)
                        .filter(|attribute| !keep(attribute))
                        .collect();
                    for attribute in drop {
                        object.values_mut().remove(attribute);
                    }
                }
            }
        }
    }

    /// The values with the server they name, which is made when only an address was given.
    pub(super) fn with_server(
        &mut self,
        resource: &'static ResourceType,
        mut values: Values,
    ) -> Result<Values, NsError> {
        if !matches!(resource.name, "service" | "serviceGroup") {
            return Ok(values);
        }
        let Some(server) = values.get("serverName") else {
            return Ok(values);
        };
        let (known, address) = match server {
            Value::Ip(ip) => (self.server_at(*ip), Some(*ip)),
            other => {
                let name = other.as_text().unwrap_or_default();
                (self.object("server", name).map(Object::key), None)
            }
        };
        match (known, address) {
            (Some(name), Some(ip)) if name == ip.to_string() => {}
            (Some(name), _) => {
                values.insert("serverName", host(name));
            }
            (None, Some(ip)) => {
                let mut server = Values::new();
                server.insert("name", Value::Text(ip.to_string()));
                server.insert("IPAddress", Value::Ip(ip));
                self.insert(Object::new(&SERVER, server));
            }
            (None, None) => {
                let name = server.as_text().unwrap_or_default();
                return Err(NsError::argument(
                    &codes::NO_SUCH_SERVER,
                    "serverName",
                    name,
                ));
            }
        }
        Ok(values)
    }

    /// The server that is named by the address, or else one that has it.
    fn server_at(&self, ip: IpAddr) -> Option<String> {
        let named = self.object("server", &ip.to_string()).map(Object::key);
        named.or_else(|| self.at_address("server", ip).next().map(Object::key))
    }

    /// NetScaler takes the configuration of a feature that is off, and warns.
    pub(super) fn feature_warning(&self, resource: &ResourceType) -> Option<NsError> {
        let code = match resource.group() {
            "lb" if resource.name == "lb vserver" => "LB",
            "cs" => "CS",
            "contentInspection" => "CI",
            "responder" => "RESPONDER",
            _ => return None,
        };
        (!self.has_feature(code)).then(|| NsError::about(&codes::FEATURE_NOT_ENABLED, code))
    }
}

/// A server's name as it is read again: one that is an address is an address.
pub(super) fn host(name: String) -> Value {
    match name.parse::<IpAddr>() {
        Ok(ip) if ip.to_string() == name => Value::Ip(ip),
        _ => Value::Text(name),
    }
}

/// What a kind alone cannot tell: the family of an address, the form of a time.
fn check_kinds(resource: &ResourceType, values: &Values) -> Result<(), NsError> {
    let refuse = |name: &str| match values.get(name) {
        Some(value) => {
            let word = value.words().join(" ");
            Err(NsError::argument(
                &codes::INVALID_ARGUMENT_VALUE,
                name,
                &word,
            ))
        }
        None => Ok(()),
    };
    let ip = |name: &str| values.get(name).and_then(Value::as_ip);
    let time = || values.get("time").and_then(Value::as_text);
    match resource.name {
        "dns addRec" if ip("IPAddress").is_some_and(|ip| ip.is_ipv6()) => refuse("IPAddress"),
        "dns aaaaRec" if ip("IPv6Address").is_some_and(|ip| ip.is_ipv4()) => refuse("IPv6Address"),
        "ssl crl" if time().is_some_and(|text| clock_time(text).is_none()) => refuse("time"),
        _ => Ok(()),
    }
}

/// An A record has an IPv4 address, an AAAA record an IPv6 address.
fn check_record(resource: &ResourceType, values: &Values) -> Result<(), NsError> {
    let (attribute, fits): (_, fn(IpAddr) -> bool) = match resource.name {
        "dns addRec" => ("IPAddress", |ip| ip.is_ipv4()),
        "dns aaaaRec" => ("IPv6Address", |ip| ip.is_ipv6()),
        _ => return Ok(()),
    };
    match values.get(attribute).and_then(Value::as_ip) {
        Some(ip) if !fits(ip) => Err(NsError::argument(
            &codes::INVALID_ARGUMENT_VALUE,
            attribute,
            &ip.to_string(),
        )),
        _ => Ok(()),
    }
}

/// What an action of this type cannot do without.
fn needs(resource: &ResourceType, values: &Values) -> Option<&'static str> {
    match (resource.name, values.get("type").and_then(Value::as_text)?) {
        ("responder action", "respondwith" | "redirect") => Some("target"),
        ("responder action", "respondwithhtmlpage") => Some("htmlPage"),
        _ => None,
    }
}

/// Expressions that are evaluated must parse and give what they are for.
fn check_expressions(resource: &ResourceType, values: &Values) -> Result<(), NsError> {
    let (attribute, parse): (_, Parse) = match resource.name {
        "responder policy" | "cs policy" | "contentInspection policy" => ("rule", expr::parse_rule),
        "responder action" => ("target", expr::parse_text),
        "cs action" => ("targetVserverExpr", expr::parse_text),
        _ => return Ok(()),
    };
    if let Some(missing) = needs(resource, values).filter(|name| !values.contains(name)) {
        return Err(NsError::about(&codes::ARGUMENT_MISSING, missing));
    }
    let Some(text) = values.get(attribute).and_then(Value::as_text) else {
        return Ok(());
    };
    parse(text).map(|_| ()).map_err(|error| {
        NsError::about(
            &codes::INVALID_ARGUMENT_VALUE,
            format!("{attribute}, {error}"),
        )
    })
}

type Parse = fn(&str) -> Result<Expr, ExprError>;

const VSERVERS: &[&str] = &[
    "authentication vserver",
    "cs vserver",
    "lb vserver",
    "vpn vserver",
];

/// Types that share their names.
const NAMESAKES: &[&[&str]] = &[
    VSERVERS,
    &["service", "serviceGroup"],
    &["cs policy", "responder policy"],
    &["ssl certKey", "ssl certKeyBundle"],
];

/// Address, port and transport a virtual server listens on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Listener {
    ip: IpAddr,
    port: u64,
    datagrams: bool,
}

impl Listener {
    /// `None` when it is not reachable from outside.
    fn of(values: &Values) -> Option<Self> {
        let ip = values.get("IPAddress").and_then(Value::as_ip)?;
        let port = values.get("port").and_then(Value::as_integer)?;
        let kind = values.get("serviceType").and_then(Value::as_text)?;
        if ip.is_unspecified() || port == 0 {
            return None;
        }
        let datagrams = matches!(
            kind,
            "ADNS"
                | "DHCPRA"
                | "DNS"
                | "DTLS"
                | "HTTP_QUIC"
                | "IPFIX"
                | "QUIC"
                | "QUIC_BRIDGE"
                | "RADIUS"
                | "SIP_UDP"
                | "SNMP"
                | "SYSLOGUDP"
                | "TFTP"
                | "UDP"
        );
        Some(Self {
            ip,
            port,
            datagrams,
        })
    }
}

/// Whether the object's protocol is SSL.
pub(super) fn is_ssl(object: &Object) -> bool {
    object
        .text("serviceType")
        .is_some_and(|kind| SSL_SERVICE_TYPES.contains(&kind))
}
