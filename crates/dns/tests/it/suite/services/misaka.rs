//! Misaka: whole sets; the first of a name is made by another method than the others are replaced.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, whole};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "misaka",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.header("authorization") == "Token right-key",
    refuse: || reply(401, &json!({"detail": "Invalid token."})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let missing = || reply(404, &json!({"detail": "Not found."}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones"]) => {
            let (zones, pages) = data.page(&data.zones, asked.query("page"));
            let list: Vec<Value> = zones.iter().map(|zone| json!({"name": zone, "enabled": true})).collect();
            let number: usize = asked.query("page").parse().unwrap_or(1);
            let next = (number < pages).then(|| format!("/zones?limit=1000&page={}", number + 1));
            reply(200, &json!({"count": data.zones.len(), "next": next, "results": list}))
        }
        (method, ["zones", zone, "recordsets", sub, "TXT"]) if data.has_zone(zone) => {
            let fqdn = whole(sub, zone);
            let there = data.at(&fqdn);
            let values = || -> Vec<String> {
                let body = asked.json();
                let records = body["records"].as_array().unwrap().iter();
                records.map(|record| unquoted(record["value"].as_str().unwrap())).collect()
            };
            match method {
                "GET" if there.is_empty() => missing(),
                "GET" => {
                    let list: Vec<Value> = there.iter().map(|record| json!({"value": quoted(&record.value)})).collect();
                    reply(200, &json!({"name": sub, "type": "TXT", "ttl": 60, "records": list, "filters": []}))
                }
                "POST" if there.is_empty() => {
                    data.least_ttl = asked.json()["ttl"].as_u64();
                    data.replace(&fqdn, &values());
                    reply(201, &json!({"name": sub, "type": "TXT"}))
                }
                "PUT" if !there.is_empty() && asked.query("append").is_empty() => {
                    data.replace(&fqdn, &values());
                    reply(200, &json!({"name": sub, "type": "TXT"}))
                }
                "DELETE" if !there.is_empty() => {
                    data.replace(&fqdn, &[]);
                    reply(202, &json!({"detail": "Object deleted."}))
                }
                _ => reply(400, &json!({"detail": "Record set exists."})),
            }
        }
        _ => missing(),
    }
}
