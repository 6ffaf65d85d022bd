//! INWX, JSON-RPC: a cookie as session, codes in the body.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};

pub(super) const SERVICE: Service = Service {
    code: "inwx",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |data, asked| match asked.json()["method"] == "account.login" {
        true => asked.json()["params"] == json!({"user": "anna", "pass": "right-password"}),
        false => asked.header("cookie") == format!("domrobot=session-{}", data.sessions),
    },
    refuse: || said(2200, "Authentication error", &Value::Null),
    serve,
    changes: |asked| asked.body.contains("\"nameserver.createRecord\"") || asked.body.contains("\"nameserver.deleteRecord\""),
    min_ttl: 300,
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn said(code: u32, message: &str, data: &Value) -> Reply {
    reply(200, &json!({"code": code, "msg": message, "resData": data, "svTRID": "1", "runtime": 0.1}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    let params = &body["params"];
    let text = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
    let ok = |data: &Value| said(1000, "Command completed successfully", data);
    match body["method"].as_str().unwrap() {
        "account.login" => {
            let mut answer = ok(&json!({"customerId": 1, "tfa": "0"}));
            answer.headers.push(("set-cookie".to_owned(), format!("domrobot=session-{}; path=/; secure", data.sessions)));
            answer
        }
        "nameserver.list" => {
            // A page is as long as was asked for.
            let list: Vec<Value> = data.zones.iter().map(|zone| json!({"domain": zone, "type": "MASTER"})).collect();
            match params["page"] == 1 {
                true => ok(&json!({"count": list.len(), "domains": list})),
                false => ok(&json!({"count": list.len(), "domains": []})),
            }
        }
        "nameserver.info" if data.has_zone(&text("domain")) => {
            let found = data.at(&text("name"));
            let list: Vec<Value> = found.iter().map(|record| json!({"id": record.id, "name": record.fqdn, "type": "TXT", "content": record.value, "ttl": 300, "prio": 0})).collect();
            ok(&json!({"domain": text("domain"), "type": "MASTER", "count": list.len(), "record": list}))
        }
        "nameserver.createRecord" if data.has_zone(&text("domain")) => {
            if data.at(&text("name")).iter().any(|record| record.value == text("content")) {
                return said(2302, "Object exists", &Value::Null);
            }
            data.least_ttl = params["ttl"].as_u64();
            ok(&json!({"id": data.add(&text("name"), &text("content")).to_string()}))
        }
        "nameserver.deleteRecord" if data.remove(params["id"].as_u64().unwrap()) => ok(&Value::Null),
        _ => said(2303, "Object does not exist", &Value::Null),
    }
}
