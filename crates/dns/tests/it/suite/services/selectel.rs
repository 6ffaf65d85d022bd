//! Selectel's second version: a project token from Keystone, sets with ids.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply};
use super::{by_method, quoted, unquoted, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "selectel",
    settings: &[("username", "bot"), ("password", "right-password"), ("account", "1234"), ("project", "dns")],
    wrong: &[("username", "bot"), ("password", "wrong-password"), ("account", "1234"), ("project", "dns")],
    places: &[("identity_url", "/identity/v3")],
    knows: |data, asked| match asked.path == "/identity/v3/auth/tokens" {
        true => {
            let auth = &asked.json()["auth"];
            auth["identity"]["password"]["user"] == json!({"name": "bot", "domain": {"name": "1234"}, "password": "right-password"})
                && auth["scope"]["project"] == json!({"name": "dns", "domain": {"name": "1234"}})
        }
        false => asked.header("x-auth-token") == format!("session-{}", data.sessions),
    },
    refuse: || reply(401, &json!({"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}})),
    serve,
    changes: |asked| by_method(asked) && !asked.path.starts_with("/identity"),
    min_ttl: 60,
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn shown(name: &str) -> String {
    name.replace("xn--bcher-kva", "bücher").replace("xn--strae-oqa", "straße")
}

fn values(asked: &Asked) -> Vec<String> {
    let body = asked.json();
    let records = body["records"].as_array().unwrap().iter();
    records.map(|record| unquoted(record["content"].as_str().unwrap())).collect()
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let missing = || reply(404, &json!({"error": "not_found", "description": "Object not found"}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["identity", "v3", "auth", "tokens"]) => {
            let mut answer = reply(201, &json!({"token": {}}));
            answer.headers.push(("x-subject-token".to_owned(), format!("session-{}", data.sessions)));
            answer
        }
        ("GET", ["v2", "zones"]) => {
            // The filter finds parts of names; those in other scripts are shown so.
            let found = data.zones.iter().filter(|zone| shown(zone).contains(asked.query("filter")));
            let list: Vec<Value> = found.map(|zone| json!({"id": zone_number(data, zone).to_string(), "name": format!("{}.", shown(zone))})).collect();
            reply(200, &json!({"count": list.len(), "next_offset": 0, "result": list}))
        }
        (method, ["v2", "zones", zone, "rrset", rest @ ..]) => {
            let Some(zone) = zone_numbered(data, zone) else { return missing() };
            match (method, rest) {
                ("GET", []) => {
                    assert_eq!(asked.query("rrset_types"), "TXT");
                    let fqdn = &asked.query("name").trim_end_matches('.').replace("bücher", "xn--bcher-kva").replace("straße", "xn--strae-oqa");
                    assert!(!asked.query("name").contains("xn--"), "names are kept in Unicode");
                    let there = data.at(fqdn);
                    let records: Vec<Value> = there.iter().map(|record| json!({"content": quoted(&record.value), "disabled": false})).collect();
                    let set = json!({"id": format!("set-{fqdn}"), "name": format!("{}.", shown(fqdn)), "type": "TXT", "ttl": 60, "records": records});
                    let list = if there.is_empty() { json!([]) } else { json!([set]) };
                    reply(200, &json!({"count": 1, "next_offset": 0, "result": list}))
                }
                ("POST", []) => {
                    let body = asked.json();
                    let fqdn = body["name"].as_str().unwrap().strip_suffix('.').unwrap().to_owned();
                    if !data.at(&fqdn).is_empty() || !fqdn.ends_with(&zone) {
                        return reply(409, &json!({"error": "already_exists", "description": "This RRSet is already exists"}));
                    }
                    data.least_ttl = body["ttl"].as_u64();
                    data.replace(&fqdn, &values(asked));
                    reply(201, &json!({"id": format!("set-{fqdn}")}))
                }
                ("PATCH", [id]) if !data.at(id.trim_start_matches("set-")).is_empty() => {
                    data.replace(id.trim_start_matches("set-"), &values(asked));
                    empty(204)
                }
                ("DELETE", [id]) => {
                    data.replace(id.trim_start_matches("set-"), &[]);
                    empty(204)
                }
                _ => missing(),
            }
        }
        _ => missing(),
    }
}
