//! One request of a description: its texts with holes, and the bodies it can have.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::answer::Format;
use super::description::Basic;
use super::template::{Template, Vars, xml};

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Appended to the base, or a whole URL.
    #[serde(default)]
    pub(crate) path: Option<Template>,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Template>,
    /// Parameters that come once for each value of the set, which they call `{v}`; `{i}` is its number, from 0.
    #[serde(default)]
    pub(crate) query_each: BTreeMap<String, Template>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Template>,
    /// Who asks, where that differs from the other requests.
    #[serde(default)]
    pub(crate) basic: Option<Basic>,
    /// How the answer is written, where it is not like the others.
    #[serde(default)]
    pub(crate) answers: Option<Format>,
    #[serde(default)]
    pub(crate) json: Option<JsonText>,
    #[serde(default)]
    pub(crate) form: Option<BTreeMap<String, FormText>>,
    #[serde(default)]
    pub(crate) text: Option<Template>,
    #[serde(default)]
    pub(crate) xml: Option<Template>,
    #[serde(default)]
    pub(crate) xmlrpc: Option<XmlRpc>,
}

/// A call by XML-RPC.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct XmlRpc {
    pub(crate) method: String,
    /// By position.
    pub(crate) params: Vec<JsonText>,
}

impl XmlRpc {
    /// The document that is sent.
    pub(crate) fn render(&self, vars: &Vars, values: &[String]) -> String {
        let params = self.params.iter().map(|param| {
            let value = typed(&param.render(vars, values));
            format!("<param><value>{value}</value></param>")
        });
        let params: String = params.collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall><methodName>{}</methodName><params>{params}</params></methodCall>",
            self.method
        )
    }
}

/// A value as XML-RPC writes it, within `<value>`.
fn typed(value: &Value) -> String {
    match value {
        Value::Null => "<nil/>".to_owned(),
        Value::Bool(truth) => format!("<boolean>{}</boolean>", u8::from(*truth)),
        Value::Number(number) => format!("<int>{number}</int>"),
        Value::String(text) => format!("<string>{}</string>", xml(text)),
        Value::Array(list) => {
            let items = list
                .iter()
                .map(|one| format!("<value>{}</value>", typed(one)));
            format!("<array><data>{}</data></array>", items.collect::<String>())
        }
        Value::Object(map) => {
            let members = map.iter().map(|(name, one)| {
                let value = typed(one);
                format!(
                    "<member><name>{}</name><value>{value}</value></member>",
                    xml(name)
                )
            });
            format!("<struct>{}</struct>", members.collect::<String>())
        }
    }
}

/// A value of a form: a text, or JSON in it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum FormText {
    Text(Template),
    Json { json: JsonText },
}

/// A JSON value whose texts are templates. An object `{each = "values", item = …}` is a list with the item for each
/// value of the set, which it calls `{v}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum JsonText {
    Bool(bool),
    Int(i64),
    Text(Template),
    List(Vec<Self>),
    Each(Each),
    Object(BTreeMap<String, Self>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Each {
    #[expect(dead_code, reason = "its presence tells a list from an object")]
    pub(crate) each: EachOf,
    pub(crate) item: Box<JsonText>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EachOf {
    Values,
}

impl Request {
    /// The names of its holes.
    pub(crate) fn holes(&self) -> Vec<&str> {
        let basic = self.basic.iter();
        let basic = basic.flat_map(|basic| [&basic.user, &basic.password]);
        let texts = [&self.path, &self.text, &self.xml].into_iter().flatten();
        let texts = texts.chain(basic);
        let maps = (self.query.values())
            .chain(self.query_each.values())
            .chain(self.headers.values());
        let mut names: Vec<&str> = texts.chain(maps).flat_map(Template::names).collect();
        if let Some(json) = &self.json {
            json.holes(&mut names);
        }
        for param in self.xmlrpc.iter().flat_map(|call| &call.params) {
            param.holes(&mut names);
        }
        for value in self.form.iter().flat_map(BTreeMap::values) {
            match value {
                FormText::Text(text) => names.extend(text.names()),
                FormText::Json { json } => json.holes(&mut names),
            }
        }
        names
    }
}

impl Request {
    /// Whether it puts the values of the set, which it calls `{v}`, in quotes.
    pub(crate) fn quotes_values(&self) -> bool {
        let form = self.form.iter().flat_map(BTreeMap::values);
        let mut form = form.filter_map(|value| match value {
            FormText::Json { json } => Some(json),
            FormText::Text(_) => None,
        });
        let params = self.xmlrpc.iter().flat_map(|call| &call.params);
        self.query_each.values().any(|text| text.quotes("v"))
            || form.any(JsonText::quotes_values)
            || self.json.iter().chain(params).any(JsonText::quotes_values)
    }
}

impl JsonText {
    fn quotes_values(&self) -> bool {
        match self {
            Self::Bool(_) | Self::Int(_) => false,
            Self::Text(text) => text.quotes("v"),
            Self::List(list) => list.iter().any(Self::quotes_values),
            Self::Each(each) => each.item.quotes_values(),
            Self::Object(map) => map.values().any(Self::quotes_values),
        }
    }

    fn holes<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Bool(_) | Self::Int(_) => {}
            Self::Text(text) => names.extend(text.names()),
            Self::List(list) => list.iter().for_each(|one| one.holes(names)),
            Self::Each(each) => each.item.holes(names),
            Self::Object(map) => map.values().for_each(|one| one.holes(names)),
        }
    }

    /// The JSON, its holes filled; `values` are those of the set.
    pub(crate) fn render(&self, vars: &Vars, values: &[String]) -> Value {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::from(*number),
            Self::Text(text) => text.render_json(vars),
            Self::List(list) => list.iter().map(|one| one.render(vars, values)).collect(),
            Self::Each(each) => {
                let items = values.iter().map(|value| {
                    let mut vars = vars.clone();
                    vars.insert("v".to_owned(), value.clone());
                    each.item.render(&vars, values)
                });
                items.collect()
            }
            Self::Object(map) => {
                let entries = map
                    .iter()
                    .map(|(key, one)| (key.clone(), one.render(vars, values)));
                Value::Object(entries.collect())
            }
        }
    }
}
