//! Neodigit, API version 1.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "neodigit",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("x-tcpanel-token") == "right-token",
    refuse: || reply(401, &json!({"error": "Invalid token"})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let named = |id: &str| {
        data.zones
            .get(id.parse::<usize>().unwrap_or(usize::MAX))
            .cloned()
    };
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["dns", "zones"]) => {
            let found = data
                .zones
                .iter()
                .enumerate()
                .filter(|(_, zone)| *zone == asked.query("name"));
            let list: Vec<Value> = found
                .map(|(id, zone)| json!({"id": id, "name": zone, "human_name": zone}))
                .collect();
            reply(200, &json!(list))
        }
        ("GET", ["dns", "zones", id, "records"]) => {
            let zone = named(id).unwrap();
            let list: Vec<Value> = data.at(&whole(asked.query("name"), &zone)).iter()
                .map(|record| json!({"id": record.id, "name": relative(&record.fqdn, &zone), "type": "TXT", "content": record.value, "ttl": 120})).collect();
            reply(200, &json!(list))
        }
        ("POST", ["dns", "zones", id, "records"]) => {
            let zone = named(id).unwrap();
            let body = asked.json();
            let record = &body["record"];
            data.least_ttl = record["ttl"].as_u64();
            let id = data.add(
                &whole(record["name"].as_str().unwrap(), &zone),
                record["content"].as_str().unwrap(),
            );
            reply(201, &json!({"id": id}))
        }
        ("DELETE", ["dns", "zones", _, "records", id]) => match data.remove(id.parse().unwrap()) {
            true => empty(204),
            false => reply(404, &json!({"error": "Record not found"})),
        },
        _ => reply(404, &json!({"error": "Not found"})),
    }
}
