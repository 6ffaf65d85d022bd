//! Selectel's first version, and `VScale`'s: a fixed token, records by number.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply};
use super::{by_method, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "selectelv1",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("x-token") == "right-token",
    refuse: || reply(401, &json!({"error": "unauthorized", "code": 401})),
    serve,
    changes: by_method,
    min_ttl: 60,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let missing = || reply(404, &json!({"error": "object not found", "code": 404, "field": ""}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", [zone]) if data.has_zone(zone) => reply(200, &json!({"id": zone_number(data, zone), "name": zone})),
        (method, [zone, "records", rest @ ..]) => {
            let Some(zone) = zone_numbered(data, zone) else { return missing() };
            match (method, rest) {
                ("GET", []) => {
                    let list: Vec<Value> = data.within(&zone).iter().map(|record| json!({"id": record.id, "name": record.fqdn, "type": "TXT", "ttl": 60, "content": record.value})).collect();
                    reply(200, &json!(list))
                }
                ("POST", []) => {
                    let body = asked.json();
                    data.least_ttl = body["ttl"].as_u64();
                    let id = data.add(body["name"].as_str().unwrap(), body["content"].as_str().unwrap());
                    reply(200, &json!({"id": id}))
                }
                ("DELETE", [id]) if data.remove(id.parse().unwrap()) => empty(204),
                _ => missing(),
            }
        }
        _ => missing(),
    }
}
