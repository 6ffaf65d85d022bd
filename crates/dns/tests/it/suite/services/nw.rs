//! Nexcess: names are sent whole and shown relative.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative};
use super::{by_method, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "nw",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token" && asked.header("api-version") == "0",
    refuse: || reply(401, &json!({"error": "unauthorized", "message": "Invalid token"})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert!(!asked.header("user-agent").is_empty());
    let missing = || reply(404, &json!({"error": "not found"}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["dns-zone"]) => {
            let list: Vec<Value> = data.zones.iter().map(|zone| json!({"zone_id": zone_number(data, zone), "domain": zone})).collect();
            reply(200, &json!(list))
        }
        ("GET", ["dns-record"]) => {
            let Some(zone) = zone_numbered(data, asked.query("zone_id")) else { return missing() };
            let list: Vec<Value> = data.within(&zone).iter().map(|record| json!({"record_id": record.id, "type": "TXT", "host": relative(&record.fqdn, &zone), "target": record.value, "ttl": 300})).collect();
            reply(200, &json!(list))
        }
        ("POST", ["dns-record"]) => {
            let body = asked.json();
            assert_eq!(body["type"], "TXT");
            let zone = zone_numbered(data, body["zone_id"].as_str().unwrap()).unwrap();
            let host = body["host"].as_str().unwrap();
            assert!(host.ends_with(&zone), "{host}");
            data.least_ttl = body["ttl"].as_str().unwrap().parse().ok();
            reply(200, &json!({"record_id": data.add(host, body["target"].as_str().unwrap())}))
        }
        ("DELETE", ["dns-record", id]) if data.remove(id.parse().unwrap()) => reply(200, &json!({})),
        _ => missing(),
    }
}
