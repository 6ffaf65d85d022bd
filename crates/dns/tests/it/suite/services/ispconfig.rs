//! `ISPConfig`'s remote API: functions named in the query, sessions in the body, status 200 always.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "ispconfig",
    settings: &[("user", "remote"), ("password", "right-password")],
    wrong: &[("user", "remote"), ("password", "wrong-password")],
    knows: |_, _| true,
    serve,
    changes: |asked| function(asked).starts_with("dns_txt_") && function(asked) != "dns_txt_get",
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn function(asked: &Asked) -> String {
    asked.query.keys().next().cloned().unwrap_or_default()
}

fn fault(message: &str) -> Reply {
    reply(200, &json!({"code": "remote_fault", "message": message, "response": false}))
}

fn ok(response: &Value) -> Reply {
    reply(200, &json!({"code": "ok", "message": "", "response": response}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    if function(asked) == "login" {
        let is_right = body == json!({"username": "remote", "password": "right-password", "client_login": false});
        return match is_right {
            true => ok(&json!(format!("session-{}", data.sessions))),
            false => fault("The login failed. Username or password wrong."),
        };
    }
    if body["session_id"] != format!("session-{}", data.sessions) {
        return fault("The Session is expired or does not exist.");
    }
    match function(asked).as_str() {
        "dns_zone_get" => {
            let origin = body["primary_id"]["origin"].as_str().unwrap();
            let found = data.zones.iter().filter(|zone| format!("{zone}.") == origin);
            let list: Vec<Value> = found.map(|zone| json!({"id": zone_number(data, zone).to_string(), "server_id": "3", "sys_userid": "5", "origin": origin})).collect();
            ok(&json!(list))
        }
        "client_get_id" => {
            assert_eq!(body["sys_userid"], "5");
            ok(&json!(42))
        }
        "dns_txt_get" => {
            let name = body["primary_id"]["name"].as_str().unwrap();
            let list: Vec<Value> = data.at(name.trim_end_matches('.')).iter().map(|record| {
                let zone = data.zone_of(&record.fqdn);
                json!({"id": record.id.to_string(), "zone": zone_number(data, &zone.unwrap()).to_string(), "name": name, "type": "TXT", "data": record.value, "ttl": "3600"})
            }).collect();
            ok(&json!(list))
        }
        "dns_txt_add" => {
            let params = &body["params"];
            assert_eq!((&body["client_id"], &params["server_id"]), (&json!("42"), &json!("3")));
            assert!(zone_numbered(data, params["zone"].as_str().unwrap()).is_some());
            assert_eq!(params["stamp"].as_str().unwrap().len(), "2026-01-01 00:00:00".len());
            data.least_ttl = params["ttl"].as_str().unwrap().parse().ok();
            let name = params["name"].as_str().unwrap().strip_suffix('.').unwrap().to_owned();
            ok(&json!(data.add(&name, params["data"].as_str().unwrap()).to_string()))
        }
        "dns_txt_delete" => match data.remove(body["primary_id"].as_str().unwrap().parse().unwrap()) {
            true => ok(&json!(1)),
            false => ok(&json!(0)),
        },
        other => fault(&format!("You do not have the permissions to access this function: {other}")),
    }
}
