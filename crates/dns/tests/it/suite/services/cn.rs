//! Core-Networks: sessions; nothing is published before the commit; records have no ids.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "cn",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |data, asked| match asked.path == "/auth/token" {
        true => asked.json()["login"] == "anna" && asked.json()["password"] == "right-password",
        false => asked.header("authorization") == format!("Bearer session-{}", data.sessions),
    },
    refuse: || reply(401, &json!({"message": "Unauthorized"})),
    serve,
    changes: |asked| {
        let last = asked.parts().last().copied();
        by_method(asked) && !matches!(last, Some("token" | "commit"))
    },
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["auth", "token"]) => {
            reply(200, &json!({"token": format!("session-{}", data.sessions), "expires": 3600}))
        }
        ("GET", ["dnszones"]) => {
            let list: Vec<Value> = data.zones.iter().map(|zone| json!({"name": zone, "type": "master"})).collect();
            reply(200, &json!(list))
        }
        (_, ["dnszones", zone, ..]) if !data.has_zone(zone) => reply(404, &json!({"message": "Not Found"})),
        ("GET", ["dnszones", zone, "records"]) => {
            let shown = data.within(zone).into_iter();
            let list: Vec<Value> = shown.map(|record| json!({"name": relative(&record.fqdn, zone), "ttl": "120", "type": "TXT", "data": quoted(&record.value)})).collect();
            reply(200, &json!(list))
        }
        ("POST", ["dnszones", zone, "records"]) => {
            data.least_ttl = body["ttl"].as_u64();
            data.begin();
            let fqdn = whole(body["name"].as_str().unwrap(), zone);
            data.add(&fqdn, &unquoted(body["data"].as_str().unwrap()));
            empty(204)
        }
        ("POST", ["dnszones", zone, "records", "delete"]) => {
            let fqdn = whole(body["name"].as_str().unwrap(), zone);
            let value = unquoted(body["data"].as_str().unwrap());
            data.begin();
            data.records.retain(|one| one.fqdn != fqdn || one.value != value);
            empty(204)
        }
        ("POST", ["dnszones", _, "records", "commit"]) => {
            data.commit();
            empty(204)
        }
        _ => reply(404, &json!({"message": "Not Found"})),
    }
}
