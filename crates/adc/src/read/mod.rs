//! Rows: every `show`, `stat` and NITRO GET, from the configuration, the certificates' files and the data plane.

mod access;
mod appliance;
mod bindings;
mod certkey;
mod chain;
mod files;
mod machine;
mod objects;
mod reverse;
mod stat;
mod traffic;
mod zero_touch;

use std::sync::Arc;

use evercert_ns::catalog::{self, ResourceType};
use evercert_ns::command::{Command, Verb};
use evercert_ns::model::Config;
use evercert_ns::nitro::Tree;
use evercert_ns::value::Value;
use evercert_ns::{NsError, codes};
use serde_json::{Map, Value as Json};

use crate::instance::Instance;

/// One object, with NITRO's field names.
pub(crate) type Row = Map<String, Json>;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadQuery {
    /// Statistics instead of configuration.
    pub(crate) statistics: bool,
    /// NITRO's type, in lower case: `sslcertkey`, `sslvserver_binding`.
    pub(crate) kind: String,
    /// The object's name.
    pub(crate) name: Option<String>,
    /// Further parts of the key, and arguments of the `show` command.
    pub(crate) args: Vec<(String, String)>,
    /// Number of the session that asks.
    pub(crate) session: Option<u32>,
    /// Whether statistics of what is bound are wanted too (`statbindings=yes`).
    pub(crate) bindings: bool,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rows {
    /// Objects of a type of which there may be several.
    List(Vec<Row>),
    /// The one object of its type.
    One(Row),
}

/// Answers a read.
///
/// # Errors
/// [`codes::INVALID_NITRO_TYPE`] for an unknown type, the type's own error for an unknown name,
/// [`codes::NO_SUCH_ARGUMENT`] for an argument the type does not have.
pub(crate) fn rows(instance: &Instance, query: &ReadQuery) -> Result<Rows, NsError> {
    let reader = Reader {
        instance,
        config: instance.control.config(),
        query,
    };
    match query.statistics {
        true => reader.statistics(),
        false => reader.configuration(),
    }
}

/// The command whose answer a read is: what command policies are asked about.
pub(crate) fn command(tree: Tree, query: &ReadQuery) -> Option<Command> {
    let resource = shown_by(&query.kind)?;
    let verb = match tree {
        Tree::Config => Verb::Show,
        Tree::Stat => Verb::Stat,
    };
    let mut command = Command::new(verb, resource);
    if let (Some(name), Some(key)) = (&query.name, resource.keys().next()) {
        command = command.with(key.name, Value::Text(name.clone()));
    }
    for (field, value) in &query.args {
        if let Some(attribute) = command.attributes().find(|a| a.has_field(field)) {
            command = command.with(attribute.name, Value::Text(value.clone()));
        }
    }
    Some(command)
}

/// The resource type whose `show` tells of a NITRO type: its own, or that of the object things are bound to.
fn shown_by(kind: &str) -> Option<&'static ResourceType> {
    let own = match kind {
        // Statistics that have no type of their own.
        "ns" => Some(&catalog::NS_CONFIG),
        "ssl" => Some(&catalog::SSL_PARAMETER),
        "system" => Some(&catalog::SYSTEM_PARAMETER),
        _ => catalog::resource_by_nitro(kind),
    };
    own.or_else(|| {
        let object = kind.strip_suffix("_binding")?;
        let object = object.split_once('_').map_or(object, |(object, _)| object);
        catalog::resource_by_nitro(object)
    })
}

/// One read under way.
struct Reader<'a> {
    instance: &'a Instance,
    config: Arc<Config>,
    query: &'a ReadQuery,
}

impl Reader<'_> {
    fn configuration(&self) -> Result<Rows, NsError> {
        let kind = self.query.kind.as_str();
        if let Some(rows) = self.appliance(kind) {
            return rows.map(Rows::One);
        }
        if let Some(rows) = self.chain(kind).or_else(|| self.access(kind)) {
            return rows.map(Rows::List);
        }
        if let Some(object) = kind.strip_suffix("_binding")
            && let Some(rows) = self.bindings(object)
        {
            return rows.map(Rows::List);
        }
        let resource = catalog::resource_by_nitro(kind)
            .ok_or_else(|| NsError::about(&codes::INVALID_NITRO_TYPE, kind))?;
        if resource.rule(Verb::Show).is_none() {
            return Err(NsError::about(&codes::INVALID_NITRO_ACTION, "get"));
        }
        let rows = self.objects(resource)?;
        Ok(match (resource.is_singleton(), rows.into_iter()) {
            (true, mut rows) => Rows::One(rows.next().unwrap_or_default()),
            (false, rows) => Rows::List(rows.collect()),
        })
    }

    /// The value of an argument, whatever the case of its name.
    fn arg(&self, name: &str) -> Option<&str> {
        let named = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        let found = self.query.args.iter().find(named);
        found.map(|(_, value)| value.as_str())
    }

    fn now(&self) -> jiff::Timestamp {
        self.instance.clock.now()
    }
}

/// An object's key, as the catalogue names it, does not exist.
fn missing(resource: &'static ResourceType, name: &str) -> NsError {
    match resource.keys().next() {
        Some(key) => NsError::argument(resource.missing, key.name, name),
        None => NsError::new(resource.missing),
    }
}

/// A row from pairs.
fn row<const N: usize>(pairs: [(&str, Json); N]) -> Row {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The text of a field.
fn text<'r>(row: &'r Row, field: &str) -> Option<&'r str> {
    row.get(field).and_then(Json::as_str)
}
