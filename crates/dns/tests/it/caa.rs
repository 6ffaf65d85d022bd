//! CAA records found by climbing, through the own server.

use evercert_dns::server::{RecordData, ZoneConfig};
use evercert_dns::{CaaIssuer, CaaVerdict};

use crate::harness::{own_server, quick, resolver};

fn issue(value: &str) -> RecordData {
    RecordData::Caa(0, "issue".to_owned(), value.to_owned())
}

#[tokio::test]
async fn the_nearest_records_count_and_an_alias_is_followed() {
    let alias = RecordData::Cname("target.example.net".to_owned());
    let zones = vec![
        ZoneConfig::new("example.org")
            .with("@", issue("ca.example"))
            .with("inner", issue(";"))
            .with("alias", alias),
        ZoneConfig::new("example.net").with("target", issue("behind.example")),
    ];
    let server = own_server(zones).await;
    let names = [
        "a.b.example.org",
        "*.inner.example.org",
        "alias.example.org",
        "example.net",
    ];

    let tree = resolver(server.local_addr()).caa(names).await;

    let found = names.map(|name| {
        let set = tree.of(name).unwrap();
        set.map(|set| (set.owner, set.records[0].value.clone()))
    });
    let some = |owner: &str, value: &str| Some((owner.to_owned(), value.to_owned()));
    assert_eq!(
        found,
        [
            some("example.org", "ca.example"),
            some("inner.example.org", ";"),
            some("alias.example.org", "behind.example"),
            None,
        ]
    );
}

#[tokio::test]
async fn flags_and_parameters_arrive() {
    let value = "ca.example; accounturi=https://ca.example/1";
    let zone = ZoneConfig::new("example.org")
        .with("@", RecordData::Caa(128, "tbs".to_owned(), "x".to_owned()))
        .with("www", issue(value));
    let server = own_server(vec![zone]).await;
    let tree = resolver(server.local_addr())
        .caa(["www.example.org", "example.org"])
        .await;
    let identities = ["ca.example".to_owned()];
    let issuer = CaaIssuer {
        identities: &identities,
        account: Some("https://ca.example/2"),
        method: "dns-01",
        wildcard: false,
    };

    let judged = |name| tree.of(name).unwrap().unwrap().verdict(&issuer);

    let other = CaaVerdict::OtherAccount("https://ca.example/1".to_owned());
    assert_eq!(judged("www.example.org"), other);
    let unknown = CaaVerdict::UnknownCritical("tbs".to_owned());
    assert_eq!(judged("example.org"), unknown);
}

#[tokio::test]
async fn a_server_that_fails_is_told_apart_from_no_records() {
    // A circle of CNAMEs makes the server answer SERVFAIL.
    let to = |name: &str| RecordData::Cname(name.to_owned());
    let zone = ZoneConfig::new("example.org")
        .with("a", to("b.example.org"))
        .with("b", to("a.example.org"));
    let server = own_server(vec![zone]).await;
    let resolver = resolver(server.local_addr()).with_limits(quick());

    let tree = resolver.caa(["a.example.org", "www.example.org"]).await;

    assert!(tree.of("a.example.org").unwrap_err().is_server_failure());
    assert_eq!(tree.of("www.example.org").unwrap(), None);
}
