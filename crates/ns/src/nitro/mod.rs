//! NITRO: commands as requests and JSON, and back. Transport (HTTP, sessions, envelopes) is not here.
//!
//! A field is the lower-case name of the command line unless the catalogue says otherwise. On input, numbers may be
//! strings, switches may be JSON booleans, and field names may be in any case, as real clients send them.

use serde_json::{Map, Value as Json, json};

use crate::catalog::{self, Attribute, BindingType, Kind, Operation, ResourceType};
use crate::codes;
use crate::command::{Command, Verb};
use crate::error::NsError;
use crate::model::Object;
use crate::validate;
use crate::value::{Value, Values};

/// HTTP method of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or performs an action.
    Post,
    /// Updates, or binds.
    Put,
    /// Removes, or unbinds.
    Delete,
}

/// Which tree of URLs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tree {
    /// `/nitro/v1/config`.
    Config,
    /// `/nitro/v1/stat`.
    Stat,
}

/// A request without transport; names and arguments are not percent-encoded.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Configuration or statistics.
    pub tree: Tree,
    /// The type in the path, e.g. `sslcertkey` or `sslvserver_sslcertkey_binding`.
    pub kind: String,
    /// The name in the path.
    pub name: Option<String>,
    /// `?action=`.
    pub action: Option<String>,
    /// `?args=`.
    pub args: Vec<(String, String)>,
    /// The body: `{"sslcertkey": {…}}`, or the same with an array.
    pub body: Option<Json>,
}

impl std::fmt::Debug for Request {
    /// Leaves out the body and the arguments: they may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("tree", &self.tree)
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// The request a command is.
pub fn to_request(command: &Command) -> Request {
    let kind = nitro_type(command).to_owned();
    let (method, action) = match operation(command) {
        Operation::Create => (Method::Post, None),
        Operation::Update => (Method::Put, None),
        Operation::Delete => (Method::Delete, None),
        Operation::Read | Operation::Statistics => (Method::Get, None),
        Operation::Action(action) => (Method::Post, Some(action.to_owned())),
    };
    let tree = match operation(command) {
        Operation::Statistics => Tree::Stat,
        _ => Tree::Config,
    };
    let in_body = matches!(method, Method::Post | Method::Put);
    let (name, args) = if in_body {
        (None, Vec::new())
    } else {
        name_and_args(command)
    };
    let body = in_body.then(|| json!({ kind.as_str(): to_json(command) }));
    Request {
        method,
        tree,
        kind,
        name,
        action,
        args,
        body,
    }
}

/// The commands a request asks for: one for each object of the body.
///
/// # Errors
/// [`codes::INVALID_NITRO_TYPE`] for an unknown type, [`codes::INVALID_NITRO_ACTION`] for what the type does not do,
/// [`codes::INVALID_JSON`] for a body of another shape, else as [`from_json`].
pub fn from_request(request: &Request) -> Result<Vec<Command>, NsError> {
    let verb = verb_of(request)?;
    match (&request.body, request.method) {
        (Some(body), Method::Post | Method::Put) => {
            let payload = payload(body, &request.kind)?;
            let objects: Vec<&Json> = match payload {
                Json::Array(objects) => objects.iter().collect(),
                other => vec![other],
            };
            objects
                .into_iter()
                .map(|object| {
                    let named = with_name(object, request)?;
                    from_json(verb, &request.kind, &Json::Object(named))
                })
                .collect()
        }
        _ => {
            let fields = with_name(&json!({}), request)?;
            Ok(vec![from_json(verb, &request.kind, &Json::Object(fields))?])
        }
    }
}

/// The fields of a command: what stands in the body under the type's name.
pub fn to_json(command: &Command) -> Json {
    let mut fields = Map::new();
    for attribute in command.attributes() {
        if let Some(value) = command.value(attribute.name) {
            put(&mut fields, attribute, value);
        }
    }
    Json::Object(fields)
}

/// The command that the fields of one object ask for.
///
/// # Errors
/// [`codes::NO_SUCH_ARGUMENT`] for an unknown field, else what [`validate`] finds.
pub fn from_json(verb: Verb, kind: &str, fields: &Json) -> Result<Command, NsError> {
    let Json::Object(fields) = fields else {
        return Err(NsError::about(&codes::INVALID_JSON, kind));
    };
    if let Some(resource) = catalog::resource_by_nitro(kind) {
        if !resource.supports(verb) {
            return Err(NsError::about(
                &codes::INVALID_NITRO_ACTION,
                format!("{verb} {}", resource.nitro),
            ));
        }
        return read(Command::new(verb, resource), fields, None);
    }
    let (resource, binding) = binding_type(kind, fields)?;
    let alias = binding
        .aliases
        .iter()
        .find(|(alias, _)| alias.eq_ignore_ascii_case(kind))
        .map(|(_, field)| *field);
    read(Command::binding_of(verb, resource, binding), fields, alias)
}

/// An object as `GET` shows it: numbers as strings, defaults included, secrets left out.
pub fn object_to_json(object: &Object) -> Json {
    let mut fields = Map::new();
    for attribute in object.resource().attributes {
        if attribute.kind.is_secret() {
            continue;
        }
        let default = || {
            attribute
                .default
                .and_then(|word| validate::value(attribute, word).ok())
        };
        if let Some(value) = object.value(attribute.name).cloned().or_else(default) {
            put(&mut fields, attribute, &value);
        }
    }
    for value in fields.values_mut() {
        if let Json::Number(number) = value {
            *value = Json::String(number.to_string());
        }
    }
    Json::Object(fields)
}

fn nitro_type(command: &Command) -> &'static str {
    command
        .binding()
        .map_or(command.resource().nitro, |binding| binding.nitro)
}

fn operation(command: &Command) -> Operation {
    match command.verb() {
        Verb::Bind => Operation::Update,
        Verb::Unbind => Operation::Delete,
        verb => command
            .resource()
            .rule(verb)
            .map_or(Operation::Action(verb.word()), |rule| rule.operation),
    }
}

/// The first key goes into the path, everything else into `args`.
fn name_and_args(command: &Command) -> (Option<String>, Vec<(String, String)>) {
    let Json::Object(fields) = to_json(command) else {
        return (None, Vec::new());
    };
    let resource = command.resource();
    let in_path = !resource.is_named_in_args;
    let key = resource.keys().next().filter(|_| in_path);
    let mut name = None;
    let mut args = Vec::new();
    for (field, value) in fields {
        let word = match value {
            Json::String(text) => text,
            Json::Array(words) => list_as_text(words),
            other => other.to_string(),
        };
        if name.is_none() && key.is_some_and(|key| key.has_field(&field)) {
            name = Some(word);
        } else {
            args.push((field, word));
        }
    }
    (name, args)
}

/// One word as it is, several as a JSON array; a word that looks like one is written as one.
fn list_as_text(words: Vec<Json>) -> String {
    match words.as_slice() {
        [Json::String(only)] if listed_words(only).is_none() => only.clone(),
        _ => Json::Array(words).to_string(),
    }
}

fn put(fields: &mut Map<String, Json>, attribute: &Attribute, value: &Value) {
    let field = match (attribute.kind, value) {
        (Kind::Host { when_ip }, Value::Ip(_)) => when_ip.to_owned(),
        _ => attribute.field(),
    };
    let json = match value {
        Value::Flag => Json::Bool(true),
        Value::Integer(number) => json!(number),
        Value::Choice(choice) => json!(choice),
        Value::Ip(ip) => json!(ip.to_string()),
        Value::Text(text) => json!(text),
        Value::Secret(secret) => json!(secret.expose()),
        Value::List(words) => match (attribute.kind, words.as_slice()) {
            (Kind::Interval { unit_field }, [number, unit]) => {
                fields.insert(unit_field.to_owned(), json!(unit));
                json!(number)
            }
            (Kind::Interval { .. }, [number]) => json!(number),
            _ => json!(words),
        },
    };
    fields.insert(field, json);
}

fn verb_of(request: &Request) -> Result<Verb, NsError> {
    let unknown = || NsError::about(&codes::INVALID_NITRO_TYPE, &request.kind);
    let Some(resource) = catalog::resource_by_nitro(&request.kind) else {
        catalog::bindings_by_nitro(&request.kind)
            .next()
            .ok_or_else(unknown)?;
        return match request.method {
            Method::Post | Method::Put => Ok(Verb::Bind),
            Method::Delete => Ok(Verb::Unbind),
            Method::Get => Err(NsError::about(&codes::INVALID_NITRO_ACTION, "get")),
        };
    };
    let matches = |operation: Operation| match (operation, request.method, &request.action) {
        (Operation::Create, Method::Post, None)
        | (Operation::Update, Method::Put, None)
        | (Operation::Delete, Method::Delete, None) => true,
        (Operation::Read, Method::Get, None) => request.tree == Tree::Config,
        (Operation::Statistics, Method::Get, None) => request.tree == Tree::Stat,
        (Operation::Action(name), Method::Post, Some(action)) => name.eq_ignore_ascii_case(action),
        _ => false,
    };
    let rule: Option<&'static catalog::VerbRule> =
        resource.verbs.iter().find(|rule| matches(rule.operation));
    rule.map(|rule| rule.verb).ok_or_else(|| {
        let asked = request
            .action
            .clone()
            .unwrap_or_else(|| format!("{:?}", request.method));
        NsError::about(&codes::INVALID_NITRO_ACTION, asked.to_ascii_lowercase())
    })
}

fn payload<'j>(body: &'j Json, kind: &str) -> Result<&'j Json, NsError> {
    let Json::Object(members) = body else {
        return Err(NsError::new(&codes::INVALID_JSON));
    };
    members
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(kind))
        .map(|(_, value)| value)
        .ok_or_else(|| NsError::about(&codes::INVALID_JSON, kind))
}

/// The fields of the object, with the name of the path and the arguments put in.
fn with_name(object: &Json, request: &Request) -> Result<Map<String, Json>, NsError> {
    let Json::Object(fields) = object else {
        return Err(NsError::about(&codes::INVALID_JSON, &request.kind));
    };
    let mut fields = fields.clone();
    let resource = catalog::resource_by_nitro(&request.kind)
        .or_else(|| Some(catalog::bindings_by_nitro(&request.kind).next()?.0));
    let key = resource.and_then(|resource| resource.keys().next());
    if let Some(name) = &request.name
        && resource.is_some_and(|resource| resource.is_named_in_args)
    {
        return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, name));
    }
    if let (Some(name), Some(key)) = (&request.name, key) {
        let given = fields.keys().any(|field| key.has_field(field));
        if !given {
            fields.insert(key.field(), json!(name));
        }
    }
    for (field, value) in &request.args {
        let is_list = resource.is_some_and(|resource| is_list(resource, &request.kind, field));
        let words = is_list.then(|| listed_words(value)).flatten();
        fields.insert(
            field.clone(),
            words.map_or_else(|| json!(value), Json::from),
        );
    }
    Ok(fields)
}

/// Whether the field of the type, or of the binding type, takes several words.
fn is_list(resource: &'static ResourceType, kind: &str, field: &str) -> bool {
    let bound = catalog::bindings_by_nitro(kind).flat_map(|(_, binding)| binding.attributes);
    resource
        .attributes
        .iter()
        .chain(bound)
        .any(|a| matches!(a.kind, Kind::List(_)) && a.has_field(field))
}

/// The words of a list that was written as text: `["a","b"]`, or `['a', 'b']` as Python writes it.
fn listed_words(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    if let Ok(words) = serde_json::from_str(text) {
        return Some(words);
    }
    let mut words = Vec::new();
    let mut rest = inner.trim();
    while !rest.is_empty() {
        let mark = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (word, after) = quoted_word(&rest[1..], mark)?;
        words.push(word);
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(words)
}

/// The word up to the quotation mark that ends it, and what follows.
fn quoted_word(text: &str, mark: char) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => word.push(characters.next()?.1),
            c if c == mark => return Some((word, &text[at + 1..])),
            c => word.push(c),
        }
    }
    None
}

/// Several binding types may share a NITRO type; the fields tell them apart.
fn binding_type(
    kind: &str,
    fields: &Map<String, Json>,
) -> Result<(&'static ResourceType, &'static BindingType), NsError> {
    let all: Vec<_> = catalog::bindings_by_nitro(kind).collect();
    let selected = all.iter().find(|(_, binding)| {
        binding.selectors.iter().any(|selector| {
            let attribute = binding.attributes.iter().find(|a| a.name == *selector);
            attribute.is_some_and(|a| fields.keys().any(|field| a.has_field(field)))
        })
    });
    selected
        .or(all.first())
        .copied()
        .ok_or_else(|| NsError::about(&codes::INVALID_NITRO_TYPE, kind))
}

fn read(
    command: Command,
    fields: &Map<String, Json>,
    alias: Option<&'static str>,
) -> Result<Command, NsError> {
    let mut values = Values::new();
    let mut units: Vec<(&'static str, String)> = Vec::new();
    for (field, json) in fields {
        if json.is_null() || field == "_nextgenapiresource" {
            continue;
        }
        if let Some(name) = interval_of(&command, field) {
            units.push((name, json_words(json).concat()));
            continue;
        }
        let target = command.binding().and_then(BindingType::target);
        let attribute = match (alias, target) {
            (Some(alias), Some(target)) if alias.eq_ignore_ascii_case(field) => target,
            _ => command
                .attributes()
                .find(|a| a.has_field(field))
                .ok_or_else(|| NsError::about(&codes::NO_SUCH_ARGUMENT, field))?,
        };
        if is_left_open(attribute, json) {
            continue;
        }
        if let Some(value) = json_value(command.verb(), attribute, json)? {
            let twice = values.insert(attribute.name, value).is_some();
            if twice {
                return Err(NsError::about(&codes::ARGUMENTS_EXCLUDE, field));
            }
        }
    }
    for (name, unit) in units {
        add_unit(&command, &mut values, name, unit)?;
    }
    validate::complete(command.with_values(values))
}

/// Clients with typed members send an empty string for what was not set (lens: `"undefaction":""`), which no value of
/// these kinds can be.
fn is_left_open(attribute: &Attribute, json: &Json) -> bool {
    let never_empty = matches!(
        attribute.kind,
        Kind::Choice(_) | Kind::Integer { .. } | Kind::Ip | Kind::Port | Kind::Reference { .. }
    );
    never_empty && !attribute.is_key && json.as_str() == Some("")
}

/// The attribute whose unit this field is.
fn interval_of(command: &Command, field: &str) -> Option<&'static str> {
    command
        .attributes()
        .find(|a| {
            matches!(a.kind, Kind::Interval { unit_field } if unit_field.eq_ignore_ascii_case(field))
        })
        .map(|a| a.name)
}

fn add_unit(
    command: &Command,
    values: &mut Values,
    name: &'static str,
    unit: String,
) -> Result<(), NsError> {
    let Some(attribute) = command.attribute(name) else {
        return Ok(());
    };
    let Some(Value::List(mut words)) = values.remove(name) else {
        return Err(NsError::about(&codes::PREREQUISITE_MISSING, name));
    };
    words.push(unit);
    values.insert(name, validate::words(attribute, &words)?);
    Ok(())
}

/// The value of a field; `None` for a flag that is false.
fn json_value(
    verb: Verb,
    attribute: &'static Attribute,
    json: &Json,
) -> Result<Option<Value>, NsError> {
    let flag = matches!(attribute.kind, Kind::Flag)
        || (verb == Verb::Unset && !attribute.positional.contains(verb));
    if flag {
        return Ok(truth(json).unwrap_or(true).then_some(Value::Flag));
    }
    if let (Some(truth), Kind::OptionalSecret) = (truth(json), attribute.kind) {
        return Ok(truth.then_some(Value::Flag));
    }
    if let (Json::Bool(on), Kind::Choice(choices)) = (json, attribute.kind) {
        let words: &[&str] = if *on {
            &["YES", "ENABLED", "ON"]
        } else {
            &["NO", "DISABLED", "OFF"]
        };
        if let Some(choice) = choices.iter().copied().find(|c| words.contains(c)) {
            return Ok(Some(Value::Choice(choice)));
        }
    }
    if matches!(json, Json::Object(_)) {
        return Err(NsError::about(&codes::INVALID_JSON_TYPE, attribute.field()));
    }
    validate::words(attribute, &json_words(json)).map(Some)
}

fn truth(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(truth) => Some(*truth),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::String(text) if text.eq_ignore_ascii_case("yes") => Some(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Json::String(text) if text.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

fn json_words(json: &Json) -> Vec<String> {
    match json {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(json_words).collect(),
        Json::Null | Json::Object(_) => Vec::new(),
        Json::Bool(_) | Json::Number(_) => vec![json.to_string()],
    }
}

#[cfg(test)]
mod tests;
