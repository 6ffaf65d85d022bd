//! Commands that change the configuration; a refused command changes nothing.

use crate::catalog::{Attribute, NS_CONFIG, ResourceType, SSL_CERTKEY, Save};
use crate::codes;
use crate::command::{Command, Verb};
use crate::error::NsError;
use crate::model::Config;
use crate::model::object::Object;
use crate::validate;
use crate::value::{Value, Values};

/// What a command did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing: it only reads, or things were so already.
    Unchanged,
    /// An object was made.
    Added,
    /// An object was changed.
    Changed,
    /// An object was removed.
    Removed,
    /// Something was bound.
    Bound,
    /// Something was unbound.
    Unbound,
    /// The configuration was cleared.
    Cleared,
}

/// What a command did, to which object, and what NetScaler would warn about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What was done.
    pub effect: Effect,
    /// The resource type.
    pub resource: &'static ResourceType,
    /// The object's name; empty for a singleton.
    pub key: String,
    /// Warnings; the command was carried out.
    pub warnings: Vec<NsError>,
}

impl Config {
    /// Carries out one command.
    ///
    /// `show`, `stat`, `save` and `flush`, and every command about what is no part of the configuration, such as files,
    /// change nothing here and answer [`Effect::Unchanged`]; who calls does the rest.
    ///
    /// # Errors
    /// NetScaler's error when the command cannot be carried out; the configuration is then as before.
    pub fn apply(&mut self, command: &Command) -> Result<Applied, NsError> {
        // A command need not come from a parser: one made by hand is checked here.
        let command = &validate::complete(command.clone())?;
        let mut warnings = Vec::new();
        let effect = match command.verb() {
            _ if command.resource().is_outside => Ok(Effect::Unchanged),
            Verb::Add => self.add(command, &mut warnings),
            Verb::Set => self.set(command),
            Verb::Unset => self.unset(command),
            Verb::Rm => self.rm(command),
            Verb::Bind => self.bind(command, &mut warnings),
            Verb::Unbind => self.unbind(command),
            Verb::Enable => self.switch(command, "ENABLED"),
            Verb::Disable => self.switch(command, "DISABLED"),
            Verb::Link => self.link(command),
            Verb::Unlink => self.unlink(command),
            Verb::Update => self.update(command),
            Verb::Clear if *command.resource() == NS_CONFIG => Ok(self.clear(command)),
            Verb::Rename => self.rename(command),
            Verb::Clear
            | Verb::Create
            | Verb::Diff
            | Verb::Flush
            | Verb::Save
            | Verb::Show
            | Verb::Stat => Ok(Effect::Unchanged),
            Verb::Switch => self.switch_partition(command),
            verb => Err(NsError::about(&codes::NOT_SUPPORTED, verb.word())),
        }?;
        Ok(Applied {
            effect,
            resource: command.resource(),
            key: command.key(),
            warnings,
        })
    }

    fn add(&mut self, command: &Command, warnings: &mut Vec<NsError>) -> Result<Effect, NsError> {
        let resource = command.resource();
        // Saved configurations write the built-in certificate again; a changed copy of it takes its place.
        if let Some(existing) = self.object(resource.name, &command.key())
            && !(existing.is_factory() && *resource == SSL_CERTKEY)
        {
            return Err(self.about_key(resource.exists, command));
        }
        if self.has_namesake(resource, &command.key()) {
            return Err(self.about_key(resource.exists, command));
        }
        let values = self.resolve(command.attributes(), &kept(command))?;
        self.check_values(resource, &values)?;
        self.check_address(resource, &command.key(), &values)?;
        let values = self.with_server(resource, values)?;
        warnings.extend(self.feature_warning(resource));
        let factory = self.object(resource.name, &command.key()).cloned();
        match factory {
            Some(mut object) => {
                for (name, value) in values.iter() {
                    object.values_mut().insert(name, value.clone());
                }
                self.insert(object);
            }
            None => self.insert(Object::new(resource, values)),
        }
        Ok(Effect::Added)
    }

    fn set(&mut self, command: &Command) -> Result<Effect, NsError> {
        let resource = command.resource();
        let key = command.key();
        self.check_exists(command)?;
        self.check_monitor_type(command)?;
        let given = self.resolve(command.attributes(), &kept(command))?;
        let mut merged = match self.object(resource.name, &key) {
            Some(object) => object.values().clone(),
            None => Values::new(),
        };
        let before = merged.clone();
        if given
            .iter()
            .any(|(_, value)| matches!(value, Value::Secret(_)))
        {
            for name in FORM_OF_A_SECRET {
                merged.remove(name);
            }
        }
        put_in(resource, &mut merged, &given);
        self.check_values(resource, &merged)?;
        self.check_address(resource, &key, &merged)?;
        self.check_ssl_settings(command, &merged)?;
        self.check_defaults_profile(resource, &before, &merged)?;
        if let Some(ip) = command
            .ip("IPAddress")
            .filter(|_| resource.name == "service")
        {
            let server = Value::Ip(ip);
            merged.insert("serverName", server);
            merged = self.with_server(resource, merged)?;
        }
        if merged == before {
            return Ok(Effect::Unchanged);
        }
        self.store(resource, &key, merged);
        self.follow_default_profile(resource);
        Ok(Effect::Changed)
    }

    fn unset(&mut self, command: &Command) -> Result<Effect, NsError> {
        let resource = command.resource();
        self.check_exists(command)?;
        self.check_monitor_type(command)?;
        let Some(object) = self.object(resource.name, &command.key()) else {
            return Ok(Effect::Unchanged);
        };
        let before = object.values().clone();
        let mut values = before.clone();
        // What stands before the options, such as a monitor's type, says which object is meant.
        let says_which = |a: &Attribute| a.is_key || a.positional.contains(Verb::Unset);
        for (name, _) in command.values().iter() {
            if !resource.attribute(name).is_some_and(says_which) {
                values.remove(name);
            }
        }
        drop_dependents(resource, &mut values);
        self.check_values(resource, &values)?;
        self.check_ssl_settings(command, &values)?;
        self.check_defaults_profile(resource, &before, &values)?;
        if values == before {
            return Ok(Effect::Unchanged);
        }
        self.store(resource, &command.key(), values);
        Ok(Effect::Changed)
    }

    fn rm(&mut self, command: &Command) -> Result<Effect, NsError> {
        let resource = command.resource();
        if command.names_several() {
            return self.rm_all(command);
        }
        let Some(object) = self.object_meant(command) else {
            return Err(self.about_key(resource.missing, command));
        };
        let key = object.key();
        self.check_monitor_type(command)?;
        if object.is_factory() {
            let code = if *resource == SSL_CERTKEY {
                &codes::BUILTIN_CERTIFICATE
            } else {
                &codes::NOT_PERMITTED
            };
            return Err(NsError::about(code, key));
        }
        if let Some(referrer) = self.referrer(resource, &key) {
            return Err(NsError::about(resource.in_use, referrer));
        }
        self.remove(resource, &key);
        for companion in crate::catalog::RESOURCES {
            if companion.companion_of.contains(&resource.name) {
                self.remove(companion, &key);
            }
        }
        Ok(Effect::Removed)
    }

    /// `rm dns addRec www.example.com`: all addresses of the name.
    fn rm_all(&mut self, command: &Command) -> Result<Effect, NsError> {
        let resource = command.resource();
        let name = command.name();
        let keys: Vec<String> = self
            .objects(resource.name)
            .filter(|object| object.name().eq_ignore_ascii_case(&name))
            .map(Object::key)
            .collect();
        if keys.is_empty() {
            return Err(self.about_key(resource.missing, command));
        }
        for key in keys {
            self.remove(resource, &key);
        }
        Ok(Effect::Removed)
    }

    /// Partitions are kept only: there is but the default one to work in.
    fn switch_partition(&self, command: &Command) -> Result<Effect, NsError> {
        let name = command.key();
        if name.eq_ignore_ascii_case("default") {
            return Ok(Effect::Unchanged);
        }
        self.check_exists(command)?;
        Err(NsError::about(&codes::NOT_SUPPORTED, name))
    }

    /// The object that a command names, by `recordId` where that is given.
    fn object_meant(&self, command: &Command) -> Option<&Object> {
        let resource = command.resource();
        match command.integer("recordId") {
            Some(number) if !resource.identity.is_empty() => {
                let object = self.numbered(resource.name, number)?;
                let name = resource.name_of(command.values());
                object.name().eq_ignore_ascii_case(&name).then_some(object)
            }
            _ => self.object(resource.name, &command.key()),
        }
    }

    fn switch(&mut self, command: &Command, state: &'static str) -> Result<Effect, NsError> {
        let resource = command.resource();
        if resource.is_singleton() {
            return Ok(self.switch_listed(command, state == "ENABLED"));
        }
        self.check_exists(command)?;
        if resource.name == "serviceGroup" && command.has("serverName") {
            return self.switch_member(command, state);
        }
        let key = command.key();
        let Some(object) = self.object_mut(resource, &key) else {
            return Ok(Effect::Unchanged);
        };
        if object.is("state", state) {
            return Ok(Effect::Unchanged);
        }
        object.values_mut().insert("state", Value::Choice(state));
        Ok(Effect::Changed)
    }

    /// `enable ns feature LB CS`: the words join the list, in the catalogue's order, or leave it.
    fn switch_listed(&mut self, command: &Command, on: bool) -> Effect {
        let resource = command.resource();
        let Some((attribute, words)) = command
            .attributes()
            .find_map(|a| Some((a, command.value(a.name)?.as_list()?)))
        else {
            return Effect::Unchanged;
        };
        let before = self.listed(resource.name, attribute.name).to_vec();
        let crate::catalog::Kind::List(order) = attribute.kind else {
            return Effect::Unchanged;
        };
        let named = |word: &str| words.iter().any(|have| have == word);
        let had = |word: &str| before.iter().any(|have| have == word);
        let after: Vec<String> = order
            .iter()
            .filter(|word| {
                if on {
                    had(word) || named(word)
                } else {
                    had(word) && !named(word)
                }
            })
            .map(|word| (*word).to_owned())
            .collect();
        if after == before {
            return Effect::Unchanged;
        }
        let mut values = Values::new();
        values.insert(attribute.name, Value::List(after));
        self.store(resource, "", values);
        Effect::Changed
    }

    fn link(&mut self, command: &Command) -> Result<Effect, NsError> {
        self.check_exists(command)?;
        let values = self.resolve(command.attributes(), command.values())?;
        let key = command.key();
        let Some(issuer) = values.get("linkCertKeyName").cloned() else {
            return Err(NsError::about(&codes::ARGUMENT_MISSING, "linkCertKeyName"));
        };
        let itself = issuer
            .as_text()
            .is_some_and(|name| name.eq_ignore_ascii_case(&key));
        if itself {
            return Err(NsError::new(&codes::LINK_TO_ITSELF));
        }
        let Some(object) = self.object_mut(command.resource(), &key) else {
            return Ok(Effect::Unchanged);
        };
        if let Some(have) = object.text("linkCertKeyName") {
            return Err(NsError::argument(
                &codes::RESOURCE_EXISTS,
                "linkCertKeyName",
                have,
            ));
        }
        object.values_mut().insert("linkCertKeyName", issuer);
        Ok(Effect::Changed)
    }

    fn unlink(&mut self, command: &Command) -> Result<Effect, NsError> {
        self.check_exists(command)?;
        let key = command.key();
        let removed = self
            .object_mut(command.resource(), &key)
            .and_then(|object| object.values_mut().remove("linkCertKeyName"));
        match removed {
            Some(_) => Ok(Effect::Changed),
            None => Err(NsError::new(&codes::NO_LINK)),
        }
    }

    /// `update ssl certKey`: other files under the same name; without files, the same are read again.
    fn update(&mut self, command: &Command) -> Result<Effect, NsError> {
        self.check_exists(command)?;
        let resource = command.resource();
        let key = command.key();
        if self.is_bound_to_vpn_global(&key) {
            return Err(NsError::about(resource.in_use, "vpn global"));
        }
        let given = kept(command);
        let Some(object) = self.object_mut(resource, &key) else {
            return Ok(Effect::Unchanged);
        };
        let values = object.values_mut();
        if given.contains("key") || given.contains("bundleFile") {
            // The old key's pass phrase is not the new key's.
            for name in SECRETS_OF_A_KEY {
                values.remove(name);
            }
        }
        put_in(resource, values, &given);
        Ok(Effect::Changed)
    }

    fn clear(&mut self, command: &Command) -> Effect {
        let level = command.text("level").unwrap_or("basic").to_owned();
        let with_users = command.text("RBAconfig") == Some("YES");
        let fresh = Self::new();
        let keep = |name: &str| match name {
            "ns config" | "route" => true,
            "system user" | "system parameter" => !with_users,
            "ns feature" | "ns mode" => level == "basic",
            _ => level != "full" && KEPT_WHEN_CLEARED.contains(&name),
        };
        for (name, table) in &mut self.tables {
            if !keep(name) {
                *table = fresh.tables.get(name).cloned().unwrap_or_default();
            }
        }
        Effect::Cleared
    }

    /// Puts the values in place of the object's, which is made if it is of a type that exists by itself.
    pub(super) fn store(&mut self, resource: &'static ResourceType, key: &str, values: Values) {
        match self.object_mut(resource, key) {
            Some(object) => *object.values_mut() = values,
            None => self.insert(Object::new(resource, values)),
        }
    }

    /// Whether the object is there; objects of types without `add` are there by themselves.
    pub(super) fn check_exists(&self, command: &Command) -> Result<(), NsError> {
        let resource = command.resource();
        if !resource.companion_of.is_empty() {
            return self.check_companion(resource, &command.key());
        }
        if !resource.supports(Verb::Add) || self.object(resource.name, &command.key()).is_some() {
            return Ok(());
        }
        Err(self.about_key(resource.missing, command))
    }

    pub(super) fn about_key(&self, code: &'static codes::ErrorCode, command: &Command) -> NsError {
        match command.resource().keys().next() {
            Some(key) => {
                let name = command.key().replace('\n', " ");
                NsError::argument(code, key.name, &name)
            }
            None => NsError::new(code),
        }
    }
}

/// Attributes that say how a stored secret is to be read; a new secret comes with its own.
const FORM_OF_A_SECRET: &[&str] = &["encrypted", "encryptmethod", "hashmethod", "kek", "suffix"];

/// Attributes of a certificate that belong to its private key.
const SECRETS_OF_A_KEY: &[&str] = &[
    "encryptmethod",
    "encrypted",
    "kek",
    "passcrypt",
    "passplain",
    "password",
    "suffix",
];

/// What `clear ns config basic` and `extended` leave alone besides what every level does.
const KEPT_WHEN_CLEARED: &[&str] = &[
    "ns encryptionParams",
    "ns hostName",
    "ns ip",
    "ns param",
    "ns rpcNode",
];

/// Puts new values in the place of old ones, and of those that cannot stand beside them.
fn put_in(resource: &'static ResourceType, values: &mut Values, given: &Values) {
    for (name, value) in given.iter() {
        for attribute in resource.attributes {
            let excluded = attribute.excludes.contains(&name)
                || resource
                    .attribute(name)
                    .is_some_and(|own| own.excludes.contains(&attribute.name));
            if excluded && !given.contains(attribute.name) {
                values.remove(attribute.name);
            }
        }
        values.insert(name, value.clone());
    }
    drop_dependents(resource, values);
}

/// Takes out what cannot stand without a value that is no longer there.
fn drop_dependents(resource: &'static ResourceType, values: &mut Values) {
    for attribute in resource.attributes {
        let stranded = attribute.requires.iter().any(|name| !values.contains(name));
        if stranded {
            values.remove(attribute.name);
        }
    }
}

/// The values of a command that belong to the object, not only to the moment.
fn kept(command: &Command) -> Values {
    let mut values = command.values().clone();
    for attribute in command.attributes() {
        if attribute.save == Save::Never {
            values.remove(attribute.name);
        }
    }
    values
}
