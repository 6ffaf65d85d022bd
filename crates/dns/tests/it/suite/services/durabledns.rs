//! durabledns: SOAP 1.1, RPC and encoded; a list shows thirty characters of a value.

use super::super::world::{Asked, Data, Reply, Service, relative, whole};
use super::{between, xml_reply};

pub(super) const SERVICE: Service = Service {
    code: "durabledns",
    settings: &[("user", "anna"), ("key", "right-key")],
    wrong: &[("user", "anna"), ("key", "wrong-key")],
    knows: |_, asked| param(asked, "apiuser") == "anna" && param(asked, "apikey") == "right-key",
    refuse: || envelope("<SOAP-ENV:Fault><faultcode>Client</faultcode><faultstring>Authentication failed: invalid API key</faultstring></SOAP-ENV:Fault>"),
    serve,
    changes: |asked| asked.path.contains("create") || asked.path.contains("delete"),
    ..Service::PLAIN
};

fn param<'a>(asked: &'a Asked, name: &str) -> &'a str {
    let element = between(&asked.body, &format!("<{name} xsi:type="), &format!("</{name}>"));
    element.split_once('>').map_or("", |(_, text)| text)
}

fn envelope(inside: &str) -> Reply {
    xml_reply(200, &format!("<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
        <SOAP-ENV:Body>{inside}</SOAP-ENV:Body></SOAP-ENV:Envelope>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let name = asked.path.trim_start_matches('/').trim_end_matches(".php").to_owned();
    assert_eq!(asked.header("soapaction").trim_matches('"'), format!("urn:{name}wsdl#{name}"));
    assert!(asked.header("content-type").starts_with("text/xml"));
    let respond = |inside: &str| envelope(&format!("<{name}Response><return>{inside}</return></{name}Response>"));
    let zone = param(asked, "zonename").trim_end_matches('.').to_owned();
    match name.as_str() {
        "listZones" => {
            let list: String = data.zones.iter().map(|zone| format!("<item><origin xsi:type=\"xsd:string\">{zone}.</origin></item>")).collect();
            respond(&list)
        }
        _ if !data.has_zone(&zone) => respond("Zone does not exist"),
        "listRecords" => {
            let cut = |text: &str| text.chars().take(30).collect::<String>();
            let list: String = data.within(&zone).iter().map(|record| format!("<item><id>{}</id><name>{}</name><type>TXT</type><data>{}</data></item>",
                record.id, relative(&record.fqdn, &zone), cut(&record.value))).collect();
            respond(&list)
        }
        "createRecord" => {
            assert_eq!((param(asked, "type"), param(asked, "ddns_enabled")), ("TXT", "N"));
            data.least_ttl = param(asked, "ttl").parse().ok();
            let id = data.add(&whole(param(asked, "name"), &zone), param(asked, "data"));
            respond(&id.to_string())
        }
        "deleteRecord" => match data.remove(param(asked, "id").parse().unwrap()) {
            true => respond("Success"),
            false => respond("Record does not exist"),
        },
        other => panic!("{other}"),
    }
}
