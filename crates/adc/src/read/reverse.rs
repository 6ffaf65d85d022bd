//! Bindings seen from what is bound: `sslcertkey_sslvserver_binding`, `responderpolicy_lbvserver_binding`.

use evercert_ns::NsError;
use evercert_ns::catalog::{self, BindingType, Kind, RESOURCES, ResourceType};
use serde_json::json;

use super::{Reader, Row};

/// Reverse bindings with fields of their own: type bound, NITRO's word for what it is bound to, the types that are
/// meant, and the field for their name.
const CERTKEY_USES: &[(&str, &[&str], &str)] = &[
    ("sslvserver", &["ssl vserver"], "servername"),
    ("service", &["ssl service"], "servicename"),
    ("servicegroup", &["ssl serviceGroup"], "servicegroupname"),
    ("sslprofile", &["ssl profile"], "sslprofile"),
];

impl Reader<'_> {
    /// Rows of `<bound>_<holder>_binding`; `None` when there is no such type.
    pub(super) fn reverse(&self, pair: &str) -> Option<Result<Vec<Row>, NsError>> {
        let (bound, holder) = pair.split_once('_')?;
        let bound = catalog::resource_by_nitro(bound)?;
        let is_type = match bound.nitro {
            "sslcertkey" => certkey_use(holder).is_some() || SPECIAL.contains(&holder),
            _ => holders(bound).any(|(resource, _)| resource.nitro == holder),
        };
        is_type.then(|| {
            let owners = self.owners(bound)?;
            let rows = owners
                .iter()
                .flat_map(|name| self.reverse_rows(bound, name, holder));
            Ok(rows.collect())
        })
    }

    /// Every kind of reverse binding of one object.
    pub(super) fn all_reverse(
        &self,
        bound: &'static ResourceType,
        name: &str,
    ) -> Vec<(String, Vec<Row>)> {
        let kinds: Vec<&str> = match bound.nitro {
            "sslcertkey" => {
                let uses = CERTKEY_USES.iter().map(|(word, ..)| *word);
                uses.chain(SPECIAL.iter().copied()).collect()
            }
            _ => {
                let mut kinds: Vec<_> = holders(bound).map(|(holder, _)| holder.nitro).collect();
                kinds.dedup();
                kinds
            }
        };
        let rows = kinds.into_iter().map(|holder| {
            let kind = format!("{}_{holder}_binding", bound.nitro);
            (kind, self.reverse_rows(bound, name, holder))
        });
        rows.collect()
    }

    fn reverse_rows(&self, bound: &'static ResourceType, name: &str, holder: &str) -> Vec<Row> {
        match (bound.nitro, certkey_use(holder)) {
            ("sslcertkey", Some((types, field))) => self.certkey_uses(name, holder, types, field),
            ("sslcertkey", None) => self.certkey_special(name, holder),
            _ => self.uses(bound, name, holder),
        }
    }

    fn certkey_uses(&self, certkey: &str, holder: &str, types: &[&str], field: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        for object in types.iter().flat_map(|kind| self.config.objects(kind)) {
            for bound in object.bindings() {
                let certificate = ["certkeyName", "ssliCACertkey"]
                    .iter()
                    .find_map(|name| bound.value(name).and_then(|value| value.as_text()));
                if !certificate.is_some_and(|name| name.eq_ignore_ascii_case(certkey)) {
                    continue;
                }
                let mut row = super::row([("certkey", json!(certkey))]);
                row.insert(field.to_owned(), json!(object.key()));
                if holder != "sslprofile" {
                    row.insert("ca".to_owned(), json!(bound.value("CA").is_some()));
                    row.insert(
                        "snicert".to_owned(),
                        json!(bound.value("SNICert").is_some()),
                    );
                    row.insert("data".to_owned(), json!(0));
                    row.insert("version".to_owned(), json!(0));
                }
                if holder == "sslvserver" {
                    row.insert("vservername".to_owned(), json!(object.key()));
                    row.insert("vserver".to_owned(), json!(true));
                } else if holder == "service" {
                    row.insert("service".to_owned(), json!(true));
                }
                rows.push(row);
            }
        }
        rows
    }

    /// CRLs and OCSP responders that belong to a CA certificate.
    fn certkey_special(&self, certkey: &str, holder: &str) -> Vec<Row> {
        match holder {
            "crldistribution" => {
                let crls = self.config.objects("ssl crl");
                let own = crls.filter(|crl| {
                    let ca = crl.text("CAcert").or_else(|| crl.text("caCert"));
                    ca.is_some_and(|ca| ca.eq_ignore_ascii_case(certkey))
                });
                own.map(|crl| {
                    super::row([("certkey", json!(certkey)), ("issuer", json!(crl.key()))])
                })
                .collect()
            }
            _ => Vec::new(),
        }
    }

    fn uses(&self, bound: &'static ResourceType, name: &str, holder: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let holders = holders(bound).filter(|(resource, _)| resource.nitro == holder);
        for (resource, kind) in holders {
            for object in self.config.objects(resource.name) {
                let own = object
                    .bindings()
                    .iter()
                    .filter(|b| b.kind == kind && b.target().eq_ignore_ascii_case(name));
                for binding in own {
                    let mut row = Row::new();
                    if let Some(key) = bound.keys().next() {
                        row.insert(key.field(), json!(name));
                    }
                    let holder = match object.key() {
                        global if global.is_empty() => "Global".to_owned(),
                        key => key,
                    };
                    row.insert("boundto".to_owned(), json!(holder));
                    if let Some(priority) = binding.integer("priority") {
                        row.insert("priority".to_owned(), json!(priority.to_string()));
                    }
                    row.insert("activepolicy".to_owned(), json!(1));
                    rows.push(row);
                }
            }
        }
        rows
    }
}

/// Reverse bindings of certificates that are no bindings of the catalogue.
const SPECIAL: &[&str] = &["crldistribution", "sslocspresponder"];

fn certkey_use(holder: &str) -> Option<(&'static [&'static str], &'static str)> {
    let uses = CERTKEY_USES.iter();
    let mut named = uses.filter(|(word, ..)| *word == holder);
    named.next().map(|(_, types, field)| (*types, *field))
}

/// The types, with their kinds of binding, to which objects of a type can be bound.
fn holders(
    bound: &'static ResourceType,
) -> impl Iterator<Item = (&'static ResourceType, &'static BindingType)> {
    let all = RESOURCES.iter().flat_map(|resource| {
        resource
            .bindings
            .iter()
            .map(move |binding| (*resource, binding))
    });
    all.filter(move |(_, binding)| {
        let target = binding.target().map(|target| target.kind);
        matches!(target, Some(Kind::Reference { to, .. }) if to.contains(&bound.name))
    })
}
