//! `bind` and `unbind`.

use crate::catalog::{Again, BindingType, ResourceType};
use crate::codes;
use crate::command::Command;
use crate::error::NsError;
use crate::model::Config;
use crate::model::apply::Effect;
use crate::model::object::{Bound, Object};
use crate::model::rules::{Side, host};
use crate::validate;
use crate::value::{Value, Values};

impl Config {
    pub(super) fn bind(
        &mut self,
        command: &Command,
        warnings: &mut Vec<NsError>,
    ) -> Result<Effect, NsError> {
        let resource = command.resource();
        let Some(kind) = command.binding() else {
            return Err(NsError::new(&codes::TOO_FEW_ARGUMENTS));
        };
        self.check_bindable(command)?;
        let values = self.resolve(kind.attributes.iter(), &without_keys(command))?;
        let values = self.without_gaps(kind, values);
        self.check_binding(command, kind, &values)?;
        self.check_priority(command, kind, &values)?;
        let values = self.with_server(resource, values)?;
        let bound = Bound { kind, values };
        let replaced = self.same_family(resource, &command.key(), &bound);
        let object = self.object_or_made(command);
        let list = object.bindings_mut();
        if !replaced.is_empty() {
            list.retain(|have| !replaced.contains(&have.target()) || !is_server_certificate(have));
            warnings.push(NsError::new(&codes::BINDING_REPLACED));
        }
        put(list, bound)
    }

    pub(super) fn unbind(&mut self, command: &Command) -> Result<Effect, NsError> {
        let resource = command.resource();
        let Some(kind) = command.binding() else {
            return Err(NsError::new(&codes::TOO_FEW_ARGUMENTS));
        };
        self.check_bindable(command)?;
        let wanted = Bound {
            kind,
            values: self.without_gaps(kind, self.with_known_server(without_keys(command))),
        };
        let key = command.key();
        let found = self.object(resource.name, &key).and_then(|object| {
            let matches = |have: &Bound| same(have, &wanted) && has_all_of(have, &wanted);
            object.bindings().iter().position(matches)
        });
        if let Some(at) = found {
            if let Some(object) = self.object_mut(resource, &key) {
                object.bindings_mut().remove(at);
            }
            return Ok(Effect::Unbound);
        }
        if self.unbind_implicit(command, &wanted) {
            return Ok(Effect::Unbound);
        }
        let argument = kind.selectors.first().copied().unwrap_or_default();
        Err(NsError::argument(kind.missing, argument, &wanted.target()))
    }

    /// `disable serviceGroup g 192.0.2.1 80`: one member of the group.
    pub(super) fn switch_member(
        &mut self,
        command: &Command,
        state: &'static str,
    ) -> Result<Effect, NsError> {
        let wanted = self.with_known_server(without_keys(command));
        let server = wanted
            .get("serverName")
            .map(Value::words)
            .unwrap_or_default()
            .concat();
        let object = self.object_mut(command.resource(), &command.key());
        let members = object.map(Object::bindings_mut).into_iter().flatten();
        let mut members = members.filter(|bound| {
            ["serverName", "port"]
                .iter()
                .all(|name| alike(bound.value(name), wanted.get(name)))
        });
        let Some(member) = members.next() else {
            return Err(NsError::argument(
                &codes::NO_SUCH_RESOURCE,
                "serverName",
                &server,
            ));
        };
        let before = member.values.clone();
        match state {
            // The default is not kept.
            "ENABLED" => member.values.remove("state"),
            _ => member.values.insert("state", Value::Choice(state)),
        };
        Ok(match member.values == before {
            true => Effect::Unchanged,
            false => Effect::Changed,
        })
    }

    /// The object must be there, or the entity whose SSL side it is.
    fn check_bindable(&self, command: &Command) -> Result<(), NsError> {
        let resource = command.resource();
        if !resource.companion_of.is_empty() {
            return self.check_companion(resource, &command.key());
        }
        match self.object(resource.name, &command.key()) {
            // Global bind points are always there.
            _ if resource.is_singleton() => Ok(()),
            Some(_) => Ok(()),
            None => Err(self.about_key(resource.missing, command)),
        }
    }

    /// What must hold for one kind of binding.
    fn check_binding(
        &self,
        command: &Command,
        kind: &'static BindingType,
        values: &Values,
    ) -> Result<(), NsError> {
        let key = command.key();
        match kind.nitro {
            "sslvserver_sslcertkey_binding" | "sslservice_sslcertkey_binding"
                if values.contains("SNICert") =>
            {
                let enabled = self.ssl_setting(command.resource(), &key, "SNIEnable");
                if enabled.as_ref().and_then(Value::as_text) != Some("ENABLED") {
                    return Err(NsError::about(&codes::SNI_DISABLED, key));
                }
                Ok(())
            }
            "sslprofile_sslcertkey_binding" if values.contains("forgingCACertkey") => {
                let back_end = self
                    .object("ssl profile", &key)
                    .is_some_and(|profile| profile.is("sslProfileType", "BackEnd"));
                if back_end {
                    self.check_forging_ca(values)
                } else {
                    Err(NsError::about(
                        &codes::NOT_FOR_THIS_PROFILE,
                        "forgingCACertkey",
                    ))
                }
            }
            "lbvserver_service_binding" => self.check_fit(&key, values),
            _ => Ok(()),
        }
    }

    /// Of the policies of one kind in one bank, each has a priority of its own.
    fn check_priority(
        &self,
        command: &Command,
        kind: &'static BindingType,
        values: &Values,
    ) -> Result<(), NsError> {
        let (Some(priority), Some(policy)) = (values.get("priority"), values.get("policyName"))
        else {
            return Ok(());
        };
        let Some(object) = self.object(command.resource().name, &command.key()) else {
            return Ok(());
        };
        let policy = policy.as_text().unwrap_or_default();
        let bank = |values: &Values| {
            let bank = values.get("type").and_then(Value::as_text);
            bank.unwrap_or("REQUEST").to_owned()
        };
        let taken = object.bindings().iter().any(|have| {
            have.kind == kind
                && have.value("priority") == Some(priority)
                && !have.target().eq_ignore_ascii_case(policy)
                && bank(&have.values) == bank(values)
                && self.kind_of_policy(kind, &have.target()) == self.kind_of_policy(kind, policy)
        });
        if taken && command.resource().group() != "system" {
            let number = priority.words().concat();
            return Err(NsError::argument(
                &codes::RESOURCE_IN_USE,
                "priority",
                &number,
            ));
        }
        Ok(())
    }

    /// The resource type of a policy where several kinds can be bound: `cs policy` or `responder policy`.
    fn kind_of_policy(&self, kind: &'static BindingType, name: &str) -> Option<&'static str> {
        let target = kind.target()?;
        let crate::catalog::Kind::Reference { to, .. } = target.kind else {
            return None;
        };
        let mut types = to.iter().copied();
        types.find(|resource| self.object(resource, name).is_some())
    }

    /// HTTP and SSL go together, TCP and `SSL_TCP` go together, everything else with its like.
    fn check_fit(&self, vserver: &str, values: &Values) -> Result<(), NsError> {
        let name = values
            .get("serviceName")
            .and_then(Value::as_text)
            .unwrap_or_default();
        let service = self
            .object("service", name)
            .or_else(|| self.object("serviceGroup", name));
        let of = |object: Option<&Object>| {
            object
                .and_then(|object| object.text("serviceType"))
                .map(|kind| match kind {
                    "SSL" => "HTTP",
                    "SSL_TCP" => "TCP",
                    other => other,
                })
                .unwrap_or_default()
                .to_owned()
        };
        if of(self.object("lb vserver", vserver)) == of(service) {
            return Ok(());
        }
        Err(NsError::argument(
            &codes::VSERVER_TYPE_MISMATCH,
            "serviceName",
            name,
        ))
    }

    /// Server certificates of the same key family that a new one takes the place of.
    fn same_family(&self, resource: &'static ResourceType, key: &str, new: &Bound) -> Vec<String> {
        let family = self.key_family(&new.target());
        let (Some(family), true) = (family, is_server_certificate(new)) else {
            return Vec::new();
        };
        let Some(object) = self.object(resource.name, key) else {
            return Vec::new();
        };
        object
            .bindings()
            .iter()
            .filter(|have| is_server_certificate(have) && have.target() != new.target())
            .map(Bound::target)
            .filter(|name| self.key_family(name) == Some(family))
            .collect()
    }

    /// Curves and ciphers that are bound as long as none was bound by hand: taking one away binds the others.
    fn unbind_implicit(&mut self, command: &Command, wanted: &Bound) -> bool {
        let kind = wanted.kind;
        let target = wanted.target();
        let implicit = kind
            .implicit
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&target));
        let key = command.key();
        let by_hand = self
            .object(command.resource().name, &key)
            .is_some_and(|object| object.bindings().iter().any(|have| have.kind == kind));
        let everything = target.eq_ignore_ascii_case("ALL") && !kind.implicit.is_empty();
        if by_hand || !(implicit || everything) {
            return false;
        }
        let rest: Vec<Bound> = kind
            .implicit
            .iter()
            .filter(|name| !everything && !name.eq_ignore_ascii_case(&target))
            .filter_map(|name| {
                let attribute = kind.target()?;
                let mut values = Values::new();
                values.insert(attribute.name, validate::value(attribute, name).ok()?);
                Some(Bound { kind, values })
            })
            .collect();
        self.object_or_made(command).bindings_mut().extend(rest);
        true
    }

    /// A binding by address means the server that has it.
    fn with_known_server(&self, mut values: Values) -> Values {
        let known = values
            .get("serverName")
            .map(Value::words)
            .and_then(|words| {
                let name = words.concat();
                let ip = name.parse().ok();
                let by_address = ip.and_then(|ip| self.at_address("server", ip).next());
                Some(self.object("server", &name).or(by_address)?.key())
            });
        match known {
            Some(name) => values.insert("serverName", host(name)),
            None => None,
        };
        values
    }

    /// A certificate that no longer fits is no reason to keep defaults in a binding.
    fn without_gaps(&self, kind: &'static BindingType, mut values: Values) -> Values {
        for attribute in kind.attributes {
            let default = attribute
                .default
                .and_then(|word| validate::value(attribute, word).ok());
            if default.is_some() && values.get(attribute.name) == default.as_ref() {
                values.remove(attribute.name);
            }
        }
        values
    }

    fn object_or_made(&mut self, command: &Command) -> &mut Object {
        let resource = command.resource();
        let mut values = Values::new();
        for attribute in resource.keys() {
            if let Some(value) = command.value(attribute.name) {
                values.insert(attribute.name, value.clone());
            }
        }
        self.get_or_insert(Object::new(resource, values))
    }

    /// The setting in effect: the profile's if there is one, else the entity's own, else the default.
    pub(super) fn ssl_setting(
        &self,
        companion: &'static ResourceType,
        key: &str,
        name: &str,
    ) -> Option<Value> {
        let own = self.object(companion.name, key);
        match self.profile_of(companion, key) {
            Some(profile) => profile.effective(name),
            None => own
                .and_then(|object| object.effective(name))
                .or_else(|| crate::model::object::default_of(companion, name)),
        }
    }

    /// The profile in effect for an SSL entity.
    pub(super) fn profile_of(
        &self,
        companion: &'static ResourceType,
        key: &str,
    ) -> Option<&Object> {
        let bound = self
            .object(companion.name, key)
            .and_then(|object| object.text("sslProfile"));
        let default = || {
            self.has_default_profiles()
                .then(|| Side::of(companion, key).default_profile())
        };
        self.object("ssl profile", bound.or_else(default)?)
    }
}

/// Adds the binding, or does with the one that is there what bindings of the kind do.
fn put(list: &mut Vec<Bound>, bound: Bound) -> Result<Effect, NsError> {
    match list.iter_mut().find(|have| same(have, &bound)) {
        Some(have) if *have == bound => Ok(Effect::Unchanged),
        Some(have) if bound.kind.again == Again::Replace => {
            *have = bound;
            Ok(Effect::Bound)
        }
        Some(_) => {
            let argument = bound.kind.selectors.first().copied().unwrap_or_default();
            Err(NsError::argument(
                &codes::RESOURCE_EXISTS,
                argument,
                &bound.target(),
            ))
        }
        None => {
            list.push(bound);
            Ok(Effect::Bound)
        }
    }
}

fn without_keys(command: &Command) -> Values {
    let mut values = command.values().clone();
    for key in command.resource().keys() {
        values.remove(key.name);
    }
    values
}

/// Whether both are the same binding: equal where bindings of the kind are told apart.
fn same(have: &Bound, other: &Bound) -> bool {
    have.kind == other.kind
        && have
            .kind
            .identity
            .iter()
            .all(|name| alike(have.value(name), other.value(name)))
}

/// Whether the binding has every value that was named.
fn has_all_of(have: &Bound, wanted: &Bound) -> bool {
    wanted
        .kind
        .selectors
        .iter()
        .all(|name| wanted.value(name).is_none() || alike(have.value(name), wanted.value(name)))
}

fn alike(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Text(a)), Some(Value::Text(b))) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    }
}

/// A certificate the entity shows: neither chosen by SNI nor there to verify the other side.
fn is_server_certificate(bound: &Bound) -> bool {
    bound.kind.nitro.ends_with("_sslcertkey_binding")
        && bound.kind.nitro != "sslprofile_sslcertkey_binding"
        && bound.value("CA").is_none()
        && bound.value("SNICert").is_none()
}
