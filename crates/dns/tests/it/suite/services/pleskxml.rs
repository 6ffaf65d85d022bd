//! Plesk's XML interface: a packet in, a packet out, whatever the status.

use super::super::world::{Asked, Data, Reply, Service, whole};
use super::{between, xml_reply, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "pleskxml",
    settings: &[("user", "admin"), ("password", "right&password")],
    wrong: &[("user", "admin"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("http_auth_login") == "admin" && asked.header("http_auth_passwd") == "right&password",
    refuse: || {
        xml_reply(200, "<packet version=\"1.6.9.1\"><system><status>error</status><errcode>1001</errcode><errtext>You have entered incorrect username or password.</errtext></system></packet>")
    },
    serve,
    changes: |asked| asked.body.contains("<add_rec>") || asked.body.contains("<del_rec>"),
    ..Service::PLAIN
};

fn packet(open: &str, close: &str, results: &str) -> Reply {
    xml_reply(200, &format!("<packet version=\"1.6.9.1\">{open}{results}{close}</packet>"))
}

fn failed(code: u32, text: &str) -> String {
    format!("<result><status>error</status><errcode>{code}</errcode><errtext>{text}</errtext></result>")
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.body.as_str();
    assert!(asked.header("content-type").starts_with("text/xml"));
    if body.contains("<site><get>") {
        let name = between(body, "<name>", "</name>");
        let result = match data.has_zone(name) {
            true => format!("<result><status>ok</status><filter-id>{name}</filter-id><id>{}</id><data><gen_info><name>{name}</name></gen_info></data></result>", zone_number(data, name)),
            false => failed(1013, "site does not exist"),
        };
        return packet("<site><get>", "</get></site>", &result);
    }
    if body.contains("<get_rec>") {
        let zone = zone_numbered(data, between(body, "<site-id>", "</site-id>")).unwrap();
        let own = format!("<result><status>ok</status><id>9001</id><data><site-id>1</site-id><type>NS</type><host>{zone}.</host><value>ns.{zone}.</value><opt/></data></result>");
        let records = data.within(&zone).into_iter().map(|record| {
            format!("<result><status>ok</status><id>{}</id><data><site-id>1</site-id><type>TXT</type><host>{}.</host><value>{}</value><opt/></data></result>", record.id, record.fqdn, record.value)
        });
        let results: String = std::iter::once(own).chain(records).collect();
        return packet("<dns><get_rec>", "</get_rec></dns>", &results);
    }
    if body.contains("<add_rec>") {
        let zone = zone_numbered(data, between(body, "<site-id>", "</site-id>")).unwrap();
        assert_eq!(between(body, "<type>", "</type>"), "TXT");
        let fqdn = whole(between(body, "<host>", "</host>"), &zone);
        let value = between(body, "<value>", "</value>");
        let result = match data.at(&fqdn).iter().any(|record| record.value == value) {
            true => failed(1007, "Incorrect DNS record values were specified: the record already exists"),
            false => format!("<result><status>ok</status><id>{}</id></result>", data.add(&fqdn, value)),
        };
        return packet("<dns><add_rec>", "</add_rec></dns>", &result);
    }
    let id = between(body, "<id>", "</id>");
    let result = match data.remove(id.parse().unwrap()) {
        true => format!("<result><status>ok</status><id>{id}</id></result>"),
        false => failed(1013, "record does not exist"),
    };
    packet("<dns><del_rec>", "</del_rec></dns>", &result)
}
