//! durabledns: SOAP 1.1, RPC and encoded; a list shows thirty characters of a value.

use super::super::world::{Asked, Data, Reply, Service, relative, whole};
use super::between;

pub(super) const SERVICE: Service = Service {
    code: "durabledns",
    settings: &[("user", "anna"), ("key", "right-key")],
    wrong: &[("user", "anna"), ("key", "wrong-key")],
    knows: |_, asked| param(asked, "apiuser") == "anna" && param(asked, "apikey") == "right-key",
    refuse: || fault("Authentication failed: invalid API key"),
    serve,
    changes: |asked| asked.path.contains("create") || asked.path.contains("delete"),
    ..Service::PLAIN
};

/// The parameter's text; what is not typed as the service's description has it, it does not take.
fn param<'a>(asked: &'a Asked, name: &str) -> &'a str {
    let kind = match name {
        "id" | "aux" | "ttl" => "xsd:int",
        _ => "xsd:string",
    };
    between(&asked.body, &format!("<{name} xsi:type=\"{kind}\">"), &format!("</{name}>"))
}

/// In Latin-1, and with a prefix that stands for no name space, as in Libcloud's recordings.
fn envelope(status: u16, inside: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".to_owned(), "text/xml; charset=ISO-8859-1".to_owned())],
        body: format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" \
            xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
            xmlns:SOAP-ENC=\"http://schemas.xmlsoap.org/soap/encoding/\" xmlns:tns=\"urn:dns\"><SOAP-ENV:Body>{inside}</SOAP-ENV:Body></SOAP-ENV:Envelope>"),
    }
}

/// SOAP 1.1 §6.2: a fault has status 500.
fn fault(why: &str) -> Reply {
    envelope(500, &format!("<SOAP-ENV:Fault><faultcode xsi:type=\"xsd:string\">SERVER</faultcode><faultactor xsi:type=\"xsd:string\"></faultactor>\
        <faultstring xsi:type=\"xsd:string\">{why}</faultstring><detail xsi:type=\"xsd:string\"></detail></SOAP-ENV:Fault>"))
}

fn list(name: &str, kind: &str, items: &[String]) -> Reply {
    let items: String = items.iter().map(|item| format!("<item xsi:type=\"tns:{kind}\">{item}</item>")).collect();
    envelope(200, &format!("<ns1:{name}Response xmlns:ns1=\"\"><return xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"tns:{kind}[3]\">{items}</return></ns1:{name}Response>"))
}

fn said(name: &str, text: &str) -> Reply {
    envelope(200, &format!("<ns1:{name}Response xmlns:ns1=\"\"><return xsi:type=\"xsd:string\">{text}</return></ns1:{name}Response>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let name = asked.path.trim_start_matches('/').trim_end_matches(".php").to_owned();
    assert_eq!(asked.header("soapaction").trim_matches('"'), format!("urn:{name}wsdl#{name}"));
    assert!(asked.header("content-type").starts_with("text/xml"));
    assert!(asked.body.contains(&format!("xmlns:tns=\"urn:{name}wsdl\"")) && asked.body.contains(&format!("<tns:{name}")));
    if name == "listZones" {
        let items: Vec<String> = data.zones.iter().map(|zone| format!("<origin xsi:type=\"xsd:string\">{zone}.</origin>")).collect();
        return list(&name, "Zone", &items);
    }
    // A zone is known by its name with the final dot only.
    let Some(zone) = param(asked, "zonename").strip_suffix('.').filter(|zone| data.has_zone(zone)).map(str::to_owned) else {
        return fault("Zone does not exist");
    };
    match name.as_str() {
        "listRecords" => {
            let items: Vec<String> = data.within(&zone).iter().map(|record| {
                let cut: String = record.value.chars().take(30).collect();
                format!("<id xsi:type=\"xsd:int\">{}</id><name xsi:type=\"xsd:string\">{}</name><type xsi:type=\"xsd:string\">TXT</type><data xsi:type=\"xsd:string\">{cut}</data>",
                    record.id, relative(&record.fqdn, &zone))
            }).collect();
            list(&name, "Record", &items)
        }
        "createRecord" => {
            assert_eq!((param(asked, "type"), param(asked, "ddns_enabled"), param(asked, "aux")), ("TXT", "N", "0"));
            data.least_ttl = Some(param(asked, "ttl").parse().unwrap());
            let id = data.add(&whole(param(asked, "name"), &zone), param(asked, "data"));
            said(&name, &id.to_string())
        }
        "deleteRecord" => match data.remove(param(asked, "id").parse().unwrap()) {
            true => said(&name, "Success"),
            false => said(&name, "Record does not exists"),
        },
        other => panic!("{other}"),
    }
}
