//! dns.he.net: one page for everything, name and password in each form.

use super::super::world::{Asked, Data, Reply, Service};
use super::{text_reply, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "he",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |_, asked| asked.given("email") == "anna" && asked.given("pass") == "right-password",
    refuse: || page("<div id=\"dns_err\" onClick=\"hideThis(this);\">Incorrect</div>"),
    serve,
    changes: |asked| asked.body.contains("hosted_dns_editrecord=") || asked.body.contains("hosted_dns_delrecord="),
    min_ttl: 300,
    ..Service::PLAIN
};

fn page(inside: &str) -> Reply {
    text_reply(200, &format!("<!DOCTYPE html><html><head><title>Hurricane Electric Hosted DNS</title><script>var a = '<tr class=\"dns_tr\">';</script></head><body>{inside}</body></html>"))
}

fn zone_page(data: &Data, zone: &str, told: &str) -> Reply {
    let row = |id: u64, name: &str, kind: &str, value: &str| format!("<tr class=\"dns_tr\" id=\"{id}\" title=\"Click to edit this item.\" onclick=\"editRow(this)\">\
        <td class=\"hidden\">1</td><td class=\"hidden\">{id}</td><td width=\"95%\" class=\"dns_view\">{name}</td>\
        <td align=\"center\"><span class=\"rrlabel {kind}\" data=\"{kind}\" alt=\"{kind}\">{kind}</span></td><td align=\"left\">300</td><td align=\"center\">-</td>\
        <td align=\"left\" data=\"{value}\" onclick=\"event.cancelBubble=true;alert(this)\" title=\"\">{value}</td><td class=\"hidden\">0</td></tr>");
    let own = row(9000, zone, "A", "192.0.2.1");
    let records: String = data.within(zone).iter().map(|record| row(record.id, &record.fqdn, "TXT", &format!("&quot;{}&quot;", record.value))).collect();
    page(&format!("{told}<div id=\"dns_main_content\"><table class=\"generictable\">{own}{records}</table></div>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/"));
    let Some(zone) = zone_numbered(data, &asked.given("hosted_dns_zoneid")) else {
        let rows: String = data.zones.iter().map(|zone| format!("<tr><td><img alt=\"edit\" src=\"/e.png\" name=\"{zone}\" onclick=\"javascript:document.location.href='?hosted_dns_zoneid={}&menu=edit_zone&hosted_dns_editzone'\"></td><td><span>{zone}</span></td></tr>", zone_number(data, zone))).collect();
        return page(&format!("<table id=\"domains_table\" class=\"generictable\">{rows}</table>"));
    };
    assert_eq!(asked.given("menu"), "edit_zone");
    if asked.given("hosted_dns_editrecord") == "Submit" {
        assert_eq!((asked.given("Type").as_str(), asked.given("hosted_dns_editzone").as_str()), ("TXT", "1"));
        data.least_ttl = asked.given("TTL").parse().ok();
        data.add(&asked.given("Name"), &asked.given("Content"));
        let told = format!("<div id=\"dns_status\" onClick=\"hideThis(this);\">Successfully added new record to {zone}</div>");
        return zone_page(data, &zone, &told);
    }
    if asked.given("hosted_dns_delrecord") == "1" {
        assert_eq!(asked.given("hosted_dns_delconfirm"), "delete");
        let told = match data.remove(asked.given("hosted_dns_recordid").parse().unwrap()) {
            true => "<div id=\"dns_status\" onClick=\"hideThis(this);\">Successfully removed record.</div>",
            false => "<div id=\"dns_err\" onClick=\"hideThis(this);\">Unable to find record.</div>",
        };
        return zone_page(data, &zone, told);
    }
    zone_page(data, &zone, "")
}
