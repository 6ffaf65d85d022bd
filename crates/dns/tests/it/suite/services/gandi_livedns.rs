//! Gandi `LiveDNS`, API version 5.

use serde_json::json;

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, whole};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "gandi_livedns",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| matches!(asked.header("authorization"), "Bearer right-token" | "Apikey right-key"),
    refuse: || {
        reply(
            401,
            &json!({"object": "HTTPUnauthorized", "cause": "Unauthorized", "code": 401, "message": "The server could not verify that you authorized"}),
        )
    },
    serve,
    changes: by_method,
    min_ttl: 300,
    ..Service::PLAIN
};

fn not_found() -> Reply {
    reply(
        404,
        &json!({"object": "HTTPNotFound", "cause": "Not Found", "code": 404, "message": "The resource could not be found."}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains", zone]) if data.has_zone(zone) => {
            reply(200, &json!({"fqdn": zone, "automatic_snapshots": false}))
        }
        (method, ["domains", zone, "records", sub, "TXT"]) if data.has_zone(zone) => {
            let fqdn = whole(sub, zone);
            let there = data.at(&fqdn);
            match method {
                "GET" if there.is_empty() => not_found(),
                "GET" => {
                    let values: Vec<String> =
                        there.iter().map(|record| quoted(&record.value)).collect();
                    reply(
                        200,
                        &json!({"rrset_name": sub, "rrset_type": "TXT", "rrset_ttl": 300, "rrset_values": values}),
                    )
                }
                "PUT" => {
                    let body = asked.json();
                    if body["rrset_ttl"].as_u64().unwrap() < 300 {
                        return reply(400, &json!({"object": "HTTPBadRequest", "code": 400, "message": "rrset_ttl: 300 is the minimum"}));
                    }
                    data.least_ttl = body["rrset_ttl"].as_u64();
                    let values = body["rrset_values"].as_array().unwrap();
                    let values: Vec<String> = values
                        .iter()
                        .map(|value| unquoted(value.as_str().unwrap()))
                        .collect();
                    if values.is_empty() {
                        return reply(
                            400,
                            &json!({"code": 400, "message": "rrset_values: at least one value"}),
                        );
                    }
                    data.replace(&fqdn, &values);
                    reply(201, &json!({"message": "DNS Record Created"}))
                }
                "DELETE" => {
                    data.replace(&fqdn, &[]);
                    empty(204)
                }
                _ => not_found(),
            }
        }
        _ => not_found(),
    }
}
