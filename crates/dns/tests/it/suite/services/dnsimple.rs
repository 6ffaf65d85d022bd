//! `DNSimple`, API version 2.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "dnsimple",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token",
    refuse: || reply(401, &json!({"message": "Authentication failed"})),
    serve,
    changes: by_method,
    min_ttl: 60,
    ..Service::PLAIN
};

fn not_found(what: &str) -> Reply {
    reply(404, &json!({"message": format!("{what} not found")}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["whoami"]) => reply(
            200,
            &json!({"data": {"user": null, "account": {"id": 1010, "email": "a@example.com"}}}),
        ),
        ("GET", ["1010", "zones", zone]) if data.has_zone(zone) => {
            reply(200, &json!({"data": {"id": 1, "name": zone}}))
        }
        ("GET", ["1010", "zones", zone, "records"]) if data.has_zone(zone) => {
            let fqdn = whole(asked.query("name"), zone);
            let all = data.at(&fqdn);
            let (page, pages) = data.page(&all, asked.query("page"));
            let list: Vec<Value> = page
                .iter()
                .map(|record| {
                    json!({"id": record.id, "zone_id": zone, "type": "TXT",
                "name": relative(&record.fqdn, zone), "content": record.value, "ttl": 120})
                })
                .collect();
            reply(
                200,
                &json!({"data": list, "pagination": {"current_page": 1, "total_pages": pages}}),
            )
        }
        ("POST", ["1010", "zones", zone, "records"]) if data.has_zone(zone) => {
            let body = asked.json();
            data.least_ttl = body["ttl"].as_u64();
            let id = data.add(
                &whole(body["name"].as_str().unwrap(), zone),
                body["content"].as_str().unwrap(),
            );
            reply(201, &json!({"data": {"id": id}}))
        }
        ("DELETE", ["1010", "zones", zone, "records", id]) if data.has_zone(zone) => {
            match data.remove(id.parse().unwrap()) {
                true => empty(204),
                false => not_found("Record"),
            }
        }
        _ => not_found("Zone"),
    }
}
