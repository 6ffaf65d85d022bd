//! Zones and CNAMEs found through the own server.

use std::net::Ipv4Addr;

use evercert_dns::server::{RecordData, ZoneConfig};
use evercert_dns::{LookupError, Resolver};

use crate::harness::{NAME, own_server, quick, resolver};
use crate::propagation::servers_of;

#[tokio::test]
async fn the_zone_is_found_from_any_name_below() {
    let zones = vec![
        ZoneConfig::new("example.org").with("www", RecordData::A([192, 0, 2, 1].into())),
        ZoneConfig::new("child.example.org"),
    ];
    let server = own_server(zones).await;
    let resolver = resolver(server.local_addr());

    for (name, expected) in [
        ("_acme-challenge.www.example.org", "example.org"),
        ("www.example.org", "example.org"),
        ("Example.ORG.", "example.org"),
        ("_acme-challenge.child.example.org", "child.example.org"),
        ("a.b.c.child.example.org", "child.example.org"),
    ] {
        let zone = resolver.find_zone(name).await.unwrap();
        assert_eq!(zone.name, expected, "{name}");
        assert_eq!(zone.nameservers, [server.local_addr()], "{name}");
    }
}

#[tokio::test]
async fn an_alias_does_not_lead_the_search_astray() {
    let alias = RecordData::Cname("target.example.net".to_owned());
    let zones = vec![
        ZoneConfig::new("example.org").with("_acme-challenge", alias),
        ZoneConfig::new("example.net"),
    ];
    let server = own_server(zones).await;
    let resolver = resolver(server.local_addr());

    let zone = resolver
        .zone_name("_acme-challenge.example.org")
        .await
        .unwrap();

    assert_eq!(zone, "example.org");
}

#[tokio::test]
async fn names_that_nobody_holds_have_no_zone() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let resolver = resolver(server.local_addr());

    let error = resolver.zone_name("www.example.net").await.unwrap_err();
    assert!(matches!(error, LookupError::Refused { .. }), "{error}");
    // A server of the top-level domain answers, but nobody's certificate lies there.
    let top = own_server(vec![ZoneConfig::new("net")]).await;
    let above = crate::harness::resolver(top.local_addr());
    let error = above.zone_name("www.example.net").await.unwrap_err();
    assert!(matches!(error, LookupError::NoZone(_)), "{error}");
    assert!(error.remedy().contains("delegated"));
}

#[tokio::test]
async fn aliases_are_followed_to_the_name_that_is_written() {
    let alias = |target: &str| RecordData::Cname(target.to_owned());
    let zones = vec![
        ZoneConfig::new("example.org")
            .with("_acme-challenge", alias("first.example.net"))
            .with("loop-a", alias("loop-b.example.org"))
            .with("loop-b", alias("loop-a.example.org"))
            .with("out", alias("name.of-somebody-else.example")),
        ZoneConfig::new("example.net").with("first", alias("_acme.not-there-yet.example.net")),
    ];
    let server = own_server(zones).await;
    let resolver = resolver(server.local_addr());

    for (name, effective) in [
        (
            "_acme-challenge.example.org",
            "_acme.not-there-yet.example.net",
        ),
        ("out.example.org", "name.of-somebody-else.example"),
        ("Plain.example.org", "plain.example.org"),
    ] {
        assert_eq!(resolver.follow_cname(name).await.unwrap(), effective);
    }
    let error = resolver
        .follow_cname("loop-a.example.org")
        .await
        .unwrap_err();
    assert!(matches!(error, LookupError::CnameLoop(_)), "{error}");
}

#[tokio::test]
async fn a_chain_that_is_too_long_is_a_loop() {
    let mut zone = ZoneConfig::new("example.org");
    for link in 0..20 {
        let target = RecordData::Cname(format!("link{}.example.org", link + 1));
        zone = zone.with(&format!("link{link}"), target);
    }
    let server = own_server(vec![zone]).await;
    let resolver = resolver(server.local_addr());

    assert!(resolver.follow_cname("link0.example.org").await.is_err());
    let end = resolver.follow_cname("link12.example.org").await.unwrap();
    assert_eq!(end, "link20.example.org");
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_down() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let gone = own_server(vec![]).await;
    let down = gone.local_addr();
    gone.shutdown().await;
    let resolver = Resolver::with_servers([down, server.local_addr()]).with_limits(quick());

    assert_eq!(
        resolver.zone_name("example.org").await.unwrap(),
        "example.org"
    );
    let alone = Resolver::with_servers([down]).with_limits(quick());
    let error = alone.zone_name("example.org").await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn all_kinds_of_records_are_read() {
    let zone = ZoneConfig::new("example.org")
        .with("www", RecordData::A([192, 0, 2, 1].into()))
        .with("www", RecordData::Aaaa("2001:db8::1".parse().unwrap()))
        .with("alias", RecordData::Cname("www.example.org".to_owned()))
        .with("text", RecordData::Txt("t".repeat(700)));
    let server = own_server(vec![zone]).await;
    let resolver = resolver(server.local_addr());

    let address: Ipv4Addr = [192, 0, 2, 1].into();
    assert_eq!(resolver.a("www.example.org").await.unwrap(), [address]);
    assert_eq!(resolver.a("alias.example.org").await.unwrap(), [address]);
    assert_eq!(resolver.aaaa("www.example.org").await.unwrap().len(), 1);
    assert_eq!(
        resolver.ns("example.org").await.unwrap(),
        ["ns1.example.org"]
    );
    let cname = resolver.cname("alias.example.org").await.unwrap();
    assert_eq!(cname.as_deref(), Some("www.example.org"));
    // Longer than a datagram: comes over TCP.
    let text = resolver.txt("text.example.org").await.unwrap();
    assert_eq!(text, ["t".repeat(700)]);
    let soa = resolver.soa("nothing.example.org").await.unwrap().unwrap();
    assert_eq!(
        (soa.zone.as_str(), soa.primary.as_str()),
        ("example.org", "ns1.example.org")
    );
    assert_eq!(soa.negative_ttl, 1);
}

#[tokio::test]
async fn challenge_names_are_looked_up_where_nobody_remembers_that_they_were_not_there() {
    let authority = Ipv4Addr::new(127, 0, 0, 3);
    let zone = || ZoneConfig::new("example.org").with_nameservers(&[authority]);
    let alias = RecordData::Cname("target.example.org".to_owned());
    let told = zone().with("_acme-challenge.www", alias);
    // The first stands for a resolver, the second for the zone's own server.
    let (first, second) = servers_of(zone(), told).await;
    let resolver = resolver(first.local_addr());

    let zone = resolver.find_zone_quietly(NAME).await.unwrap();
    assert_eq!(zone.nameservers, [second.local_addr()]);
    let effective = resolver.follow_cname(NAME).await.unwrap();
    assert_eq!(effective, "target.example.org");

    // Where the zone's own server cannot be asked, the resolver is.
    second.shutdown().await;
    assert_eq!(resolver.follow_cname(NAME).await.unwrap(), NAME);
}

#[tokio::test]
async fn a_zone_that_begins_at_the_challenge_name_is_found() {
    let zones = vec![ZoneConfig::new("example.org"), ZoneConfig::new(NAME)];
    let server = own_server(zones).await;

    let zone = resolver(server.local_addr()).find_zone_quietly(NAME).await;

    assert_eq!(zone.unwrap().name, NAME);
}
