//! one.com: the panel sends to Keycloak's log-in and is led back to; then JSON, about one domain at a time.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{by_method, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "one",
    settings: &[("user", "anna@example.com"), ("password", "right-password")],
    wrong: &[("user", "anna@example.com"), ("password", "wrong-password")],
    knows: |data, asked| asked.path.starts_with("/account/") || asked.path == "/admin/" || asked.header("cookie").contains(&format!("OneSIDCrmAdmin=session-{};", data.sessions)) || asked.header("cookie").ends_with(&format!("OneSIDCrmAdmin=session-{}", data.sessions)),
    refuse: to_login,
    serve,
    changes: |asked| by_method(asked) && asked.path.starts_with("/admin/api/"),
    end_session: Some(|data| data.sessions += 1),
    places: &[("login_url", "/account")],
    cookie: true,
    login_requests: 3,
    ..Service::PLAIN
};

fn redirect(to: &str, cookies: &[&str]) -> Reply {
    let mut answer = text_reply(302, "");
    answer.headers.push(("location".to_owned(), to.to_owned()));
    let cookies = cookies.iter().map(|cookie| ("set-cookie".to_owned(), (*cookie).to_owned()));
    answer.headers.extend(cookies);
    answer
}

fn to_login() -> Reply {
    let page = "/account/auth/realms/customer/protocol/openid-connect/auth?response_type=code&client_id=crm-appsrv&redirect_uri=panel&state=s1&login=true&scope=openid";
    redirect(page, &["OAuth_Token_Request_State=s1; Path=/; Secure; HttpOnly"])
}

fn login_page(words: &str) -> Reply {
    let told = match words {
        "" => String::new(),
        words => format!("<div class=\"alert alert-error\"><span class=\"kc-feedback-text\">{words}</span></div>"),
    };
    let mut page = text_reply(200, &format!("<html>{told}<form id=\"kc-form-login\" class=\"Login-form login autofill\" onsubmit=\"login.disabled = true; return true;\" action=\"/account/auth/realms/customer/login-actions/authenticate?session_code=c1&amp;execution=e1&amp;client_id=crm-appsrv&amp;tab_id=t1\" method=\"post\"><input name=\"username\"/><input name=\"password\" type=\"password\"/><input type=\"hidden\" name=\"credentialId\"/></form></html>"));
    page.headers.push(("set-cookie".to_owned(), "AUTH_SESSION_ID=a1; Path=/auth/realms/customer/; Secure; HttpOnly".to_owned()));
    page
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let cookie = asked.header("cookie").to_owned();
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["account", "auth", "realms", "customer", "protocol", "openid-connect", "auth"]) => login_page(""),
        ("POST", ["account", "auth", "realms", "customer", "login-actions", "authenticate"]) => {
            let is_session = cookie.contains("AUTH_SESSION_ID=a1") && asked.query("session_code") == "c1" && asked.query("tab_id") == "t1";
            assert!(asked.body.contains("credentialId="), "the form's hidden field is missing");
            match (is_session, asked.given("username").as_str(), asked.given("password").as_str()) {
                (false, ..) => text_reply(400, "<html><span class=\"kc-feedback-text\">Your login attempt timed out</span></html>"),
                (true, "anna@example.com", "right-password") => redirect("/admin/?state=s1&code=k1", &["KEYCLOAK_IDENTITY=i1; Path=/auth/realms/customer/; HttpOnly"]),
                _ => login_page("Invalid username or password."),
            }
        }
        ("GET", ["admin"]) if asked.query("code") == "k1" && cookie.contains("OAuth_Token_Request_State=s1") => {
            data.labels = data.zones.first().cloned().into_iter().collect();
            let session = format!("OneSIDCrmAdmin=session-{}; Path=/admin; HttpOnly", data.sessions);
            redirect("/admin/overview.do", &[&session, "OAuth_Token_Request_State=; Max-Age=0; Path=/"])
        }
        ("GET", ["admin"]) => to_login(),
        ("GET", ["admin", "overview.do"]) => text_reply(200, "<html>Welcome</html>"),
        ("GET", ["admin", "select-admin-domain.do"]) => {
            if data.has_zone(asked.query("domain")) {
                data.labels = vec![asked.query("domain").to_owned()];
            }
            redirect("/admin/overview.do", &[])
        }
        (method, ["admin", "api", "domains", zone, "dns", "custom_records", rest @ ..]) if data.labels.iter().any(|chosen| chosen == zone) => records(data, asked, method, zone, rest),
        _ => reply(404, &json!({"code": "CRMRST_000302", "message": "Domain not found"})),
    }
}

fn records(data: &mut Data, asked: &Asked, method: &str, zone: &str, rest: &[&str]) -> Reply {
    match (method, rest) {
        ("GET", []) => {
            let own = json!({"type": "dns_service_records", "id": "1", "attributes": {"prefix": "", "type": "A", "content": "192.0.2.1", "priority": 0, "ttl": 3600}});
            let custom = data.within(zone).into_iter().map(|record| json!({"type": "dns_custom_records", "id": record.id.to_string(),
                "attributes": {"prefix": relative(&record.fqdn, zone), "type": "TXT", "content": record.value, "priority": 0, "ttl": 600}}));
            let list: Vec<Value> = std::iter::once(own).chain(custom).collect();
            reply(200, &json!({"result": {"data": list}, "metadata": null}))
        }
        ("POST", []) => {
            let body = asked.json();
            assert_eq!(body["type"], "dns_custom_records");
            let attributes = &body["attributes"];
            assert_eq!((&attributes["type"], &attributes["priority"]), (&json!("TXT"), &json!(0)));
            data.least_ttl = Some(attributes["ttl"].as_u64().unwrap());
            let id = data.add(&whole(attributes["prefix"].as_str().unwrap(), zone), attributes["content"].as_str().unwrap());
            reply(200, &json!({"result": {"data": {"type": "dns_custom_records", "id": id.to_string(), "attributes": attributes}}, "metadata": null}))
        }
        ("DELETE", [id]) if data.remove(id.parse().unwrap()) => reply(200, &json!({"result": null, "metadata": null})),
        _ => reply(404, &json!({"code": "CRMRST_000001", "message": "Record not found"})),
    }
}
