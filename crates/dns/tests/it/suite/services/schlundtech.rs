//! Schlundtech's XML gateway: tasks with numbers; what is there already is added, and what is gone removed, without a word.

use super::super::world::{Asked, Data, Reply, Service, relative, whole};
use super::{between, xml_reply};

pub(super) const SERVICE: Service = Service {
    code: "schlundtech",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |_, asked| asked.body.contains("<auth><user>anna</user><password>right-password</password><context>10</context></auth>"),
    refuse: || response("error", "EF00202", "Authentication failed.", ""),
    serve,
    changes: |asked| asked.body.contains("<code>0202001</code>"),
    ..Service::PLAIN
};

fn response(kind: &str, code: &str, text: &str, data: &str) -> Reply {
    xml_reply(200, &format!("<response><result>{data}<status><code>{code}</code><text>{text}</text><type>{kind}</type></status></result><stid>1</stid></response>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.body.as_str();
    let of_zone = between(body, "<zone>", "</zone>");
    if body.contains("<code>0205</code>") && !of_zone.is_empty() {
        let zone = between(of_zone, "<name>", "</name>");
        if !data.has_zone(zone) {
            return response("error", "EF02005", "zone not found", "");
        }
        let rows: String = data.within(zone).iter().map(|record| format!("<rr><name>{}</name><ttl>600</ttl><type>TXT</type><value>{}</value></rr>", relative(&record.fqdn, zone), record.value)).collect();
        let main = "<rr><name>www</name><type>A</type><value>192.0.2.1</value></rr>";
        return response("success", "S0205", "done", &format!("<data><zone><name>{zone}</name><system_ns>a.ns14.net</system_ns><soa><ttl>86400</ttl></soa>{main}{rows}</zone></data>"));
    }
    if body.contains("<code>0205</code>") {
        let name = between(body, "<value>", "</value>");
        assert!(body.contains("<key>name</key><operator>eq</operator>"));
        assert!(body.contains("<limit>1</limit>"));
        let found = match data.has_zone(name) {
            true => format!("<data><summary>1</summary><zone><name>{name}</name><system_ns>a.ns14.net</system_ns></zone></data>"),
            false => "<data><summary>0</summary></data>".to_owned(),
        };
        return response("success", "S0205", "done", &found);
    }
    let zone = between(between(body, "<zone>", "</zone>"), "<name>", "</name>");
    if !data.has_zone(zone) || !body.contains("<system_ns>a.ns14.net</system_ns>") {
        return response("error", "EF02005", "zone not found", "");
    }
    let record = between(body, "<default>", "</default>");
    assert_eq!(between(record, "<type>", "</type>"), "TXT");
    let fqdn = whole(between(record, "<name>", "</name>"), zone);
    let value = between(record, "<value>", "</value>");
    let there = data.at(&fqdn).into_iter().find(|one| one.value == value);
    match (record.contains("<rr_add>"), there) {
        (true, None) => {
            data.least_ttl = between(record, "<ttl>", "</ttl>").parse().ok();
            data.add(&fqdn, value);
        }
        (false, Some(one)) => {
            assert_eq!(between(record, "<ttl>", "</ttl>"), "600", "a record with another TTL is another record");
            data.remove(one.id);
        }
        _ => {}
    }
    response("success", "S0202", "done", "")
}
