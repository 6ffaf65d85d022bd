//! The HTTP API of `PowerDNS` Authoritative Server, version 1, as a server of version 4.7 answers it.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply};
use super::{by_method, quoted, text_reply, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "pdns",
    settings: &[("api_key", "right-key")],
    wrong: &[("api_key", "wrong-key")],
    knows: |_, asked| asked.header("x-api-key") == "right-key",
    refuse: || text_reply(401, "Unauthorized"),
    serve,
    changes: by_method,
    min_ttl: 1,
    url: "url",
    ..Service::PLAIN
};

fn failed(status: u16, text: &str) -> Reply {
    reply(status, &json!({ "error": text }))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["api", "v1", "servers", "localhost"]) => reply(
            200,
            &json!({"type": "Server", "id": "localhost", "daemon_type": "authoritative", "version": "4.7.3"}),
        ),
        ("GET", ["api", "v1", "servers", "localhost", "zones"]) => zones(data, asked),
        (method, ["api", "v1", "servers", "localhost", "zones", id]) => {
            let zone = id.strip_suffix('.').unwrap_or(id).to_owned();
            match (data.has_zone(&zone), method) {
                (false, _) => text_reply(404, "Not Found"),
                (true, "GET") => contents(data, asked, &zone),
                (true, "PATCH") => patch(data, asked, &zone),
                (true, other) => panic!("{other}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

fn zones(data: &Data, asked: &Asked) -> Reply {
    let wanted = asked.query("zone").trim_end_matches('.');
    let known = data.zones.iter().filter(|zone| *zone == wanted);
    let list: Vec<Value> = known
        .map(|zone| json!({"id": format!("{zone}."), "name": format!("{zone}."), "kind": "Native", "serial": 7}))
        .collect();
    reply(200, &json!(list))
}

fn contents(data: &Data, asked: &Asked, zone: &str) -> Reply {
    let name = asked.query("rrset_name").trim_end_matches('.');
    assert_eq!(asked.query("rrset_type"), "TXT");
    let at = data.at(name);
    let records: Vec<Value> = at
        .iter()
        .map(|record| json!({"content": quoted(&record.value), "disabled": false}))
        .collect();
    let set = json!({"name": format!("{name}."), "type": "TXT", "ttl": 60, "comments": [], "records": records});
    let sets = if at.is_empty() { json!([]) } else { json!([set]) };
    reply(200, &json!({"id": format!("{zone}."), "name": format!("{zone}."), "rrsets": sets}))
}

fn patch(data: &mut Data, asked: &Asked, zone: &str) -> Reply {
    for set in asked.json()["rrsets"].as_array().unwrap() {
        let name = set["name"].as_str().unwrap();
        let Some(name) = name.strip_suffix('.') else {
            return failed(422, &format!("RRset {name} IN TXT: Name is not canonical"));
        };
        if name != zone && !name.ends_with(&format!(".{zone}")) {
            return failed(422, &format!("RRset {name}. IN TXT: Name is out of zone"));
        }
        assert_eq!((&set["type"], &set["changetype"]), (&json!("TXT"), &json!("REPLACE")));
        data.least_ttl = set["ttl"].as_u64();
        let mut values = Vec::new();
        for record in set["records"].as_array().unwrap() {
            let content = record["content"].as_str().unwrap();
            if !content.starts_with('"') || !content.ends_with('"') {
                return failed(422, &format!("Record {name}./TXT '{content}': Parsing record content failed"));
            }
            values.push(unquoted(content));
        }
        data.replace(name, &values);
    }
    empty(204)
}
