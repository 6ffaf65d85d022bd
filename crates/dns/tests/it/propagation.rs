//! Watching values appear at authoritative servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use evercert_dns::server::{AuthServer, RecordData, ServerConfig, ZoneConfig};
use evercert_dns::{
    Agreement, Limits, Propagation, PropagationError, PropagationMode, Resolver, Servers, TxtTarget,
};
use evercert_testkit::{Bind, Zone, eventually, free_port, start_or_skip};

use crate::harness::{FIRST, NAME, SECOND, own_server, resolver};

const LEADER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const LAGGARD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// Two authoritative servers of one zone, on two loopback addresses and the same port.
async fn two_servers() -> (AuthServer, AuthServer) {
    let zone = || ZoneConfig::new("example.org").with_nameservers(&[LEADER, LAGGARD]);
    servers_of(zone(), zone()).await
}

/// Two servers on two loopback addresses and the same port, with a zone each.
pub(crate) async fn servers_of(first: ZoneConfig, second: ZoneConfig) -> (AuthServer, AuthServer) {
    let start = async |ip: Ipv4Addr, port: u16, zone: &ZoneConfig| {
        let config = ServerConfig {
            listen: (ip, port).into(),
            zones: vec![zone.clone()],
            ..ServerConfig::default()
        };
        AuthServer::start(config).await
    };
    loop {
        let leader = start(LEADER, free_port(), &first).await.unwrap();
        if let Ok(laggard) = start(LAGGARD, leader.local_addr().port(), &second).await {
            return (leader, laggard);
        }
    }
}

fn watch(server: SocketAddr) -> Propagation {
    Propagation {
        timeout: Duration::from_secs(10),
        ..Propagation::authoritative(resolver(server)).immediate()
    }
}

fn add(server: &AuthServer, value: &str) {
    let data = RecordData::Txt(value.to_owned());
    server.add(NAME, &data).unwrap();
}

fn targets() -> [TxtTarget; 2] {
    [TxtTarget::new(NAME, FIRST), TxtTarget::new(NAME, SECOND)]
}

#[tokio::test]
async fn values_that_are_there_are_seen_at_once() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    add(&server, "foreign");
    add(&server, FIRST);
    add(&server, SECOND);

    let report = watch(server.local_addr()).wait(&targets()).await.unwrap();

    assert_eq!(report.looks, 1);
    assert_eq!(report.servers, [server.local_addr()]);
    assert!(report.waited < Duration::from_secs(5), "{report:?}");
    assert_eq!(report.warnings, [""; 0]);
}

#[tokio::test]
async fn the_server_that_lags_is_waited_for() {
    let (leader, laggard) = two_servers().await;
    add(&leader, FIRST);
    add(&leader, SECOND);
    add(&laggard, FIRST);
    let propagation = watch(leader.local_addr());

    let watching = tokio::spawn(async move { propagation.wait(&targets()).await });
    let looked_in_vain = async || (laggard.replies() >= 2).then_some(());
    eventually("two looks", Duration::from_secs(10), looked_in_vain).await;
    assert!(!watching.is_finished());
    add(&laggard, SECOND);

    let report = watching.await.unwrap().unwrap();
    assert!(report.looks > 2, "{report:?}");
    assert_eq!(report.servers, [leader.local_addr(), laggard.local_addr()]);
}

#[tokio::test]
async fn a_server_that_never_shows_the_values_is_named() {
    let (leader, laggard) = two_servers().await;
    add(&leader, FIRST);
    add(&leader, SECOND);
    add(&laggard, FIRST);
    let propagation = Propagation {
        timeout: Duration::from_millis(100),
        ..watch(leader.local_addr())
    };

    let error = propagation.wait(&targets()).await.unwrap_err();

    let expected = format!("{NAME} at {}: 1 of 2 values missing", laggard.local_addr());
    assert!(error.to_string().contains(&expected), "{error}");
    assert!(
        !error.to_string().contains(&leader.local_addr().to_string()),
        "{error}"
    );
    assert!(error.is_retryable());

    let any = Propagation {
        agreement: Agreement::Any,
        ..propagation
    };
    any.wait(&targets()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_does_not_count_as_agreeing() {
    let (leader, laggard) = two_servers().await;
    add(&leader, FIRST);
    let down = laggard.local_addr();
    laggard.shutdown().await;
    let propagation = Propagation {
        timeout: Duration::from_millis(100),
        ..watch(leader.local_addr())
    };

    let error = propagation.wait(&targets()[..1]).await.unwrap_err();

    let PropagationError::TimedOut { lacking, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(lacking.len(), 1);
    assert_eq!(lacking[0].server, down);
    assert!(lacking[0].why.contains("refused"), "{error}");
}

#[tokio::test]
async fn several_complete_looks_in_a_row_are_needed() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    add(&server, FIRST);
    let propagation = Propagation {
        rounds: 3,
        round_gap: Duration::from_millis(30),
        settle: Duration::from_millis(30),
        ..watch(server.local_addr())
    };

    let report = propagation.wait(&targets()[..1]).await.unwrap();

    assert_eq!(report.looks, 3);
    assert!(report.waited >= Duration::from_millis(90), "{report:?}");
}

#[tokio::test]
async fn a_zone_hint_above_the_delegated_zone_is_warned_of() {
    let zones = vec![
        ZoneConfig::new("example.org"),
        ZoneConfig::new("www.example.org"),
    ];
    let server = own_server(zones).await;
    add(&server, FIRST);
    let target = TxtTarget {
        zone_hint: Some("example.org".to_owned()),
        ..TxtTarget::new(NAME, FIRST)
    };

    let report = watch(server.local_addr()).wait(&[target]).await.unwrap();

    assert_eq!(report.warnings.len(), 1);
    assert!(
        report.warnings[0].contains("delegated zone www.example.org"),
        "{report:?}"
    );
}

#[tokio::test]
async fn given_servers_are_asked_as_they_are() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    add(&server, FIRST);
    let nobody = Resolver::with_servers([]);
    let propagation = Propagation {
        mode: PropagationMode::Servers(vec![server.local_addr()]),
        ..Propagation::authoritative(nobody).immediate()
    };

    let report = propagation.wait(&targets()[..1]).await.unwrap();

    assert_eq!(report.servers, [server.local_addr()]);
}

#[tokio::test]
async fn waiting_and_not_waiting_ask_nobody() {
    let nobody = Propagation::authoritative(Resolver::with_servers([]));
    let wait = Propagation {
        mode: PropagationMode::Wait(Duration::from_millis(50)),
        ..nobody.clone()
    };
    let off = Propagation {
        mode: PropagationMode::Off,
        ..nobody.clone()
    };
    let start = Instant::now();

    off.wait(&targets()).await.unwrap();
    let report = wait.wait(&targets()).await.unwrap();

    assert!(report.waited >= Duration::from_millis(50));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(nobody.wait(&[]).await.unwrap().servers.is_empty());
}

#[tokio::test]
async fn a_name_without_zone_fails_with_the_reason() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let target = TxtTarget::new("_acme-challenge.example.net", FIRST);

    let error = watch(server.local_addr())
        .wait(&[target])
        .await
        .unwrap_err();

    assert!(matches!(error, PropagationError::Lookup { .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("REFUSED"), "{source}");
}

/// The pauses as they are for a service, shortened.
fn two_rounds(server: SocketAddr, servers: Servers) -> Propagation {
    Propagation {
        servers,
        rounds: 2,
        round_gap: Duration::from_millis(30),
        ..watch(server)
    }
}

#[tokio::test]
async fn one_complete_look_at_the_operators_only_server_is_enough() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    add(&server, FIRST);
    for (servers, looks) in [(Servers::Own, 1), (Servers::Service, 2)] {
        let propagation = two_rounds(server.local_addr(), servers);
        let report = propagation.wait(&targets()[..1]).await.unwrap();
        assert_eq!(report.looks, looks, "{servers:?}");
    }
}

#[tokio::test]
async fn several_servers_of_the_operator_are_looked_at_twice() {
    let (leader, laggard) = two_servers().await;
    add(&leader, FIRST);
    add(&laggard, FIRST);

    let propagation = two_rounds(leader.local_addr(), Servers::Own);
    let report = propagation.wait(&targets()[..1]).await.unwrap();

    assert_eq!(report.looks, 2);
}

#[tokio::test]
async fn a_zone_at_the_provider_that_is_not_delegated_is_warned_of_and_explains_the_failure() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let target = TxtTarget {
        zone_hint: Some("www.example.org".to_owned()),
        ..TxtTarget::new(NAME, FIRST)
    };
    let propagation = Propagation {
        timeout: Duration::from_millis(50),
        ..watch(server.local_addr())
    };

    let error = propagation.wait(&[target]).await.unwrap_err();

    let said = error.to_string();
    assert!(said.contains("which is not delegated"), "{said}");
    assert!(error.remedy().contains("delegate the zone"), "{error:?}");
}

#[tokio::test]
async fn values_that_no_server_of_the_zone_shows_point_to_a_parked_zone() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let propagation = Propagation {
        timeout: Duration::from_millis(50),
        ..watch(server.local_addr())
    };

    let error = propagation.wait(&targets()).await.unwrap_err();

    assert!(error.remedy().contains("parked"), "{error:?}");
}

#[tokio::test]
async fn a_value_in_several_strings_is_one_value() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let long = "v".repeat(700);
    add(&server, &long);

    let target = TxtTarget::new(NAME, long);
    watch(server.local_addr()).wait(&[target]).await.unwrap();
}

#[tokio::test]
async fn the_resolver_is_asked_for_the_original_name_last_and_only_warned_of() {
    let alias = RecordData::Cname("www.example.net".to_owned());
    let zones = vec![
        ZoneConfig::new("example.org").with("_acme-challenge.www", alias),
        ZoneConfig::new("example.net")
            .with("www", RecordData::Txt(FIRST.to_owned()))
            .with("old", RecordData::Txt("old".to_owned())),
    ];
    let server = own_server(zones).await;
    let propagation = watch(server.local_addr());
    let look = async |name: &str, value: &str| {
        let mut report = evercert_dns::PropagationReport::default();
        let originals = [TxtTarget::new(name, value)];
        propagation
            .look_through_resolvers(&originals, &mut report)
            .await;
        report
    };

    let seen = look(NAME, FIRST).await;
    assert!(
        seen.warnings.is_empty() && seen.hints.is_empty(),
        "{seen:?}"
    );
    let absent = look("_acme-challenge.example.net", FIRST).await;
    assert!(absent.warnings.is_empty(), "{absent:?}");
    assert!(absent.hints[0].contains("for up to 1 s"), "{absent:?}");
    let old = look("old.example.net", FIRST).await;
    assert!(old.warnings[0].contains("1 of 1 values missing"), "{old:?}");
}

/// BIND and the own server as the two name servers of a zone.
#[tokio::test]
async fn real_servers_are_watched_as_well() {
    let zone = Zone::new("example.org").with(&format!("_acme-challenge.www TXT {FIRST:?}"));
    let bind = start_or_skip!(Bind::start(&[zone]).await);
    let limits = Limits {
        timeout: Duration::from_secs(5),
        tries: 2,
    };
    let resolver = Resolver::with_servers([bind.addr()])
        .with_authority_port(bind.addr().port())
        .with_limits(limits);
    let propagation = Propagation::authoritative(resolver).immediate();

    let report = propagation.wait(&targets()[..1]).await.unwrap();

    assert_eq!(report.servers, [bind.addr()]);
}
