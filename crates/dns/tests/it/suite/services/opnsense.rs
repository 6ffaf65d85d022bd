//! `OPNsense` with os-bind: rows of all domains in one list; nothing is live before the service is configured again.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{basic, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "opnsense",
    settings: &[("key", "right-key"), ("secret", "right-secret")],
    wrong: &[("key", "right-key"), ("secret", "wrong-secret")],
    knows: |_, asked| asked.header("authorization") == basic("right-key", "right-secret"),
    refuse: || reply(401, &json!({"status": 401, "message": "Authentication Failed"})),
    serve,
    changes: |asked| asked.path.contains("Record/") || asked.path.ends_with("/addRecord"),
    ..Service::PLAIN
};

fn zone_of(data: &Data, fqdn: &str) -> String {
    let holds = |zone: &&String| fqdn == *zone || fqdn.ends_with(&format!(".{zone}"));
    data.zones.iter().filter(holds).max_by_key(|zone| zone.len()).unwrap().clone()
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["api", "bind", "domain", "searchPrimaryDomain"]) => {
            let list: Vec<Value> = data.zones.iter().map(|zone| json!({"uuid": zone_number(data, zone).to_string(), "enabled": "1", "type": "primary", "domainname": zone})).collect();
            reply(200, &json!({"total": list.len(), "rowCount": -1, "current": 1, "rows": list}))
        }
        ("GET", ["api", "bind", "record", "searchRecord"]) => {
            let list: Vec<Value> = data.records.iter().map(|record| {
                let zone = zone_of(data, &record.fqdn);
                json!({"uuid": record.id.to_string(), "enabled": "1", "domain": zone_number(data, &zone).to_string(), "%domain": zone,
                    "name": relative(&record.fqdn, &zone), "type": "TXT", "value": record.value})
            }).collect();
            reply(200, &json!({"total": list.len(), "rowCount": -1, "current": 1, "rows": list}))
        }
        ("POST", ["api", "bind", "record", "addRecord"]) => {
            let record = asked.json()["record"].clone();
            let zone = zone_numbered(data, record["domain"].as_str().unwrap()).unwrap();
            assert_eq!((&record["enabled"], &record["type"]), (&json!("1"), &json!("TXT")));
            data.begin();
            let id = data.add(&whole(record["name"].as_str().unwrap(), &zone), record["value"].as_str().unwrap());
            reply(200, &json!({"result": "saved", "uuid": id.to_string()}))
        }
        ("POST", ["api", "bind", "record", "delRecord", id]) => {
            let found = data.records.iter().find(|record| record.id.to_string() == *id).cloned();
            match found {
                Some(record) => {
                    data.begin();
                    data.remove(record.id);
                    reply(200, &json!({"result": "deleted"}))
                }
                None => reply(200, &json!({"result": "not found"})),
            }
        }
        ("POST", ["api", "bind", "service", "reconfigure"]) => {
            data.commit();
            reply(200, &json!({"status": "ok"}))
        }
        _ => reply(404, &json!({"errorMessage": "Endpoint not found"})),
    }
}
