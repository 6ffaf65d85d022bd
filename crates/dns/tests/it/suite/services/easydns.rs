//! easyDNS: the status in the body is the one that counts.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{basic, by_method};

pub(super) const SERVICE: Service = Service {
    code: "easydns",
    settings: &[("token", "t"), ("key", "right-key")],
    wrong: &[("token", "t"), ("key", "wrong-key")],
    knows: |_, asked| asked.header("authorization") == basic("t", "right-key"),
    refuse: || failure(401, "Invalid credentials"),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn failure(code: u16, message: &str) -> Reply {
    reply(200, &json!({"error": {"code": code, "message": message}}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!(asked.query("format"), "json");
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones", "records", "all", zone]) if data.has_zone(zone) => {
            let list: Vec<Value> = data.within(zone).iter().map(|record| json!({"id": record.id.to_string(), "domain": zone,
                "host": relative(&record.fqdn, zone), "ttl": "120", "prio": "0", "type": "TXT", "rdata": record.value})).collect();
            reply(
                200,
                &json!({"tm": 1, "data": list, "count": list.len(), "total": list.len(), "start": 0, "max": 0, "status": 200}),
            )
        }
        ("PUT", ["zones", "records", "add", zone, "TXT"]) if data.has_zone(zone) => {
            let body = asked.json();
            data.least_ttl = body["ttl"].as_str().unwrap().parse().ok();
            let id = data.add(
                &whole(body["host"].as_str().unwrap(), zone),
                body["rdata"].as_str().unwrap(),
            );
            reply(
                201,
                &json!({"msg": "OK", "tm": 1, "data": {"id": id.to_string()}, "status": 201}),
            )
        }
        ("DELETE", ["zones", "records", zone, id]) if data.has_zone(zone) => {
            match data.remove(id.parse().unwrap()) {
                true => super::super::world::empty(200),
                false => failure(404, "Record not found"),
            }
        }
        _ => failure(404, "Zone not found"),
    }
}
