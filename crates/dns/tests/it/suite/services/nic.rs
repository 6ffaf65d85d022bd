//! nic.ru: a token by password, XML, and a commit that publishes.

use serde_json::json;

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{basic, between, by_method, xml_reply};

pub(super) const SERVICE: Service = Service {
    code: "nic",
    settings: &[("username", "1/NIC-D"), ("password", "right-password"), ("client_id", "id"), ("client_secret", "right-secret")],
    wrong: &[("username", "1/NIC-D"), ("password", "wrong-password"), ("client_id", "id"), ("client_secret", "right-secret")],
    knows: |_, _| true,
    serve,
    changes: |asked| by_method(asked) && asked.path.contains("/records"),
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn failed(code: u32, text: &str) -> Reply {
    xml_reply(200, &format!("<response><status>fail</status><errors><error code=\"{code}\">{text}</error></errors></response>"))
}

fn done(inside: &str) -> Reply {
    xml_reply(200, &format!("<response><status>success</status><data>{inside}</data></response>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    if asked.path == "/oauth/token" {
        assert_eq!(asked.given("scope"), "(GET|PUT|POST|DELETE):/dns-master/.+");
        let is_right = asked.header("authorization") == basic("id", "right-secret")
            && (asked.given("grant_type"), asked.given("username"), asked.given("password")) == ("password".to_owned(), "1/NIC-D".to_owned(), "right-password".to_owned());
        return match is_right {
            true => reply(200, &json!({"access_token": format!("session-{}", data.sessions), "expires_in": 14400, "token_type": "Bearer"})),
            false => reply(400, &json!({"error": "invalid_grant"})),
        };
    }
    if asked.header("authorization") != format!("Bearer session-{}", data.sessions) {
        return failed(4097, "Access token expired");
    }
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["dns-master", "zones"]) => {
            let zones = data.zones.iter();
            let list: String = zones.map(|zone| format!("<zone admin=\"1/NIC-D\" enable=\"true\" id=\"1\" idn-name=\"{zone}\" name=\"{zone}\" service=\"SVC\"/>")).collect();
            done(&list)
        }
        (method, ["dns-master", "services", "SVC", "zones", zone, rest @ ..]) if data.has_zone(zone) => match (method, rest) {
            ("GET", ["records"]) => {
                let list: String = data.within(zone).iter().map(|record| format!("<rr id=\"{}\"><name>{}</name><idn-name>x</idn-name><ttl>120</ttl><type>TXT</type><txt><string>{}</string></txt></rr>",
                    record.id, relative(&record.fqdn, zone), record.value)).collect();
                done(&format!("<zone name=\"{zone}\" service=\"SVC\"><rr id=\"9000\"><name>@</name><type>SOA</type><soa><serial>1</serial></soa></rr>{list}</zone>"))
            }
            ("PUT", ["records"]) => {
                assert_eq!(between(&asked.body, "<type>", "</type>"), "TXT");
                data.begin();
                data.least_ttl = between(&asked.body, "<ttl>", "</ttl>").parse().ok();
                let fqdn = whole(between(&asked.body, "<name>", "</name>"), zone);
                let id = data.add(&fqdn, between(&asked.body, "<string>", "</string>"));
                done(&format!("<zone name=\"{zone}\"><rr id=\"{id}\"><name>x</name></rr></zone>"))
            }
            ("DELETE", ["records", id]) => {
                data.begin();
                match data.remove(id.parse().unwrap()) {
                    true => done(""),
                    false => failed(4099, "no such record"),
                }
            }
            ("POST", ["commit"]) => {
                data.commit();
                done("")
            }
            _ => failed(4000, "unknown call"),
        },
        _ => failed(4096, "no such zone"),
    }
}
