//! `PointHQ`.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, whole};
use super::{basic, by_method, quoted};

pub(super) const SERVICE: Service = Service {
    code: "pointhq",
    settings: &[("email", "a@example.com"), ("key", "right-key")],
    wrong: &[("email", "a@example.com"), ("key", "wrong-key")],
    knows: |_, asked| asked.header("authorization") == basic("a@example.com", "right-key"),
    refuse: || reply(403, &json!({"status": "Error", "message": "Access Denied"})),
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
    let not_found = || {
        reply(
            404,
            &json!({"status": "Error", "message": "Record not found"}),
        )
    };
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones", zone]) => match data.zones.iter().position(|known| known == zone) {
            Some(id) => reply(200, &json!({"zone": {"id": id, "name": zone, "ttl": 3600}})),
            None => not_found(),
        },
        ("GET", ["zones", id, "records"]) => {
            let zone = named(id).unwrap();
            let list: Vec<Value> = data.at(&whole(asked.query("name"), &zone)).iter()
                .map(|record| json!({"zone_record": {"id": record.id, "name": format!("{}.", record.fqdn), "record_type": "TXT",
                    "data": quoted(&record.value), "ttl": 3600}})).collect();
            reply(200, &json!(list))
        }
        ("POST", ["zones", id, "records"]) => {
            let zone = named(id).unwrap();
            let body = asked.json();
            let record = &body["zone_record"];
            data.least_ttl = record["ttl"].as_u64();
            let id = data.add(
                &whole(record["name"].as_str().unwrap(), &zone),
                record["data"].as_str().unwrap(),
            );
            reply(201, &json!({"zone_record": {"id": id}}))
        }
        ("DELETE", ["zones", _, "records", id]) => match data.remove(id.parse().unwrap()) {
            true => reply(202, &json!({"zone_record": {"status": "OK"}})),
            false => not_found(),
        },
        _ => not_found(),
    }
}
