//! Namecheap: all hosts of a domain in one request; whatever is left out is gone.

use super::super::world::{Asked, Data, Reply, Service, relative, whole};
use super::xml_reply;

pub(super) const SERVICE: Service = Service {
    code: "namecheap",
    settings: &[("user", "anna"), ("key", "right-key"), ("client_ip", "192.0.2.7")],
    wrong: &[("user", "anna"), ("key", "wrong-key"), ("client_ip", "192.0.2.7")],
    knows: |_, asked| (asked.given("ApiUser").as_str(), asked.given("UserName").as_str(), asked.given("ApiKey").as_str()) == ("anna", "anna", "right-key"),
    refuse: || failed(1_011_102, "API Key is invalid or API access has not been enabled"),
    serve,
    changes: |asked| asked.body.contains("setHosts"),
    min_ttl: 60,
    // Domains as they are registered, whatever zones there are below.
    zoneless: true,
    ..Service::PLAIN
};

const OTHERS: &str = "<host HostId=\"1\" Name=\"@\" Type=\"MX\" Address=\"mx.example.com.\" MXPref=\"5\" TTL=\"1799\" AssociatedAppTitle=\"\" FriendlyName=\"\" IsActive=\"true\" IsDDNSEnabled=\"false\" />\
    <host HostId=\"2\" Name=\"www\" Type=\"A\" Address=\"192.0.2.1\" MXPref=\"10\" TTL=\"1800\" IsActive=\"true\" />";

fn failed(number: u32, text: &str) -> Reply {
    xml_reply(200, &format!("<ApiResponse Status=\"ERROR\" xmlns=\"http://api.namecheap.com/xml.response\"><Errors><Error Number=\"{number}\">{text}</Error></Errors><CommandResponse/></ApiResponse>"))
}

fn ok(inside: &str) -> Reply {
    xml_reply(200, &format!("<ApiResponse Status=\"OK\" xmlns=\"http://api.namecheap.com/xml.response\"><Errors/><CommandResponse>{inside}</CommandResponse></ApiResponse>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!(asked.given("ClientIp"), "192.0.2.7");
    let zone = format!("{}.{}", asked.given("SLD"), asked.given("TLD"));
    match asked.given("Command").as_str() {
        "namecheap.domains.getList" => ok("<DomainGetListResult><Domain Name=\"example.com\" /></DomainGetListResult>"),
        _ if !data.has_zone(&zone) => failed(2_019_166, "Domain name not found"),
        "namecheap.domains.dns.getHosts" => {
            let own: String = data.within(&zone).iter().map(|record| {
                let name = match relative(&record.fqdn, &zone).as_str() { "" => "@".to_owned(), sub => sub.to_owned() };
                format!("<host HostId=\"{}\" Name=\"{name}\" Type=\"TXT\" Address=\"{}\" MXPref=\"10\" TTL=\"60\" />", record.id + 10, record.value)
            }).collect();
            ok(&format!("<DomainDNSGetHostsResult Domain=\"{zone}\" EmailType=\"MX\" IsUsingOurDNS=\"true\">{OTHERS}{own}</DomainDNSGetHostsResult>"))
        }
        "namecheap.domains.dns.setHosts" => {
            let of = |key: &str, number: usize| asked.given(&format!("{key}{number}"));
            let hosts: Vec<[String; 5]> = (1..).take_while(|number| !of("HostName", *number).is_empty())
                .map(|number| ["HostName", "RecordType", "Address", "MXPref", "TTL"].map(|key| of(key, number))).collect();
            let kept = |host: [&str; 5]| assert!(hosts.iter().any(|one| one.iter().eq(host.iter())), "{host:?} is lost");
            kept(["@", "MX", "mx.example.com.", "5", "1799"]);
            kept(["www", "A", "192.0.2.1", "10", "1800"]);
            assert_eq!(asked.given("EmailType"), "MX");
            let end = format!(".{zone}");
            data.records.retain(|record| record.fqdn != zone && !record.fqdn.ends_with(&end));
            for [name, kind, address, _, ttl] in hosts {
                if kind == "TXT" {
                    data.least_ttl = ttl.parse().ok();
                    data.add(&whole(&name, &zone), &address);
                }
            }
            ok(&format!("<DomainDNSSetHostsResult Domain=\"{zone}\" IsSuccess=\"true\" />"))
        }
        other => panic!("{other}"),
    }
}
