//! `AutoDNS`, JSON: a stream of additions and removals; the context in a header.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::basic;

pub(super) const SERVICE: Service = Service {
    code: "autodns",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("authorization") == basic("anna", "right-password") && asked.header("x-domainrobot-context") == "4",
    refuse: || failed(401, "E0401", "Authentication failed."),
    serve,
    changes: |asked| asked.path.ends_with("/_stream"),
    ..Service::PLAIN
};

fn failed(status: u16, code: &str, text: &str) -> Reply {
    reply(status, &json!({"stid": "1", "messages": [{"text": text, "code": code, "status": "ERROR"}], "status": {"code": "E0202002", "text": "The zone could not be updated.", "type": "ERROR"}}))
}

fn success(data: &Value) -> Reply {
    reply(200, &json!({"stid": "1", "status": {"code": "S0205", "text": "done", "type": "SUCCESS"}, "object": {"type": "Zone", "summary": 1}, "data": data}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert!(!asked.header("user-agent").is_empty(), "the service wants to know who asks");
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["zone", "_search"]) => {
            let filter = asked.json()["filters"][0].clone();
            assert_eq!((&filter["key"], &filter["operator"]), (&json!("name"), &json!("EQUAL")));
            let found = data.zones.iter().filter(|zone| filter["value"] == **zone);
            let list: Vec<Value> = found.map(|zone| json!({"origin": zone, "virtualNameServer": "a.ns14.net"})).collect();
            success(&json!(list))
        }
        ("GET", ["zone", zone, "a.ns14.net"]) if data.has_zone(zone) => {
            let list: Vec<Value> = data.within(zone).iter().map(|record| json!({"name": relative(&record.fqdn, zone), "ttl": 600, "type": "TXT", "value": record.value})).collect();
            success(&json!([{"origin": zone, "virtualNameServer": "a.ns14.net", "resourceRecords": list}]))
        }
        ("POST", ["zone", zone, "_stream"]) if data.has_zone(zone) => {
            let body = asked.json();
            for record in body["adds"].as_array().into_iter().flatten() {
                assert_eq!(record["type"], "TXT");
                let (fqdn, value) = (whole(record["name"].as_str().unwrap(), zone), record["value"].as_str().unwrap());
                if data.at(&fqdn).iter().any(|one| one.value == value) {
                    return failed(422, "EF02022", "The additional record was entered twice.");
                }
                data.least_ttl = record["ttl"].as_u64();
                data.add(&fqdn, value);
            }
            for record in body["rems"].as_array().into_iter().flatten() {
                let fqdn = whole(record["name"].as_str().unwrap(), zone);
                let found = data.at(&fqdn).into_iter().find(|one| record["value"] == one.value && record["ttl"] == 600);
                let Some(found) = found else {
                    return failed(422, "EF02021", "The record was not found.");
                };
                data.remove(found.id);
            }
            success(&json!([]))
        }
        _ => failed(404, "E0404", "zone not found"),
    }
}
