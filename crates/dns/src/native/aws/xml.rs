//! The XML that Route 53 speaks: what is read out of answers, and the change that is sent.

use roxmltree::{Document, Node};
use serde_json::Value;

use crate::engine::xml_escaped;
use crate::name;
use crate::native::sets::{Entry, HeldZone, TxtSet};
use crate::txt::unquote;

/// The text of the first element of that name.
pub(super) fn first(text: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let found = document
        .descendants()
        .find(|node| node.tag_name().name() == name)?;
    Some(found.text().unwrap_or_default().trim().to_owned())
}

fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let found = node
        .children()
        .find(|child| child.tag_name().name() == name)?;
    found.text().map(str::trim)
}

/// The public zones of a list; `None` when it is none.
pub(super) fn zones(text: &str) -> Option<Vec<HeldZone>> {
    let document = Document::parse(text).ok()?;
    document
        .descendants()
        .find(|node| node.tag_name().name() == "HostedZones")?;
    let zones = document
        .descendants()
        .filter(|node| node.tag_name().name() == "HostedZone");
    Some(zones.filter_map(zone).collect())
}

/// A zone, unless it is a private one.
pub(super) fn zone(node: Node<'_, '_>) -> Option<HeldZone> {
    let config = node
        .children()
        .find(|child| child.tag_name().name() == "Config");
    if config.and_then(|config| child(config, "PrivateZone")) == Some("true") {
        return None;
    }
    Some(HeldZone {
        name: name::canonical(&child(node, "Name")?.replace("\\052", "*")),
        id: child(node, "Id")?
            .trim_start_matches("/hostedzone/")
            .to_owned(),
    })
}

/// The one zone of an answer to a question for it.
pub(super) fn one_zone(text: &str) -> Option<HeldZone> {
    let document = Document::parse(text).ok()?;
    let node = document
        .descendants()
        .find(|node| node.tag_name().name() == "HostedZone")?;
    zone(node)
}

/// The TXT set of the name in a list, which may begin with a later name. `None`: it is no list.
pub(super) fn set(text: &str, fqdn: &str) -> Option<Option<TxtSet>> {
    let document = Document::parse(text).ok()?;
    document
        .descendants()
        .find(|node| node.tag_name().name() == "ResourceRecordSets")?;
    let mut sets = document
        .descendants()
        .filter(|node| node.tag_name().name() == "ResourceRecordSet");
    let wanted = |node: &Node<'_, '_>| {
        let name = child(*node, "Name").map(name::canonical);
        name.as_deref() == Some(fqdn) && child(*node, "Type") == Some("TXT")
    };
    Some(sets.find(wanted).map(|node| {
        let values = node
            .descendants()
            .filter(|node| node.tag_name().name() == "Value");
        let raws = values.filter_map(|node| node.text()).map(str::trim);
        TxtSet {
            ttl: child(node, "TTL")
                .and_then(|ttl| ttl.parse().ok())
                .unwrap_or_default(),
            entries: raws
                .map(|raw| Entry {
                    value: unquote(raw),
                    raw: Value::String(raw.to_owned()),
                })
                .collect(),
            version: None,
        }
    }))
}

/// A change of one set.
pub(super) fn change(action: &str, fqdn: &str, set: &TxtSet) -> String {
    let records: String = (set.entries.iter())
        .filter_map(|entry| entry.raw.as_str())
        .map(|raw| {
            format!(
                "<ResourceRecord><Value>{}</Value></ResourceRecord>",
                xml_escaped(raw)
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <ChangeBatch><Comment>ACME</Comment><Changes><Change><Action>{action}</Action>\
         <ResourceRecordSet><Name>{}.</Name><Type>TXT</Type><TTL>{}</TTL>\
         <ResourceRecords>{records}</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>",
        xml_escaped(fqdn),
        set.ttl
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_another_name_is_not_taken() {
        let text = "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>b.example.</Name><Type>TXT</Type>\
            <TTL>60</TTL><ResourceRecords><ResourceRecord><Value>&quot;v&quot;</Value></ResourceRecord></ResourceRecords>\
            </ResourceRecordSet></ResourceRecordSets></ListResourceRecordSetsResponse>";

        assert_eq!(set(text, "a.example"), Some(None));
        let found = set(text, "b.example").unwrap().unwrap();
        assert_eq!((found.ttl, found.entries[0].value.as_str()), (60, "v"));
        assert!(change("DELETE", "b.example", &found).contains("<Value>&quot;v&quot;</Value>"));
        assert_eq!(set("<html/>", "b.example"), None);
    }

    #[test]
    fn private_zones_are_skipped() {
        let text = "<R><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>a.example.</Name><Config><PrivateZone>true</PrivateZone></Config></HostedZone>\
            <HostedZone><Id>/hostedzone/Z2</Id><Name>a.example.</Name><Config><PrivateZone>false</PrivateZone></Config></HostedZone></HostedZones></R>";

        let found = zones(text).unwrap();
        assert_eq!((found.len(), found[0].id.as_str()), (1, "Z2"));
    }
}
