//! reg.ru: JSON in a field of a form; two results, one outside and one for each domain.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};

pub(super) const SERVICE: Service = Service {
    code: "regru",
    settings: &[("username", "anna"), ("password", "right-password")],
    wrong: &[("username", "anna"), ("password", "wrong-password")],
    knows: |_, asked| asked.given("username") == "anna" && asked.given("password") == "right-password",
    refuse: || {
        reply(200, &json!({"result": "error", "error_code": "PASSWORD_AUTH_FAILED", "error_text": "Username/password Incorrect", "charset": "utf-8"}))
    },
    serve,
    changes: |asked| matches!(asked.path.as_str(), "/zone/add_txt" | "/zone/remove_record"),
    ..Service::PLAIN
};

fn domain(answer: &Value) -> Reply {
    reply(200, &json!({"result": "success", "answer": {"domains": [answer]}}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!(asked.given("input_format"), "json");
    let input: Value = serde_json::from_str(&asked.given("input_data")).unwrap();
    if asked.path == "/service/get_list" {
        assert_eq!(input["servtype"], "domain");
        let list: Vec<Value> = data.zones.iter().map(|zone| json!({"dname": zone, "servtype": "domain", "state": "A"})).collect();
        return reply(200, &json!({"result": "success", "answer": {"services": list}}));
    }
    let zone = input["domains"][0]["dname"].as_str().unwrap().to_owned();
    if !data.has_zone(&zone) {
        return domain(&json!({"dname": zone, "result": "error", "error_code": "DOMAIN_NOT_FOUND", "error_text": "Domain not found"}));
    }
    let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
    let fqdn = whole(&text("subdomain"), &zone);
    match asked.path.as_str() {
        "/zone/get_resource_records" => {
            let list: Vec<Value> = data.within(&zone).iter().map(|record| json!({"subname": relative(&record.fqdn, &zone), "rectype": "TXT", "content": record.value, "prio": "0", "state": "A"})).collect();
            domain(&json!({"dname": zone, "result": "success", "rrs": list}))
        }
        "/zone/add_txt" => {
            data.add(&fqdn, &text("text"));
            domain(&json!({"dname": zone, "result": "success"}))
        }
        "/zone/remove_record" => {
            assert_eq!(text("record_type"), "TXT");
            assert!(!text("content").is_empty(), "without a value all of them would go");
            let found = data.at(&fqdn).into_iter().find(|record| record.value == text("content"));
            match found {
                Some(record) => {
                    data.remove(record.id);
                    domain(&json!({"dname": zone, "result": "success"}))
                }
                None => domain(&json!({"dname": zone, "result": "error", "error_code": "RR_NOT_FOUND", "error_text": "no such record"})),
            }
        }
        other => panic!("{other}"),
    }
}
