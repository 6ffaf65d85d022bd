//! `ConoHa` VPS 2.0: a token from the identity service, names with a final dot.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{by_method, zone_number};

pub(super) const SERVICE: Service = Service {
    code: "conoha",
    settings: &[("username", "gncu1"), ("password", "right-password"), ("tenant_id", "t1")],
    wrong: &[("username", "gncu1"), ("password", "wrong-password"), ("tenant_id", "t1")],
    places: &[("identity_url", "/identity/v2.0")],
    knows: |data, asked| match asked.path == "/identity/v2.0/tokens" {
        true => {
            let auth = &asked.json()["auth"];
            auth["tenantId"] == "t1" && auth["passwordCredentials"] == json!({"username": "gncu1", "password": "right-password"})
        }
        false => asked.header("x-auth-token") == format!("session-{}", data.sessions),
    },
    refuse: || reply(401, &json!({"unauthorized": {"message": "Invalid user / password", "code": 401}})),
    serve: |data, asked| serve(data, asked, "id"),
    changes: |asked| by_method(asked) && !asked.path.starts_with("/identity"),
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

pub(super) fn serve(data: &mut Data, asked: &Asked, id: &str) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["identity", "v2.0", "tokens"]) => {
            reply(200, &json!({"access": {"token": {"id": format!("session-{}", data.sessions), "expires": "2030-01-01T00:00:00Z"}}}))
        }
        ("GET", ["v1", "domains"]) => {
            let zones = data.zones.iter().filter(|zone| format!("{zone}.") == asked.query("name"));
            let list: Vec<Value> = zones.map(|zone| json!({id: format!("zone-{}", zone_number(data, zone)), "name": format!("{zone}."), "ttl": 3600})).collect();
            reply(200, &json!({"domains": list}))
        }
        (method, ["v1", "domains", zone, "records", rest @ ..]) => {
            let Some(zone) = super::zone_numbered(data, zone.trim_start_matches("zone-")) else {
                return reply(404, &json!({"message": "Domain not found"}));
            };
            match (method, rest) {
                ("GET", []) => {
                    let list: Vec<Value> = data.within(&zone).iter().map(|record| json!({id: record.id.to_string(), "name": format!("{}.", record.fqdn),
                        "type": "TXT", "data": record.value, "ttl": 60})).collect();
                    reply(200, &json!({"records": list}))
                }
                ("POST", []) => {
                    let body = asked.json();
                    let name = body["name"].as_str().unwrap().strip_suffix('.').unwrap().to_owned();
                    data.least_ttl = body["ttl"].as_u64();
                    let number = data.add(&name, body["data"].as_str().unwrap());
                    reply(200, &json!({id: number.to_string(), "name": body["name"]}))
                }
                ("DELETE", [number]) if data.remove(number.parse().unwrap()) => reply(200, &json!({})),
                _ => reply(404, &json!({"message": "Record not found"})),
            }
        }
        _ => reply(404, &json!({"message": "Not found"})),
    }
}
