//! Online.net: the active version of a zone is patched, value by value.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "online",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token",
    refuse: || reply(401, &json!({"code": 6, "error": "invalid_token"})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domain"]) => {
            let list: Vec<Value> = data.zones.iter().map(|zone| json!({"id": 1, "name": zone})).collect();
            reply(200, &json!(list))
        }
        ("GET", ["domain", zone, "zone"]) if data.has_zone(zone) => {
            let list: Vec<Value> = data.within(zone).iter().map(|record| json!({"id": record.id, "name": relative(&record.fqdn, zone), "type": "TXT", "ttl": 120, "data": quoted(&record.value)})).collect();
            reply(200, &json!(list))
        }
        ("PATCH", ["domain", zone, "version", "active"]) if data.has_zone(zone) => {
            for change in asked.json().as_array().unwrap() {
                assert_eq!(change["type"], "TXT");
                let fqdn = whole(change["name"].as_str().unwrap(), zone);
                match change["changeType"].as_str().unwrap() {
                    "ADD" => {
                        let record = &change["records"][0];
                        data.least_ttl = record["ttl"].as_u64();
                        data.add(&fqdn, &unquoted(record["data"].as_str().unwrap()));
                    }
                    _ => {
                        let value = unquoted(change["data"].as_str().unwrap());
                        let found = data.at(&fqdn).into_iter().find(|record| record.value == value);
                        let Some(found) = found else {
                            return reply(404, &json!({"code": 5, "error": "record not found"}));
                        };
                        data.remove(found.id);
                    }
                }
            }
            empty(201)
        }
        _ => reply(404, &json!({"code": 5, "error": "not found"})),
    }
}
