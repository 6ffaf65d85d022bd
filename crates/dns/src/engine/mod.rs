//! Providers that are described instead of programmed: one file each in `crates/dns/providers`, compiled in.
//!
//! A [description](description) says how to log in, find the zone, list, create and delete; the engine fills its
//! [templates](template), [sends](call) and [judges](answer) the requests, and keeps [records](records) as the
//! service does. What is the same for all providers (CNAMEs, propagation, retries of orders, the journal) is not here.

mod answer;
mod around;
mod call;
mod check;
mod description;
mod listed;
mod paging;
mod provider;
mod records;
mod request;
mod session;
mod signer;
mod template;
mod zone;

pub(crate) use description::Description;
pub(crate) use provider::build;
pub(crate) use template::{percent, xml as xml_escaped};

use crate::provider::{Descriptor, Field, Maker};
use crate::setting::{BASE_URL, CA_BUNDLE, TTL};

/// The descriptions of `providers`, each with its code.
macro_rules! texts {
    ($($code:literal),* $(,)?) => {
        &[$(($code, include_str!(concat!("../../providers/", $code, ".toml")))),*]
    };
}

/// The descriptions, alphabetically by code.
const TEXTS: &[(&str, &str)] = texts![
    "active24",
    "ali",
    "alwaysdata",
    "autodns",
    "cf",
    "cloudns",
    "cn",
    "conoha",
    "conohav3",
    "da",
    "ddnss",
    "desec",
    "dgon",
    "dnsimple",
    "dp",
    "dpi",
    "dreamhost",
    "duckdns",
    "durabledns",
    "easydns",
    "exoscale",
    "gandi_livedns",
    "gd",
    "gdv3",
    "hostingde",
    "infoblox",
    "inwx",
    "ispconfig",
    "jd",
    "leaseweb",
    "linode_v4",
    "loopia",
    "lua",
    "me",
    "miab",
    "misaka",
    "mydnsjp",
    "namecom",
    "namesilo",
    "neodigit",
    "netcup",
    "nic",
    "nsone",
    "nw",
    "online",
    "openprovider",
    "opnsense",
    "pleskxml",
    "pointhq",
    "rcode0",
    "regru",
    "schlundtech",
    "selectel",
    "selectelv1",
    "ultra",
    "vscale",
    "vultr",
    "zilore",
    "zonomi",
];

/// The descriptors of all described providers.
///
/// Descriptions are part of the program; they are read once and kept for good.
pub(crate) fn descriptors() -> Vec<&'static Descriptor> {
    let read = TEXTS
        .iter()
        .filter_map(|(code, text)| match Description::parse(text) {
            Ok(description) => Some(descriptor(description)),
            // A test reads every file: this is reached only by a build that was not tested.
            Err(error) => {
                tracing::error!(
                    dns.provider = code,
                    error,
                    "the description of a DNS provider cannot be used"
                );
                None
            }
        });
    read.collect()
}

fn descriptor(description: Description) -> &'static Descriptor {
    let description: &'static Description = Box::leak(Box::new(description));
    let own = description.fields.iter().map(|field| Field {
        key: &field.key,
        label: &field.label,
        secret: field.secret,
        optional: field.optional,
        default: field.default.as_deref(),
        help: &field.help,
        acme_sh_env: names(&field.acme_sh),
        lego_env: names(&field.lego),
    });
    let mut fields: Vec<Field> = own.collect();
    let common = COMMON
        .iter()
        .filter(|field| field.key != "ttl" || description.records.ttl > 0)
        .filter(|field| description.fields.iter().all(|own| own.key != field.key));
    fields.extend(common.copied());
    Box::leak(Box::new(Descriptor {
        code: &description.code,
        name: &description.name,
        docs: &description.docs,
        least_privilege: description.least_privilege.as_deref(),
        notes: names(&description.notes),
        fields: fields.leak(),
        one_of: groups(&description.one_of),
        unofficial: description.unofficial,
        caps: provider::caps(description),
        build: Maker::Described(description),
    }))
}

fn names(list: &'static [String]) -> &'static [&'static str] {
    let names: Vec<&str> = list.iter().map(String::as_str).collect();
    names.leak()
}

fn groups(list: &'static [Vec<String>]) -> &'static [&'static [&'static str]] {
    let groups: Vec<&[&str]> = list.iter().map(|group| names(group)).collect();
    groups.leak()
}

/// Settings that every described provider has.
const COMMON: &[Field] = &[BASE_URL, CA_BUNDLE, TTL];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_can_be_read() {
        for (code, text) in TEXTS {
            let description =
                Description::parse(text).unwrap_or_else(|error| panic!("{code}: {error}"));
            assert_eq!(description.code, *code);
        }
        assert_eq!(descriptors().len(), TEXTS.len());
    }

    #[test]
    fn a_description_that_cannot_work_is_refused_with_the_reason() {
        let text = include_str!("../../providers/cf.toml");
        let refused =
            |from: &str, to: &str| Description::parse(&text.replace(from, to)).unwrap_err();

        assert!(refused("{zone.id}", "{zone.di}").contains("{zone.di} names nothing"));
        assert!(refused("[delete]", "[remove]").contains("remove"));
        assert!(refused("mode = \"records\"", "mode = \"rrset\"").contains("[replace] is missing"));
        assert!(refused("{cred.token}", "x").contains("the setting token is used nowhere"));
    }
}
