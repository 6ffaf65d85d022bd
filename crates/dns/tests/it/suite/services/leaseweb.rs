//! Leaseweb, hosting API version 2.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply};
use super::by_method;

const TTLS: [u64; 8] = [60, 300, 1800, 3600, 14400, 28800, 43200, 86400];

pub(super) const SERVICE: Service = Service {
    code: "leaseweb",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.header("x-lsw-auth") == "right-key",
    refuse: || failure(401, "Unauthorized"),
    serve,
    changes: by_method,
    min_ttl: 60,
    ..Service::PLAIN
};

fn failure(status: u16, message: &str) -> Reply {
    reply(
        status,
        &json!({"correlationId": "c", "errorCode": status.to_string(), "errorMessage": message}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains", zone]) if data.has_zone(zone) => {
            reply(200, &json!({"domainName": zone, "dns": "managed"}))
        }
        ("POST", ["domains", zone, "resourceRecordSets"]) if data.has_zone(zone) => {
            let body = asked.json();
            let fqdn = body["name"]
                .as_str()
                .unwrap()
                .strip_suffix('.')
                .unwrap()
                .to_owned();
            match data.at(&fqdn).is_empty() {
                true => write(data, &fqdn, &body, 201),
                false => failure(409, "The record set exists"),
            }
        }
        (method, ["domains", zone, "resourceRecordSets", name, "TXT"]) if data.has_zone(zone) => {
            let fqdn = name.strip_suffix('.').unwrap().to_owned();
            let there = data.at(&fqdn);
            match method {
                _ if there.is_empty() => failure(404, "Not Found"),
                "GET" => {
                    let content: Vec<&str> =
                        there.iter().map(|record| record.value.as_str()).collect();
                    reply(
                        200,
                        &json!({"name": name, "type": "TXT", "content": content, "ttl": 300, "editable": true}),
                    )
                }
                "PUT" => write(data, &fqdn, &asked.json(), 200),
                _ => {
                    data.replace(&fqdn, &[]);
                    empty(204)
                }
            }
        }
        _ => failure(404, "Not Found"),
    }
}

fn write(data: &mut Data, fqdn: &str, body: &Value, status: u16) -> Reply {
    data.least_ttl = body["ttl"]
        .as_u64()
        .filter(|ttl| TTLS.contains(ttl))
        .or(Some(0));
    let content = body["content"].as_array().unwrap();
    let values: Vec<String> = content
        .iter()
        .map(|value| value.as_str().unwrap().to_owned())
        .collect();
    assert!(!values.is_empty(), "a set without content is refused");
    data.replace(fqdn, &values);
    reply(status, body)
}
