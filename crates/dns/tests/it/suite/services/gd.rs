//! `GoDaddy`, API version 1.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "gd",
    settings: &[("key", "right-key"), ("secret", "right-secret")],
    wrong: &[("key", "right-key"), ("secret", "wrong-secret")],
    knows: |_, asked| asked.header("authorization") == "sso-key right-key:right-secret",
    refuse: || {
        reply(
            401,
            &json!({"code": "UNABLE_TO_AUTHENTICATE", "message": "Unauthorized : Could not authenticate API key/secret"}),
        )
    },
    serve,
    changes: by_method,
    min_ttl: 600,
    ..Service::PLAIN
};

fn not_found() -> Reply {
    reply(
        404,
        &json!({"code": "NOT_FOUND", "message": "The domain was not found"}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains", zone]) if data.has_zone(zone) => reply(
            200,
            &json!({"domain": zone, "domainId": 1, "status": "ACTIVE"}),
        ),
        (method, ["domains", zone, "records", "TXT", sub]) if data.has_zone(zone) => {
            let fqdn = whole(sub, zone);
            match method {
                "GET" => {
                    let list: Vec<Value> = data.at(&fqdn).iter()
                        .map(|record| json!({"data": record.value, "name": sub, "ttl": 600, "type": "TXT"})).collect();
                    reply(200, &json!(list))
                }
                "PUT" => {
                    let body = asked.json();
                    let records = body.as_array().unwrap();
                    let least = records.iter().filter_map(|record| record["ttl"].as_u64()).min();
                    if records.is_empty() || least.is_none_or(|ttl| ttl < 600) {
                        return reply(422, &json!({"code": "INVALID_BODY", "message": "Request body doesn't fulfill schema, see details in `fields`"}));
                    }
                    data.least_ttl = least;
                    let values: Vec<String> = records
                        .iter()
                        .map(|record| record["data"].as_str().unwrap().to_owned())
                        .collect();
                    data.replace(&fqdn, &values);
                    empty(200)
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
