//! Active24: requests signed with method, path and time; an answer to a creation has no body.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, whole};
use super::{basic, by_method, hmac_sha1, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "active24",
    settings: &[("key", "right-key"), ("secret", "right-secret")],
    wrong: &[("key", "right-key"), ("secret", "wrong-secret")],
    knows: |_, asked| {
        let Ok(date) = asked.header("date").parse::<jiff::Timestamp>() else {
            return false;
        };
        let text = format!("{} {} {}", asked.method, asked.path, date.as_second());
        let password = hmac_sha1("right-secret", &text);
        asked.header("authorization") == basic("right-key", &password)
    },
    refuse: || reply(401, &json!({"code": 401, "message": "Unauthorized"})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["v1", "user", "self", "service"]) => {
            let zones = data.zones.iter();
            let mut list: Vec<Value> = zones
                .map(|zone| json!({"id": zone_number(data, zone), "serviceName": "domain", "name": zone}))
                .collect();
            list.push(json!({"id": 999, "serviceName": "hosting", "name": "www.example.com"}));
            reply(200, &json!({"items": list}))
        }
        (method, ["v2", "service", id, "dns", "record", rest @ ..]) => {
            let Some(zone) = zone_numbered(data, id) else {
                return reply(404, &json!({"type": "not-found", "status": 404, "title": "Service not found"}));
            };
            match (method, rest) {
                ("GET", []) => {
                    let (records, pages) = data.page(&data.within(&zone), asked.query("page"));
                    let list: Vec<Value> = records.iter().map(|record| json!({"id": record.id, "type": "TXT", "name": record.fqdn,
                        "content": record.value, "ttl": 120})).collect();
                    reply(200, &json!({"data": list, "currentPage": 1, "rowsPerPage": 100, "totalPages": pages, "totalRecords": 7}))
                }
                ("POST", []) => {
                    let body = asked.json();
                    data.least_ttl = body["ttl"].as_u64();
                    let name = whole(body["name"].as_str().unwrap(), &zone);
                    data.add(&name, body["content"].as_str().unwrap());
                    empty(204)
                }
                ("DELETE", [id]) if data.remove(id.parse().unwrap()) => empty(204),
                _ => reply(404, &json!({"type": "not-found", "status": 404, "title": "Record not found"})),
            }
        }
        _ => empty(404),
    }
}
