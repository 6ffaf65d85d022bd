//! `ClouDNS`: refusals have status 200, lists are objects by id.

use serde_json::{Map, Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};

pub(super) const SERVICE: Service = Service {
    code: "cloudns",
    settings: &[("auth_id", "77"), ("password", "right-password")],
    wrong: &[("auth_id", "77"), ("password", "wrong-password")],
    knows: |_, asked| {
        let (user, sub_user) = (asked.given("auth-id"), asked.given("sub-auth-id"));
        // One of the two, never both.
        matches!((user.as_str(), sub_user.as_str()), ("77", "") | ("", "88")) && asked.given("auth-password") == "right-password"
    },
    refuse: || failed("Invalid authentication, incorrect auth-id or auth-password."),
    serve,
    changes: |asked| asked.path.contains("add-") || asked.path.contains("delete-"),
    min_ttl: 60,
    ..Service::PLAIN
};

const TTLS: [u64; 13] = [60, 300, 900, 1800, 3600, 21600, 43200, 86400, 172800, 259200, 604800, 1209600, 2592000];

fn failed(why: &str) -> Reply {
    reply(200, &json!({"status": "Failed", "statusDescription": why}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let mut zone = asked.given("domain-name");
    if asked.path == "/get-zone-info.json" && zone == "cloud.example" {
        return reply(200, &json!({"name": zone, "type": "cloud", "zone": "domain", "status": "1", "cloud-master": "example.com"}));
    }
    if zone == "cloud.example" {
        zone.clear();
    }
    if !data.has_zone(&zone) {
        return failed("Missing domain-name");
    }
    match asked.path.as_str() {
        "/get-zone-info.json" => reply(
            200,
            &json!({"name": zone, "type": "master", "zone": "domain", "status": "1"}),
        ),
        "/records.json" => {
            // The host filter is no exact one.
            let wanted = asked.given("host");
            let found = data
                .within(&zone)
                .into_iter()
                .filter(|record| record.fqdn.contains(&wanted));
            let map: Map<String, Value> = found.map(|record| (record.id.to_string(), json!({"id": record.id.to_string(),
                "type": "TXT", "host": relative(&record.fqdn, &zone), "record": record.value, "ttl": "60", "status": 1}))).collect();
            match map.is_empty() {
                true => reply(200, &json!([])),
                false => reply(200, &Value::Object(map)),
            }
        }
        "/add-record.json" => {
            let ttl: u64 = asked.given("ttl").parse().unwrap();
            if !TTLS.contains(&ttl) {
                return failed("Invalid TTL. Choose from the list of the values we support.");
            }
            data.least_ttl = Some(ttl);
            let id = data.add(&whole(&asked.given("host"), &zone), &asked.given("record"));
            reply(
                200,
                &json!({"status": "Success", "statusDescription": "The record was added successfully.", "data": {"id": id}}),
            )
        }
        "/delete-record.json" => match data.remove(asked.given("record-id").parse().unwrap()) {
            true => reply(
                200,
                &json!({"status": "Success", "statusDescription": "The record was deleted successfully."}),
            ),
            false => failed("Invalid record-id param."),
        },
        _ => failed("Unknown call"),
    }
}
