//! `LuaDNS`, API version 1.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{basic, by_method};

pub(super) const SERVICE: Service = Service {
    code: "lua",
    settings: &[("email", "a@example.com"), ("key", "right-key")],
    wrong: &[("email", "a@example.com"), ("key", "wrong-key")],
    knows: |_, asked| asked.header("authorization") == basic("a@example.com", "right-key"),
    refuse: || failure(401, "Unauthorized"),
    serve,
    changes: by_method,
    min_ttl: 300,
    ..Service::PLAIN
};

fn failure(status: u16, message: &str) -> Reply {
    reply(
        status,
        &json!({"status": message, "request_id": "r", "message": message}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let zone = |data: &Data, id: &str| {
        data.zones
            .get(id.parse::<usize>().unwrap_or(usize::MAX))
            .cloned()
    };
    let show = |id: u64, fqdn: &str, value: &str| json!({"id": id, "name": format!("{fqdn}."), "type": "TXT", "content": value, "ttl": 300});
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones"]) => {
            let list: Vec<Value> = data
                .zones
                .iter()
                .enumerate()
                .map(|(id, zone)| json!({"id": id, "name": zone}))
                .collect();
            reply(200, &json!(list))
        }
        ("GET", ["zones", id, "records"]) => match zone(data, id) {
            Some(zone) => {
                let list: Vec<Value> = data
                    .within(&zone)
                    .iter()
                    .map(|one| show(one.id, &one.fqdn, &one.value))
                    .collect();
                reply(200, &json!(list))
            }
            None => failure(404, "Zone not found"),
        },
        ("POST", ["zones", _, "records"]) => {
            let body = asked.json();
            data.least_ttl = body["ttl"].as_u64();
            let fqdn = body["name"].as_str().unwrap().strip_suffix('.').unwrap();
            let value = body["content"].as_str().unwrap();
            let id = data.add(fqdn, value);
            reply(200, &show(id, fqdn, value))
        }
        ("DELETE", ["zones", _, "records", id]) => match data.remove(id.parse().unwrap()) {
            true => reply(200, &json!({"id": id})),
            false => failure(404, "Record not found"),
        },
        _ => failure(404, "Not found"),
    }
}
