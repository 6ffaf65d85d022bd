//! Exoscale: signed requests; changes are operations that end later; IDNA zones are shown in Unicode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{between, by_method, hmac_sha256, quoted, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "exoscale",
    settings: &[("key", "EXOright"), ("secret", "right-secret")],
    wrong: &[("key", "EXOright"), ("secret", "wrong-secret")],
    knows: |_, asked| {
        let header = asked.header("authorization");
        let expires = between(header, "expires=", ",");
        let text = format!("{} {}\n{}\n\n\n{expires}", asked.method, asked.path, asked.body);
        let signature = STANDARD.encode(hmac_sha256(b"right-secret", &text));
        header == format!("EXO2-HMAC-SHA256 credential=EXOright,expires={expires},signature={signature}")
    },
    refuse: || reply(403, &json!({"message": "Invalid signature"})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn operation(state: &str, id: u64) -> Reply {
    reply(200, &json!({"id": format!("op-{id}"), "state": state, "reference": {"id": id.to_string(), "command": "x"}}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["dns-domain"]) => {
            let unicode = |zone: &str| match zone {
                "xn--bcher-kva.example" => "bücher.example".to_owned(),
                other => other.to_owned(),
            };
            let list: Vec<Value> = data.zones.iter().map(|zone| json!({"id": zone_number(data, zone).to_string(), "unicode-name": unicode(zone)})).collect();
            reply(200, &json!({"dns-domains": list}))
        }
        ("GET", ["operation", id]) => {
            // An operation is seen pending once.
            let (state, id) = (data.sessions % 2, id.trim_start_matches("op-").parse().unwrap());
            data.sessions += 1;
            operation(if state == 0 { "pending" } else { "success" }, id)
        }
        (method, ["dns-domain", zone, "record", rest @ ..]) => {
            let Some(zone) = zone_numbered(data, zone) else {
                return reply(404, &json!({"message": "Not Found"}));
            };
            match (method, rest) {
                ("GET", []) => {
                    let list: Vec<Value> = data.within(&zone).iter().map(|record| json!({"id": record.id.to_string(), "name": relative(&record.fqdn, &zone),
                        "type": "TXT", "content": quoted(&record.value), "ttl": 120})).collect();
                    reply(200, &json!({"dns-domain-records": list}))
                }
                ("POST", []) => {
                    let body = asked.json();
                    data.least_ttl = body["ttl"].as_u64();
                    let id = data.add(&whole(body["name"].as_str().unwrap(), &zone), body["content"].as_str().unwrap());
                    operation("pending", id)
                }
                ("DELETE", [id]) if data.remove(id.parse().unwrap()) => operation("pending", id.parse().unwrap()),
                _ => reply(404, &json!({"message": "Not Found"})),
            }
        }
        _ => reply(404, &json!({"message": "Not Found"})),
    }
}
