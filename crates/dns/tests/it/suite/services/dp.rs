//! `DNSPod`: forms in, JSON out, every refusal with status 200.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "dp",
    settings: &[("id", "13490"), ("key", "right-key")],
    wrong: &[("id", "13490"), ("key", "wrong-key")],
    knows: |_, asked| asked.given("login_token") == "13490,right-key",
    refuse: || status("10002", "The login token ID is invalid", Value::Null),
    serve: |data, asked| serve(data, asked, ("record_line_id", "0")),
    changes: |asked| matches!(asked.path.as_str(), "/Record.Create" | "/Record.Remove"),
    min_ttl: 600,
    ..Service::PLAIN
};

fn status(code: &str, message: &str, extra: Value) -> Reply {
    let mut body = json!({"status": {"code": code, "message": message, "created_at": "2026-01-01 00:00:00"}});
    if let Value::Object(extra) = extra {
        body.as_object_mut().unwrap().extend(extra);
    }
    reply(200, &body)
}

pub(super) fn serve(data: &mut Data, asked: &Asked, line: (&str, &str)) -> Reply {
    assert_eq!((asked.method.as_str(), asked.given("format").as_str()), ("POST", "json"));
    assert!(asked.query.is_empty(), "a token does not belong into a URL");
    let agent = asked.header("user-agent");
    assert!(agent.contains('/') && agent.contains('(') && agent.contains('@'), "{agent}");
    if asked.path == "/Domain.Info" {
        let zone = asked.given("domain");
        return match data.has_zone(&zone) {
            true => status("1", "Action completed successful", json!({"domain": {"id": zone_number(data, &zone), "name": zone}})),
            false => status("13", "Domain is not exists", Value::Null),
        };
    }
    let Some(zone) = zone_numbered(data, &asked.given("domain_id")) else {
        return status("6", "Domain id invalid", Value::Null);
    };
    match asked.path.as_str() {
        "/Record.List" => {
            let found = data.at(&whole(&asked.given("sub_domain"), &zone));
            let list: Vec<Value> = found.iter().map(|record| json!({"id": record.id.to_string(), "name": relative(&record.fqdn, &zone),
                "type": "TXT", "value": record.value, "line": "default", "ttl": "600"})).collect();
            match list.is_empty() {
                true => status("10", "No records", Value::Null),
                false => status("1", "Action completed successful", json!({"records": list})),
            }
        }
        "/Record.Create" => {
            assert_eq!(asked.given(line.0), line.1);
            let fqdn = whole(&asked.given("sub_domain"), &zone);
            if data.at(&fqdn).iter().any(|record| record.value == asked.given("value")) {
                return status("104", "Record already exists, you do not need to add it again", Value::Null);
            }
            let ttl: u64 = asked.given("ttl").parse().unwrap();
            if ttl < 600 {
                return status("32", "Your plan does not allow such a short TTL", Value::Null);
            }
            data.least_ttl = Some(ttl);
            let id = data.add(&fqdn, &asked.given("value"));
            status("1", "Action completed successful", json!({"record": {"id": id.to_string(), "status": "enabled"}}))
        }
        "/Record.Remove" => match data.remove(asked.given("record_id").parse().unwrap()) {
            true => status("1", "Action completed successful", Value::Null),
            false => status("8", "Record id invalid", Value::Null),
        },
        _ => status("-7", "No such call", Value::Null),
    }
}
