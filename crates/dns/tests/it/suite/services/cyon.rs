//! cyon: a log-in by script, a domain that is chosen, pieces of pages in JSON.

use serde_json::json;

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{text_reply, zone_number};

pub(super) const SERVICE: Service = Service {
    code: "cyon",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |data, asked| asked.path.starts_with("/auth/") || asked.header("cookie") == format!("CYON=session-{}", data.sessions),
    refuse: || text_reply(200, "<html><form id=\"login\" action=\"/auth/index/dologin-async\"></form></html>"),
    serve,
    changes: |asked| asked.path.ends_with("-record-async"),
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

/// The site shows and wants IDNA names in Unicode.
fn shown(zone: &str) -> &str {
    match zone {
        "xn--bcher-kva.example" => "bücher.example",
        other => other,
    }
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let is_script = asked.header("x-requested-with") == "XMLHttpRequest";
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/auth/index/dologin-async") if is_script => {
            if (asked.given("username").as_str(), asked.given("password").as_str(), asked.given("pathname").as_str()) != ("anna", "right-password", "/") {
                return reply(200, &json!({"onSuccess": "error", "message": "Wrong user name or password"}));
            }
            let mut answer = reply(200, &json!({"onSuccess": "success", "message": ""}));
            answer.headers.push(("set-cookie".to_owned(), format!("CYON=session-{}; path=/; HttpOnly", data.sessions)));
            answer
        }
        ("GET", "/") => text_reply(200, "<html>Welcome</html>"),
        ("GET", "/domain/") => {
            let rows: String = data.zones.iter().map(|zone| format!("<li><a class=\"d\" data-domain=\"{0}\" href=\"#\" data-itemkey=\"{1}\">{0}</a></li>", shown(zone), zone_number(data, zone))).collect();
            text_reply(200, &format!("<html><ul>{rows}</ul></html>"))
        }
        ("GET", path) if path.starts_with("/user/environment/setdomain/d/") => {
            let parts: Vec<&str> = path.split('/').collect();
            let (zone, key) = (parts[5].to_owned(), parts[7]);
            let known = data.zones.iter().find(|known| shown(known) == zone && zone_number(data, known).to_string() == key).cloned();
            data.labels = known.into_iter().collect();
            reply(200, &json!({"authenticated": !data.labels.is_empty(), "message": "The domain is not known"}))
        }
        ("GET", "/domain/dnseditor/list-async") => {
            let zone = data.labels.first().cloned().unwrap();
            let rows: String = data.within(&zone).iter().map(|record| format!("<tr><td>{0}</td><td><a data-hash=\"h{1}\" data-identifier=\"TXT|{0}.|{2}\">x</a></td></tr>", record.fqdn, record.id, record.value)).collect();
            reply(200, &json!({"data": {"html": format!("<table><tr><td><a data-hash=\"h0\" data-identifier=\"NS|{zone}.|ns1\">x</a></td></tr>{rows}</table>")}}))
        }
        ("POST", "/domain/dnseditor/add-record-async") if is_script => {
            assert_eq!(asked.given("type"), "TXT");
            data.least_ttl = asked.given("ttl").parse().ok();
            if asked.given("dnscontent").is_empty() {
                return reply(200, &json!({"status": true, "valid": false, "message": "The value must not be empty"}));
            }
            let fqdn = asked.given("name").strip_suffix('.').unwrap().to_owned();
            assert!(fqdn.ends_with(data.labels[0].as_str()), "the chosen domain is another");
            data.add(&fqdn, &asked.given("dnscontent"));
            reply(200, &json!({"status": true, "valid": true, "message": "saved"}))
        }
        ("POST", "/domain/dnseditor/delete-record-async") if is_script => {
            let found = data.records.iter().find(|record| format!("TXT|{}.|{}", record.fqdn, record.value) == asked.given("identifier") && format!("h{}", record.id) == asked.given("hash"));
            let id = found.map(|record| record.id);
            reply(200, &json!({"status": id.is_some_and(|id| data.remove(id)), "message": ""}))
        }
        _ => text_reply(404, "<html>not found</html>"),
    }
}
