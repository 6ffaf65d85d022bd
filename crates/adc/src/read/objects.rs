//! Configured objects of any type, with the read-only fields of those types that have some.

use evercert_ns::catalog::{self, Kind, ResourceType};
use evercert_ns::command::Verb;
use evercert_ns::model::Object;
use evercert_ns::{NsError, codes, nitro};
use serde_json::{Value as Json, json};

use super::{Reader, Row, missing};

/// How a secret is stored: of no use to who reads.
const FORM_OF_A_SECRET: &[&str] = &["encrypted", "encryptmethod", "hashmethod", "kek", "suffix"];
/// Types that carry SSL settings of their own.
const SSL_TYPES: &[&str] = &["SSL", "SSL_TCP", "SSL_DIAMETER", "SSL_FIX", "SIP_SSL"];

impl Reader<'_> {
    /// The objects of a type, or the one named.
    pub(super) fn objects(&self, resource: &'static ResourceType) -> Result<Vec<Row>, NsError> {
        self.check_args(resource)?;
        let rows = if resource.is_singleton() {
            let object = self.config.singleton(resource.name);
            vec![object.map_or_else(|| defaults(resource, ""), plain)]
        } else if resource.companion_of.is_empty() {
            let all = self.config.objects(resource.name).map(plain);
            all.collect()
        } else {
            self.companions(resource)
        };
        let mut rows = self.named(resource, rows)?;
        for row in &mut rows {
            self.enrich(resource.nitro, row);
        }
        rows.retain(|row| self.fits_args(resource, row));
        if rows.is_empty()
            && !resource.is_singleton()
            && let Some(name) = &self.query.name
        {
            return Err(missing(resource, name));
        }
        Ok(rows)
    }

    /// Objects that are there because another one is: the SSL side of each SSL virtual server.
    fn companions(&self, resource: &'static ResourceType) -> Vec<Row> {
        let owners = resource.companion_of.iter();
        let names = owners.flat_map(|owner| {
            let is_ssl = |object: &&Object| {
                let kind = object.effective("serviceType");
                let kind = kind.as_ref().and_then(|kind| kind.as_text());
                kind.is_none_or(|kind| SSL_TYPES.contains(&kind))
            };
            self.config.objects(owner).filter(is_ssl).map(Object::key)
        });
        names
            .map(|name| match self.config.object(resource.name, &name) {
                Some(object) => plain(object),
                None => defaults(resource, &name),
            })
            .collect()
    }

    /// Only the object named, where one is.
    fn named(
        &self,
        resource: &'static ResourceType,
        mut rows: Vec<Row>,
    ) -> Result<Vec<Row>, NsError> {
        let Some(name) = &self.query.name else {
            return Ok(rows);
        };
        let Some(key) = resource.keys().next() else {
            return Ok(rows);
        };
        let fields = [key.field(), host_field(key.kind)];
        rows.retain(|row| {
            let values = fields.iter().filter_map(|field| row.get(field));
            values
                .filter_map(Json::as_str)
                .any(|have| same_name(have, name))
        });
        if rows.is_empty() && self.is_refused_by_type(resource, name) {
            return Err(NsError::argument(&codes::NOT_SSL, key.name, name));
        }
        match rows.is_empty() {
            true => Err(missing(resource, name)),
            false => Ok(rows),
        }
    }

    /// Whether SSL settings are asked of a virtual server that has none.
    fn is_refused_by_type(&self, resource: &'static ResourceType, name: &str) -> bool {
        let mut owners = resource.companion_of.iter();
        owners.any(|owner| self.config.object(owner, name).is_some())
    }

    fn check_args(&self, resource: &'static ResourceType) -> Result<(), NsError> {
        for (field, _) in &self.query.args {
            let known = resource.attributes.iter().any(|a| a.has_field(field));
            if !known {
                return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, field));
            }
        }
        Ok(())
    }

    /// Whether a row has the further parts of the key that were given. Arguments of the command alone are no parts.
    fn fits_args(&self, resource: &'static ResourceType, row: &Row) -> bool {
        self.query.args.iter().all(|(field, wanted)| {
            let attribute = resource.attributes.iter().find(|a| a.has_field(field));
            let only_asks = attribute.is_some_and(|a| !a.verbs.contains(Verb::Add) && !a.is_key);
            if only_asks {
                return true;
            }
            let value = attribute.and_then(|a| row.get(&a.field()));
            value.is_some_and(|value| is_value(value, wanted))
        })
    }

    /// Puts the read-only fields in.
    fn enrich(&self, kind: &str, row: &mut Row) {
        match kind {
            "sslcertkey" => self.certkey(row),
            "lbvserver" | "csvserver" | "vpnvserver" | "authenticationvserver" => {
                self.vserver(kind, row);
            }
            "sslvserver" => self.ssl_vserver(row),
            "service" => self.service(row),
            "servicegroup" => self.service_group(row),
            "sslzerotouchparam" => self.zero_touch(row),
            "responderaction"
            | "responderpolicy"
            | "csaction"
            | "cspolicy"
            | "contentinspectionaction"
            | "contentinspectionpolicy" => {
                self.policy(kind, row);
            }
            "systemuser" => {
                row.remove("password");
            }
            _ => {}
        }
    }
}

/// The configured fields, secrets and the forms they are stored in left out.
fn plain(object: &Object) -> Row {
    let Json::Object(mut row) = nitro::object_to_json(object) else {
        return Row::new();
    };
    row.retain(|field, _| !FORM_OF_A_SECRET.contains(&field.as_str()));
    let is_record = object
        .resource()
        .attributes
        .iter()
        .any(|a| a.name == "recordId");
    if is_record {
        row.insert("recordid".to_owned(), json!(object.number()));
    }
    if object.is_factory() {
        row.insert("builtin".to_owned(), json!(["SYSTEM_ONLY"]));
    }
    row
}

/// The row of an object of which nothing was set.
fn defaults(resource: &'static ResourceType, name: &str) -> Row {
    let mut row = Row::new();
    if let Some(key) = resource.keys().next() {
        row.insert(key.field(), json!(name));
    }
    for attribute in resource.attributes {
        if let (Some(default), false) = (attribute.default, attribute.kind.is_secret()) {
            row.insert(attribute.field(), json!(default));
        }
    }
    row
}

fn host_field(kind: Kind) -> String {
    match kind {
        Kind::Host { when_ip } => when_ip.to_owned(),
        _ => String::new(),
    }
}

/// Names are found in any case; a domain with a dot at its end is the one without.
pub(super) fn same_name(have: &str, wanted: &str) -> bool {
    let trimmed = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    have.eq_ignore_ascii_case(wanted) || trimmed(have) == trimmed(wanted)
}

/// Whether a field holds the value an argument gives.
pub(super) fn is_value(value: &Json, wanted: &str) -> bool {
    match value {
        Json::String(text) => same_name(text, wanted),
        Json::Bool(on) => {
            let truth = ["true", "yes"]
                .iter()
                .any(|word| word.eq_ignore_ascii_case(wanted));
            *on == truth
        }
        Json::Array(items) => items.iter().any(|item| is_value(item, wanted)),
        Json::Null | Json::Object(_) => false,
        Json::Number(number) => number.to_string() == wanted,
    }
}

/// Whether a resource type of that NITRO name has an object of that name.
pub(super) fn is_there(reader: &Reader<'_>, nitro: &str, name: &str) -> bool {
    catalog::resource_by_nitro(nitro)
        .is_some_and(|resource| reader.config.object(resource.name, name).is_some())
}
