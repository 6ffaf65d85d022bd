//! deSEC, API version 1.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, whole};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "desec",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Token right-token",
    refuse: || reply(401, &json!({"detail": "Invalid token."})),
    serve,
    changes: by_method,
    min_ttl: 3600,
    ..Service::PLAIN
};

fn not_found() -> Reply {
    reply(404, &json!({"detail": "Not found."}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains"]) => {
            let name = asked.query("owns_qname");
            let holding = data
                .zones
                .iter()
                .filter(|zone| name == *zone || name.ends_with(&format!(".{zone}")));
            let longest = holding.max_by_key(|zone| zone.len());
            let list: Vec<Value> = longest
                .map(|zone| json!({"name": zone, "minimum_ttl": 3600}))
                .into_iter()
                .collect();
            reply(200, &json!(list))
        }
        ("POST", ["domains", zone, "rrsets"]) if data.has_zone(zone) => {
            let body = asked.json();
            let fqdn = whole(body["subname"].as_str().unwrap(), zone);
            if !data.at(&fqdn).is_empty() {
                return reply(
                    400,
                    &json!({"non_field_errors": ["Another RRset with the same subdomain and type exists for this domain."]}),
                );
            }
            if body["ttl"].as_u64().unwrap() < 3600 {
                return reply(400, &json!({"ttl": ["Ensure this value is greater than or equal to 3600."]}));
            }
            data.least_ttl = body["ttl"].as_u64();
            data.replace(&fqdn, &values(&body));
            reply(201, &json!({"subname": body["subname"], "type": "TXT"}))
        }
        (method, ["domains", zone, "rrsets", sub, "TXT"]) if data.has_zone(zone) => {
            let fqdn = whole(sub, zone);
            let there = data.at(&fqdn);
            match method {
                _ if there.is_empty() => not_found(),
                "GET" => {
                    let records: Vec<String> =
                        there.iter().map(|record| quoted(&record.value)).collect();
                    reply(
                        200,
                        &json!({"subname": sub, "type": "TXT", "ttl": 3600, "records": records}),
                    )
                }
                "PATCH" => {
                    let values = values(&asked.json());
                    data.replace(&fqdn, &values);
                    if values.is_empty() {
                        empty(204)
                    } else {
                        reply(200, &json!({"type": "TXT"}))
                    }
                }
                _ => not_found(),
            }
        }
        _ => not_found(),
    }
}

fn values(body: &Value) -> Vec<String> {
    let records = body["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record.as_str().unwrap());
    records
        .inspect(|text| assert!(text.starts_with('"'), "deSEC wants TXT values in quotes"))
        .map(unquoted)
        .collect()
}
