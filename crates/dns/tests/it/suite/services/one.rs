//! one.com: the control panel's log-in, then JSON.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{by_method, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "one",
    settings: &[("user", "anna@example.com"), ("password", "right-password")],
    wrong: &[("user", "anna@example.com"), ("password", "wrong-password")],
    knows: |data, asked| match asked.path == "/admin/login.do" {
        true => true,
        false => asked.header("cookie").contains(&format!("OneSIDCrmAdmin=session-{}", data.sessions)),
    },
    refuse: || text_reply(401, "<html>Please log in</html>"),
    serve,
    changes: |asked| by_method(asked) && asked.path != "/admin/login.do",
    end_session: Some(|data| data.sessions += 1),
    cookie: true,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let missing = || reply(404, &json!({"code": "CRMRST_000302", "message": "Domain not found"}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["admin", "login.do"]) => {
            assert_eq!((asked.given("loginDomain").as_str(), asked.given("displayUsername")), ("true", asked.given("username")));
            let mut answer = text_reply(302, "");
            if asked.given("username") == "anna@example.com" && asked.given("password1") == "right-password" {
                let cookie = format!("OneSIDCrmAdmin=session-{}; Path=/admin; HttpOnly", data.sessions);
                answer.headers.push(("set-cookie".to_owned(), cookie));
            }
            answer
        }
        (method, ["admin", "api", "domains", zone, "dns", "custom_records", rest @ ..]) if data.has_zone(zone) => match (method, rest) {
            ("GET", []) => {
                let list: Vec<Value> = data.within(zone).iter().map(|record| json!({"type": "dns_custom_records", "id": record.id.to_string(),
                    "attributes": {"prefix": relative(&record.fqdn, zone), "type": "TXT", "content": record.value, "priority": 0, "ttl": 600}})).collect();
                reply(200, &json!({"result": {"data": list}, "metadata": null}))
            }
            ("POST", []) => {
                let attributes = asked.json()["attributes"].clone();
                data.least_ttl = attributes["ttl"].as_u64();
                let id = data.add(&whole(attributes["prefix"].as_str().unwrap(), zone), attributes["content"].as_str().unwrap());
                reply(200, &json!({"result": {"data": {"id": id.to_string()}}, "metadata": null}))
            }
            ("DELETE", [id]) if data.remove(id.parse().unwrap()) => reply(200, &json!({"result": null, "metadata": null})),
            _ => reply(404, &json!({"code": "CRMRST_000001", "message": "Record not found"})),
        },
        _ => missing(),
    }
}
