//! What a provider answered: JSON, XML and forms alike as one tree, and the ways to find something in it.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use roxmltree::{Document, Node, ParsingOptions};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// How a provider's answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// `application/json`.
    #[default]
    Json,
    /// XML-RPC: `/result` is the value, `/fault` what went wrong.
    Xmlrpc,
    /// XML: an element is an object of its children and `@attributes`, or its text when it has neither.
    Xml,
    /// `application/x-www-form-urlencoded`; a key ending in `[]` is a list.
    Form,
    /// Plain text or HTML: one string.
    Text,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body as text.
    pub(crate) text: String,
    /// The body as a tree; `None` when it is not of the format.
    pub(crate) tree: Option<Value>,
}

/// The tree of a body, or `None` when it is not of the format. An empty body is `null`.
pub(crate) fn tree_of(format: Format, text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return Some(Value::Null);
    }
    match format {
        Format::Json => serde_json::from_str(text).ok(),
        Format::Xml => read_xml(text, |root| {
            let tree = [(root.tag_name().name().to_owned(), element(root))];
            Some(Value::Object(tree.into_iter().collect()))
        }),
        Format::Xmlrpc => read_xml(text, xmlrpc),
        Format::Form => Some(form(text)),
        Format::Text => Some(Value::String(text.to_owned())),
    }
}

/// Reads a document; one whose prolog is irregular is read without it.
fn read_xml(text: &str, read: fn(Node<'_, '_>) -> Option<Value>) -> Option<Value> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if let Ok(document) = Document::parse_with_options(text, options) {
        return read(document.root_element());
    }
    let starts = text.match_indices('<').map(|(at, _)| &text[at..]);
    let mut elements =
        starts.filter(|rest| rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    let document = Document::parse(elements.next()?).ok()?;
    read(document.root_element())
}

/// What an XML-RPC response says, as `{"result": …}` or `{"fault": …}`.
fn xmlrpc(root: Node<'_, '_>) -> Option<Value> {
    if !root.has_tag_name("methodResponse") {
        return None;
    }
    let said = root.children().find(Node::is_element)?;
    let (name, value) = match said.has_tag_name("fault") {
        true => ("fault", child(said, "value")?),
        false => ("result", child(child(said, "param")?, "value")?),
    };
    Some(Value::Object(
        [(name.to_owned(), typed(value))].into_iter().collect(),
    ))
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// A `<value>` of XML-RPC; numbers and truth values as text.
fn typed(value: Node<'_, '_>) -> Value {
    let text =
        |node: Node<'_, '_>| Value::String(node.text().unwrap_or_default().trim().to_owned());
    let Some(inside) = value.children().find(Node::is_element) else {
        return text(value);
    };
    let named = |name: &'static str| move |node: &Node<'_, '_>| node.has_tag_name(name);
    match inside.tag_name().name() {
        "array" => {
            let data = inside.children().filter(named("data"));
            let values = data.flat_map(|data| data.children().filter(named("value")));
            values.map(typed).collect()
        }
        "struct" => {
            let members = inside.children().filter(named("member"));
            let pairs = members.filter_map(|member| {
                let name = child(member, "name")?.text()?.trim().to_owned();
                Some((name, typed(child(member, "value")?)))
            });
            Value::Object(pairs.collect())
        }
        _ => text(inside),
    }
}

fn element(node: Node<'_, '_>) -> Value {
    let mut tree = Map::new();
    for attribute in node.attributes() {
        let name = format!("@{}", attribute.name());
        tree.insert(name, Value::String(attribute.value().to_owned()));
    }
    for child in node.children().filter(Node::is_element) {
        put(&mut tree, child.tag_name().name(), element(child));
    }
    let text: String = node
        .children()
        .filter_map(|n| n.is_text().then(|| n.text()).flatten())
        .collect();
    let text = text.trim();
    if tree.is_empty() {
        return Value::String(text.to_owned());
    }
    if !text.is_empty() {
        tree.insert("$".to_owned(), Value::String(text.to_owned()));
    }
    Value::Object(tree)
}

/// The second of a name makes a list of it.
fn put(tree: &mut Map<String, Value>, name: &str, value: Value) {
    match tree.get_mut(name) {
        None => {
            tree.insert(name.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn form(text: &str) -> Value {
    let mut tree = Map::new();
    for (key, value) in url_pairs(text.trim()) {
        match key.strip_suffix("[]") {
            None => put(&mut tree, &key, Value::String(value)),
            Some(name) => {
                let list = tree.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(Value::String(value));
                }
            }
        }
    }
    Value::Object(tree)
}

fn url_pairs(text: &str) -> Vec<(String, String)> {
    let mut url = reqwest::Url::parse("http://form.invalid/").ok();
    if let Some(url) = &mut url {
        url.set_query(Some(text));
    }
    url.iter()
        .flat_map(|url| url.query_pairs())
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect()
}

/// A way to a part of an answer: `/a/b/0`, `/a/*/c`, `/a/**/c` at any depth, `header:Name`, `cookie:Name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Tree(Vec<String>),
    Header(String),
    Cookie(String),
}

impl Path {
    /// Whether everything is meant.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Tree(steps) if steps.is_empty())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("header:") {
            return Ok(Self::Header(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix("cookie:") {
            return Ok(Self::Cookie(name.to_owned()));
        }
        if text.is_empty() {
            return Ok(Self::Tree(Vec::new()));
        }
        let inside = text.strip_prefix('/').ok_or_else(|| {
            format!("\"{text}\" is no path: it begins with /, header: or cookie:")
        })?;
        let steps = inside
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"));
        Ok(Self::Tree(steps.collect()))
    }

    /// The values it leads to in a tree; none where a step is missing.
    pub(crate) fn values<'a>(&self, tree: &'a Value) -> Vec<&'a Value> {
        let Self::Tree(steps) = self else {
            return Vec::new();
        };
        let mut found = vec![tree];
        for step in steps {
            found = found
                .into_iter()
                .flat_map(|value| follow(value, step))
                .collect();
        }
        found
    }

    /// The things it leads to: the entries of a list, or the one thing that stands where a list could.
    pub(crate) fn items<'a>(&self, tree: &'a Value) -> Vec<&'a Value> {
        let entries = |value: &'a Value| match value {
            Value::Null => Vec::new(),
            Value::Array(list) => list.iter().collect(),
            one => vec![one],
        };
        self.values(tree).into_iter().flat_map(entries).collect()
    }

    /// The first text or number it leads to, as text.
    pub(crate) fn text(&self, tree: &Value) -> Option<String> {
        self.values(tree).into_iter().find_map(plain)
    }

    /// The same in a whole answer, headers and cookies included.
    pub(crate) fn text_in(&self, answer: &Answer) -> Option<String> {
        match self {
            Self::Tree(_) => self.text(answer.tree.as_ref()?),
            Self::Header(name) => Some(answer.headers.get(name)?.to_str().ok()?.to_owned()),
            Self::Cookie(name) => {
                let cookies = answer.headers.get_all(reqwest::header::SET_COOKIE);
                cookies
                    .iter()
                    .filter_map(|cookie| cookie.to_str().ok())
                    .find_map(|cookie| {
                        let (key, value) = cookie.split(';').next()?.split_once('=')?;
                        (key.trim() == name).then(|| value.trim().to_owned())
                    })
            }
        }
    }
}

fn follow<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    match (value, step) {
        (value, "**") => descendants(value),
        (Value::Array(list), "*") => list.iter().collect(),
        (Value::Object(map), "*") => map.values().collect(),
        (Value::Array(list), step) => match step.parse::<usize>() {
            Ok(index) => list.get(index).into_iter().collect(),
            Err(_) => Vec::new(),
        },
        // XML with one element where a list could be.
        (Value::Object(map), step) => match map.get(step) {
            Some(found) => vec![found],
            None if step == "0" => vec![value],
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The value itself and everything below it.
fn descendants(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Array(list) => list.iter().flat_map(descendants).collect(),
        Value::Object(map) => map.values().flat_map(descendants).collect(),
        _ => Vec::new(),
    };
    std::iter::once(value).chain(below).collect()
}

/// A text, number or truth value as text; trimmed, as some services pad.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Object(map) => map.get("$").and_then(plain),
        Value::Null | Value::Array(_) => None,
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Something that must hold of an answer; all that is given must.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// The HTTP status is one of these; 2 stands for 200 to 299, and so on.
    #[serde(default)]
    pub(crate) status: Vec<u16>,
    /// What the next three look at.
    #[serde(default)]
    pub(crate) at: Option<Path>,
    /// It is one of these, as text.
    #[serde(default)]
    pub(crate) is: Vec<String>,
    /// It is none of these.
    #[serde(default)]
    pub(crate) is_not: Vec<String>,
    /// There is something, or, with `false`, nothing.
    #[serde(default)]
    pub(crate) exists: Option<bool>,
    /// The body contains one of these texts.
    #[serde(default)]
    pub(crate) contains: Vec<String>,
}

impl Condition {
    pub(crate) fn holds(&self, answer: &Answer) -> bool {
        let code = answer.status.as_u16();
        let status = |wanted: &u16| *wanted == code || *wanted == code / 100;
        if !self.status.is_empty() && !self.status.iter().any(status) {
            return false;
        }
        if !self.contains.is_empty()
            && !self
                .contains
                .iter()
                .any(|part| answer.text.contains(part.as_str()))
        {
            return false;
        }
        let Some(path) = &self.at else { return true };
        let values = answer
            .tree
            .as_ref()
            .map(|tree| path.values(tree))
            .unwrap_or_default();
        let texts: Vec<String> = values.iter().copied().filter_map(plain).collect();
        let there = values.iter().any(|value| !is_nothing(value));
        self.exists.is_none_or(|wanted| wanted == there)
            && (self.is.is_empty() || texts.iter().any(|text| self.is.contains(text)))
            && !texts.iter().any(|text| self.is_not.contains(text))
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn paths_lead_through_lists_and_objects() {
        let tree = json!({"a": [{"b": 1}, {"b": "x"}], "c": {"7": {"d": " y "}}});

        assert_eq!(path("/a/0/b").text(&tree).unwrap(), "1");
        assert_eq!(path("/a/*/b").values(&tree).len(), 2);
        assert_eq!(path("/c/*/d").text(&tree).unwrap(), "y");
        assert_eq!(path("/c/none").text(&tree), None);
        assert_eq!(path("/a").items(&tree).len(), 2);
        assert_eq!(path("").items(&json!([1, 2])).len(), 2);
        assert!(Path::parse("a/b").is_err());
    }

    #[test]
    fn xml_with_one_or_many_elements_reads_alike() {
        let one = tree_of(Format::Xml, "<r><i id='1'><n>a</n></i></r>").unwrap();
        let two = tree_of(
            Format::Xml,
            "<r><i id='1'><n>a</n></i><i id='2'><n>b</n></i></r>",
        )
        .unwrap();

        assert_eq!(path("/r/i").items(&one).len(), 1);
        assert_eq!(path("/r/i").items(&two).len(), 2);
        assert_eq!(path("/@id").text(path("/r/i").items(&two)[1]).unwrap(), "2");
        assert!(tree_of(Format::Xml, "<html><br></html>").is_none());
        let odd = tree_of(
            Format::Xml,
            " <?xml bad?><!DOCTYPE r [<!ENTITY x 'y'>]><r><i n='1'/></r>",
        );
        assert_eq!(path("/**/i/@n").text(&odd.unwrap()).unwrap(), "1");
    }

    #[test]
    fn xml_rpc_reads_as_what_it_means() {
        let text = "<?xml version='1.0'?><methodResponse><params><param><value><array><data>\
            <value><struct><member><name>id</name><value><int>7</int></value></member>\
            <member><name>rdata</name><value> padded </value></member></struct></value>\
            </data></array></value></param></params></methodResponse>";
        let tree = tree_of(Format::Xmlrpc, text).unwrap();
        assert_eq!(tree, json!({"result": [{"id": "7", "rdata": "padded"}]}));

        let fault = "<methodResponse><fault><value><struct><member><name>faultCode</name>\
            <value><int>4</int></value></member></struct></value></fault></methodResponse>";
        assert_eq!(
            tree_of(Format::Xmlrpc, fault).unwrap(),
            json!({"fault": {"faultCode": "4"}})
        );
        assert!(tree_of(Format::Xmlrpc, "<html/>").is_none());
    }

    #[test]
    fn forms_and_empty_bodies_are_read() {
        let tree = tree_of(Format::Form, "error=0&list[]=a.com&list[]=b.org&text=a%26b").unwrap();

        assert_eq!(path("/list").items(&tree).len(), 2);
        assert_eq!(path("/text").text(&tree).unwrap(), "a&b");
        assert_eq!(tree_of(Format::Json, " ").unwrap(), Value::Null);
        assert!(tree_of(Format::Json, "<html>").is_none());
    }

    #[test]
    fn conditions_look_at_status_tree_and_text() {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            text: r#"{"success":false,"errors":[]}"#.to_owned(),
            tree: Some(json!({"success": false, "errors": []})),
        };
        let condition = |text: &str| toml::from_str::<Condition>(text).unwrap().holds(&answer);

        assert!(condition("status = [2]"));
        assert!(!condition("status = [201, 4]"));
        assert!(!condition("at = '/success'\nis = ['true']"));
        assert!(condition("at = '/success'\nis_not = ['true']"));
        assert!(condition("at = '/errors'\nexists = false"));
        assert!(condition("contains = ['nothing', 'success']"));
    }
}
