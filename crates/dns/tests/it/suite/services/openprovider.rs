//! `OpenProvider`, REST API v1beta: values are added and removed by themselves, and shown in quotes.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "openprovider",
    settings: &[("username", "anna"), ("password", "right-password")],
    wrong: &[("username", "anna"), ("password", "wrong-password")],
    knows: |data, asked| match asked.path == "/auth/login" {
        true => asked.json()["password"] == "right-password",
        false => asked.header("authorization") == format!("Bearer session-{}", data.sessions),
    },
    refuse: || {
        reply(
            401,
            &json!({"code": 196, "desc": "Authentication/Authorization Failed", "data": {}}),
        )
    },
    serve,
    changes: |asked| asked.method == "PUT",
    min_ttl: 600,
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn success(data: &Value) -> Reply {
    reply(200, &json!({"code": 0, "desc": "", "data": data}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["auth", "login"]) => {
            success(&json!({"reseller_id": 1, "token": format!("session-{}", data.sessions)}))
        }
        ("GET", ["dns", "zones"]) => {
            let pattern = asked.query("name_pattern");
            let found = data
                .zones
                .iter()
                .enumerate()
                .filter(|(_, zone)| *zone == pattern);
            let list: Vec<Value> = found
                .map(|(id, zone)| json!({"id": id, "name": zone, "type": "master"}))
                .collect();
            success(&json!({"results": list, "total": list.len()}))
        }
        ("GET", ["dns", "zones", zone, "records"]) => {
            assert!(asked.query("limit").parse::<u32>().unwrap() <= 500);
            let all = data.within(zone);
            let offset: usize = asked.query("offset").parse().unwrap_or(0);
            let list: Vec<Value> = all.iter().skip(offset).take(data.page).map(|record| json!({"name": record.fqdn, "type": "TXT", "ttl": 600, "value": quoted(&record.value)})).collect();
            success(&json!({"results": list, "total": all.len()}))
        }
        ("PUT", ["dns", "zones", zone]) if data.has_zone(zone) => {
            let body = asked.json();
            for record in body["records"]["add"].as_array().into_iter().flatten() {
                let ttl = record["ttl"].as_u64().unwrap();
                assert!([600, 900, 3600, 10800, 21600, 43200, 86400].contains(&ttl), "{ttl} is not taken");
                data.least_ttl = Some(ttl);
                let fqdn = whole(record["name"].as_str().unwrap(), zone);
                assert!(!fqdn.ends_with(&format!("{zone}.{zone}")), "the zone would be there twice");
                let value = unquoted(record["value"].as_str().unwrap());
                if data.at(&fqdn).iter().any(|one| one.value == value) {
                    return reply(500, &json!({"code": 817, "desc": "Duplicate record", "data": {}}));
                }
                data.add(&fqdn, &value);
            }
            for record in body["records"]["remove"].as_array().into_iter().flatten() {
                let (name, value) = (
                    record["name"].as_str().unwrap(),
                    record["value"].as_str().unwrap(),
                );
                // Only what is written as it is shown is found.
                let found = data
                    .within(zone)
                    .into_iter()
                    .find(|one| relative(&one.fqdn, zone) == name && quoted(&one.value) == value);
                let Some(found) = found else {
                    return reply(
                        500,
                        &json!({"code": 817, "desc": "Record not found", "data": {}}),
                    );
                };
                data.remove(found.id);
            }
            success(&json!({"success": true}))
        }
        _ => reply(
            404,
            &json!({"code": 872, "desc": "Zone not found", "data": {}}),
        ),
    }
}
