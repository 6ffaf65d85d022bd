//! `NameSilo`, XML answers; everything is asked by GET.

use super::super::world::{Asked, Data, Reply, Service, whole};

pub(super) const SERVICE: Service = Service {
    code: "namesilo",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.query("key") == "right-key",
    refuse: || answer(110, "Invalid API Key", ""),
    serve,
    changes: |asked| asked.path.contains("Add") || asked.path.contains("Delete"),
    min_ttl: 3600,
    ..Service::PLAIN
};

fn answer(code: u32, detail: &str, inside: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\"?><namesilo><request><operation>x</operation><ip>127.0.0.1</ip></request>\
         <reply><code>{code}</code><detail>{detail}</detail>{inside}</reply></namesilo>"
    );
    Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body,
    }
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!((asked.query("version"), asked.query("type")), ("1", "xml"));
    let zone = asked.query("domain");
    match asked.path.as_str() {
        "/listDomains" => {
            let list: String = data
                .zones
                .iter()
                .map(|zone| format!("<domain created=\"2019-01-01\" expires=\"2030-01-01\">{zone}</domain>"))
                .collect();
            answer(300, "success", &format!("<domains>{list}</domains>"))
        }
        _ if !data.has_zone(zone) => answer(
            200,
            "Domain is not active, or does not belong to this user",
            "",
        ),
        "/dnsListRecords" => {
            let list = data.within(zone).into_iter().map(|record| {
                format!("<resource_record><record_id>{}</record_id><type>TXT</type><host>{}</host><value>{}</value><ttl>3600</ttl><distance>0</distance></resource_record>",
                    record.id, record.fqdn, record.value)
            });
            let list: String = list.collect();
            answer(300, "success", &list)
        }
        "/dnsAddRecord" if data.at(&whole(asked.query("rrhost"), zone)).iter().any(|one| one.value == asked.query("rrvalue")) => {
            answer(280, "could not add resource record to domain since it already exists (duplicate)", "")
        }
        "/dnsAddRecord" => {
            assert_eq!(asked.query("rrtype"), "TXT");
            assert!(!asked.query("rrhost").ends_with(zone), "the domain would be there twice");
            data.least_ttl = asked.query("rrttl").parse().ok();
            let id = data.add(&whole(asked.query("rrhost"), zone), asked.query("rrvalue"));
            answer(300, "success", &format!("<record_id>{id}</record_id>"))
        }
        "/dnsDeleteRecord" => match data.remove(asked.query("rrid").parse().unwrap()) {
            true => answer(300, "success", ""),
            false => answer(
                280,
                "could not delete resource record because it does not exist",
                "",
            ),
        },
        _ => answer(101, "HTTPS not used", ""),
    }
}
