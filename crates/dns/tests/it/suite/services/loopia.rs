//! Loopia: XML-RPC by position; records hang below sub-domains; strings are padded.

use super::super::world::{Asked, Data, Reply, Service, relative, whole};
use super::{between, xml_reply};

pub(super) const SERVICE: Service = Service {
    code: "loopia",
    settings: &[("user", "anna@loopiaapi"), ("password", "right-password")],
    wrong: &[("user", "anna@loopiaapi"), ("password", "wrong-password")],
    knows: |_, asked| params(asked).starts_with(&["anna@loopiaapi".to_owned(), "right-password".to_owned()]),
    refuse: || value("<string>AUTH_ERROR</string>"),
    serve,
    changes: |asked| ["addZoneRecord", "removeZoneRecord", "addSubdomain", "removeSubdomain"].contains(&method(asked)),
    ..Service::PLAIN
};

fn method(asked: &Asked) -> &str {
    between(&asked.body, "<methodName>", "</methodName>")
}

/// The parameters' texts by position; of a struct, its XML.
fn params(asked: &Asked) -> Vec<String> {
    let parts = asked.body.split("<param><value>").skip(1);
    let texts = parts.map(|part| match part.starts_with("<struct>") {
        true => between(part, "<struct>", "</struct>").to_owned(),
        false => between(part, ">", "<").to_owned(),
    });
    texts.collect()
}

fn member(text: &str, name: &str) -> String {
    let value = between(text, &format!("<name>{name}</name><value>"), "</value>");
    between(value, ">", "<").to_owned()
}

fn value(inside: &str) -> Reply {
    xml_reply(200, &format!("<methodResponse>\n<params>\n<param>\n<value>{inside}</value>\n</param>\n</params>\n</methodResponse>"))
}

fn list(items: impl Iterator<Item = String>) -> Reply {
    let items: String = items.map(|item| format!("<value>{item}</value>\n")).collect();
    value(&format!("<array><data>\n{items}</data></array>"))
}

fn said(word: &str) -> Reply {
    value(&format!("<string>\n {word} </string>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let params = params(asked);
    let param = |at: usize| params.get(at).map_or("", String::as_str);
    let (zone, sub) = (param(2), param(3));
    if method(asked) == "getDomains" {
        let struct_of = |zone: &String| format!("<struct><member><name>domain</name><value><string> {zone} </string></value></member><member><name>paid</name><value><int>1</int></value></member></struct>");
        return list(data.zones.iter().map(struct_of));
    }
    if !data.has_zone(zone) {
        return said("UNKNOWN_ERROR");
    }
    let fqdn = whole(sub, zone);
    let there = data.labels.contains(&fqdn) || !data.at(&fqdn).is_empty();
    match method(asked) {
        "getSubdomains" => {
            let mut names: Vec<String> = data.within(zone).into_iter().map(|record| record.fqdn).collect();
            names.extend(data.labels.iter().filter(|name| name.ends_with(zone)).cloned());
            names.sort();
            names.dedup();
            let shown = names.iter().map(|name| match relative(name, zone).as_str() {
                "" => "<string>@</string>".to_owned(),
                sub => format!("<string>{sub}</string>"),
            });
            list(shown)
        }
        "addSubdomain" if there => said("DOMAIN_OCCUPIED"),
        "addSubdomain" => {
            data.labels.push(fqdn);
            said("OK")
        }
        _ if !there => said("UNKNOWN_ERROR"),
        "removeSubdomain" => {
            assert!(data.at(&fqdn).is_empty(), "somebody's records would go with it");
            data.labels.retain(|name| *name != fqdn);
            said("OK")
        }
        "getZoneRecords" => list(data.at(&fqdn).into_iter().map(|record| {
            format!("<struct><member><name>record_id</name><value><int>{}</int></value></member><member><name>type</name><value><string>TXT</string></value></member>\
                <member><name>ttl</name><value><int>300</int></value></member><member><name>rdata</name><value><string>{} </string></value></member></struct>", record.id, record.value)
        })),
        "addZoneRecord" => {
            assert_eq!(member(param(4), "type"), "TXT");
            data.least_ttl = member(param(4), "ttl").parse().ok();
            data.labels.push(fqdn.clone());
            data.add(&fqdn, &member(param(4), "rdata"));
            said("OK")
        }
        "removeZoneRecord" => {
            assert!(asked.body.contains("<int>"), "the record's number is a number");
            data.labels.push(fqdn);
            match data.remove(param(4).parse().unwrap()) {
                true => said("OK"),
                false => said("UNKNOWN_ERROR"),
            }
        }
        other => panic!("{other}"),
    }
}
