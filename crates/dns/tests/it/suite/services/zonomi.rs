//! Zonomi: all by GET; setting a value replaces those of the name; an irregular prolog before the XML.

use super::super::world::{Asked, Data, Reply, Service};

pub(super) const SERVICE: Service = Service {
    code: "zonomi",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.query("api_key") == "right-key",
    refuse: || failed("Invalid api_key"),
    serve,
    changes: |asked| asked.query("action") != "QUERY",
    ..Service::PLAIN
};

fn document(status: u16, inside: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: format!("\n<?xml version=\"1.0\" ?>\n<!DOCTYPE dnsapi_result [ <!ENTITY nbsp \"&#160;\"> ]>\n{inside}"),
    }
}

fn failed(why: &str) -> Reply {
    document(500, &format!("<error>ERROR: {why}</error>"))
}

fn done(inside: &str) -> Reply {
    document(200, &format!("<dnsapi_result><is_ok>OK:</is_ok><actions><action>{inside}</action></actions></dnsapi_result>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let holds = |data: &Data, fqdn: &str| data.zones.iter().any(|zone| fqdn == zone || fqdn.ends_with(&format!(".{zone}")));
    match (asked.query("action"), asked.query("type")) {
        ("QUERY", "SOA") => match data.has_zone(asked.query("name")) {
            true => done(&format!("<record name=\"{}\" type=\"SOA\" content=\"ns1.zonomi.com\" ttl=\"3600 seconds\"/>", asked.query("name"))),
            false => failed("No zone found for it"),
        },
        ("QUERY", "TXT") => {
            let records = data.at(asked.query("name"));
            let list: String = records.iter().map(|one| format!("<record name=\"{}\" type=\"TXT\" content=\"{}\" ttl=\"60 seconds\" />", one.fqdn, one.value)).collect();
            done(&list)
        }
        ("DELETE", "TXT") => {
            assert!(!asked.query("value").is_empty(), "without a value all of them would go");
            let found = data.at(asked.query("name")).into_iter().find(|one| one.value == asked.query("value"));
            match found {
                Some(record) => {
                    data.remove(record.id);
                    done("")
                }
                None => done(""),
            }
        }
        _ => {
            let of = |key: &str, number: usize| asked.query(&format!("{key}[{number}]")).to_owned();
            let numbers = (0..).take_while(|number| !of("action", *number).is_empty());
            let all: Vec<(String, String)> = numbers.map(|number| {
                assert_eq!((of("action", number).as_str(), of("type", number).as_str()), ("SET", "TXT"));
                (of("name", number), of("value", number))
            }).collect();
            let fqdn = all.first().unwrap().0.clone();
            if !holds(data, &fqdn) {
                return failed("No zone found for it");
            }
            let values: Vec<String> = all.into_iter().map(|(_, value)| value).collect();
            data.replace(&fqdn, &values);
            done("")
        }
    }
}
