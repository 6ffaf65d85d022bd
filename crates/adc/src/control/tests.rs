//! Saving and reading back, users and their policies, lists of commands.

use std::fs;
use std::path::Path;
use std::time::Duration;

use evercert_ns::grammar::parse_line;

use super::*;
use crate::config::{AdcConfig, NsConf, Unsupported};
use crate::{Adc, AdcHandle, StartError};

const LIMIT: Duration = Duration::from_secs(5);

fn config(dir: &Path) -> AdcConfig {
    let path = dir.join("ns.conf");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut config = AdcConfig::new(NsConf { text, path }, dir.join("state"));
    for name in ["v", "w"] {
        config
            .listen
            .insert(name.to_owned(), ([127, 0, 0, 1], 0).into());
    }
    config
}

async fn start(dir: &Path) -> AdcHandle {
    Adc::start(config(dir)).await.unwrap()
}

async fn run(adc: &AdcHandle, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Err(error) = adc.execute(line).await {
            panic!("{line}: {error}");
        }
    }
}

async fn code(adc: &AdcHandle, line: &str) -> u32 {
    adc.execute(line)
        .await
        .err()
        .map_or(0, |error| error.code())
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn commands(lines: &[&str]) -> Vec<Command> {
    lines.iter().map(|line| parse_line(line).unwrap()).collect()
}

#[tokio::test]
async fn what_was_saved_is_what_runs_after_a_restart_and_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;
    run(
        &adc,
        "enable ns feature LB SSL
         add lb vserver v HTTP 127.0.0.1 80
         set ns hostName adc1
         add lb monitor m LDAP -password hunter2
         add system user bob hunter2
         set system user nsroot hunter2
         add system cmdPolicy p ALLOW \"^show\\\\s\"
         bind system user bob p 10",
    )
    .await;
    let before = adc.control().config();
    assert!(adc.control().saved().is_changed);

    run(&adc, "save ns config").await;

    let text = fs::read_to_string(dir.path().join("ns.conf")).unwrap();
    assert!(text.starts_with("#NS"), "{text}");
    assert!(
        text.contains("# Last modified by `save config`, "),
        "{text}"
    );
    assert!(
        !text.contains("hunter2") && text.contains("ENCMTHD_3"),
        "{text}"
    );
    assert!(!adc.control().saved().is_changed && adc.control().saved().saved_at.is_some());
    assert_eq!(
        adc.execute("diff ns config").await.unwrap().fields.unwrap()["response"],
        ""
    );
    let running = adc.running_config();
    adc.shutdown(LIMIT).await;

    let adc = start(dir.path()).await;
    assert_eq!(adc.running_config(), running);
    assert!(*adc.control().config() == *before);
    assert!(adc.vserver_addrs().contains_key("v"));
    for user in ["bob", "nsroot"] {
        adc.control()
            .authenticate(user, &secret("hunter2"))
            .unwrap();
    }
    run(&adc, "rm lb vserver v").await;
    let told = adc.execute("diff ns config").await.unwrap().fields.unwrap();
    let told = told["response"].as_str().unwrap().to_owned();
    assert_eq!(told.lines().count(), 1);
    assert!(
        told.starts_with("- add lb vserver v HTTP 127.0.0.1 80"),
        "{told}"
    );
    run(&adc, "save ns config").await;
    assert_eq!(
        fs::read_to_string(dir.path().join("ns.conf.0")).unwrap(),
        text
    );
    let told = adc
        .execute("diff ns config ns.conf.0 running")
        .await
        .unwrap()
        .fields
        .unwrap();
    assert!(
        told["response"]
            .as_str()
            .unwrap()
            .contains("- add lb vserver v")
    );
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn lines_that_are_not_supported_stop_the_start_or_are_kept_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let odd = "set interface 0/1 -speed 1000";
    let text = format!("add lb vserver v HTTP 127.0.0.1 80\n{odd}\nbind lb vserver v nobody\n");
    fs::write(dir.path().join("ns.conf"), text).unwrap();

    let error = Adc::start(config(dir.path())).await.unwrap_err();
    let StartError::Config { complaints, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    let mut config = config(dir.path());
    config.unsupported = Unsupported::Skip;
    let adc = Adc::start(config).await.unwrap();

    let warnings = adc.status().warnings;
    for line in ["line 2 was left out: ", "line 3 was left out: "] {
        assert!(
            warnings.iter().any(|warning| warning.starts_with(line)),
            "{warnings:?}"
        );
    }
    assert!(adc.vserver_addrs().contains_key("v"));
    run(&adc, "save ns config").await;
    let saved = fs::read_to_string(dir.path().join("ns.conf")).unwrap();
    assert!(saved.contains(odd), "{saved}");
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn clearing_closes_vservers_and_keeps_users() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;
    run(
        &adc,
        "add lb vserver v HTTP 127.0.0.1 80\nadd system user bob hunter2\nenable ns feature LB",
    )
    .await;

    run(&adc, "clear ns config basic -force").await;

    assert!(adc.vserver_addrs().is_empty());
    assert!(adc.running_config().contains("enable ns feature LB"));
    run(&adc, "clear ns config full -force").await;
    assert!(!adc.running_config().contains("enable ns feature"));
    adc.control()
        .authenticate("bob", &secret("hunter2"))
        .unwrap();
    run(&adc, "add lb vserver v HTTP 127.0.0.1 80").await;
    assert!(adc.vserver_addrs().contains_key("v"));
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn nobody_can_log_in_before_a_password_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;
    let log_in = |user: &str, password: &str| {
        let result = adc.control().authenticate(user, &secret(password));
        result.map(|actor| actor.user).map_err(|error| error.code())
    };
    for password in ["", "*", "nsroot"] {
        assert_eq!(log_in("nsroot", password), Err(354));
    }

    run(&adc, "set system user nsroot hunter2").await;

    assert_eq!(log_in("nsroot", "hunter2"), Ok("nsroot".to_owned()));
    assert_eq!(log_in("nsroot", "hunter3"), Err(354));
    run(
        &adc,
        "add system user cli hunter2 -allowedManagementInterface CLI",
    )
    .await;
    assert_eq!(log_in("cli", "hunter2"), Err(354));
    run(
        &adc,
        "set system user cli -allowedManagementInterface CLI API",
    )
    .await;
    assert_eq!(log_in("cli", "hunter2"), Ok("cli".to_owned()));
    run(&adc, "rm system user cli").await;
    assert_eq!(log_in("cli", "hunter2"), Err(354));
    assert_eq!(code(&adc, "rm system user nsroot").await, 257);
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn commands_are_carried_out_only_for_those_who_may_give_them() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;
    run(
        &adc,
        "add system user bob hunter2
         add system cmdPolicy servers ALLOW \"^(add|show) server\"
         bind system user bob servers 10",
    )
    .await;
    let bob = adc
        .control()
        .authenticate("bob", &secret("hunter2"))
        .unwrap();
    let given = commands(&["add server a 192.0.2.1", "rm server a", "save ns config"]);

    let results = adc
        .control()
        .execute_all(&bob, &given, OnError::Continue)
        .await;

    let codes: Vec<_> = results
        .iter()
        .map(|r| r.as_ref().map_or_else(NsError::code, |_| 0))
        .collect();
    assert_eq!(codes, [0, 2138, 2138]);
    assert!(adc.control().config().object("server", "a").is_some());
    assert!(!dir.path().join("ns.conf").exists());
    assert_eq!(
        code(&adc, "add system cmdPolicy bad ALLOW \"(unclosed\"").await,
        1097
    );
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn a_list_of_commands_ends_goes_on_or_is_undone_at_the_first_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;
    let list = |server: &str, vserver: &str| {
        let lines = [
            format!("add server {server} 192.0.2.1"),
            format!(
                "add lb vserver {vserver} HTTP 127.0.0.1 {}",
                if vserver == "v" { 80 } else { 81 }
            ),
            "rm server nobody".to_owned(),
            format!("add server {server}2 192.0.2.2"),
        ];
        commands(&lines.each_ref().map(String::as_str))
    };
    let has = |name: &str| adc.control().config().object("server", name).is_some();
    let local = Actor::local();
    let control = adc.control();

    let undone = control
        .execute_all(&local, &list("a", "v"), OnError::Rollback)
        .await;
    assert_eq!(
        (undone.len(), has("a"), adc.vserver_addrs().len()),
        (3, false, 0)
    );
    assert!(!control.saved().is_changed);
    let ended = control
        .execute_all(&local, &list("a", "v"), OnError::Exit)
        .await;
    assert_eq!((ended.len(), has("a"), has("a2")), (3, true, false));
    let all = control
        .execute_all(&local, &list("b", "w"), OnError::Continue)
        .await;
    assert_eq!((all.len(), has("b"), has("b2")), (4, true, true));
    assert_eq!(adc.vserver_addrs().len(), 2);
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn a_socket_is_handed_over_when_its_address_changes_hands() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let at = format!("HTTP 127.0.0.1 {}", address.port());
    let adc = start(dir.path()).await;
    run(&adc, &format!("add lb vserver one {at}")).await;

    run(&adc, "rename lb vserver one two").await;

    assert_eq!(adc.vserver_addrs(), [("two".to_owned(), address)].into());
    let given = commands(&[
        "rm lb vserver two",
        &format!("add lb vserver three {at}"),
        "rm server x",
    ]);
    let undone = adc
        .control()
        .execute_all(&Actor::local(), &given, OnError::Rollback)
        .await;
    assert!(undone[1].is_ok() && undone[2].is_err());
    assert_eq!(adc.vserver_addrs(), [("two".to_owned(), address)].into());
    tokio::net::TcpStream::connect(address).await.unwrap();
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn a_thousand_certkeys_are_added_one_by_one_in_reasonable_time() {
    use evercert_types::{Clock, KeyAlgorithm, SystemClock};
    let dir = tempfile::tempdir().unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    let key = evercert_x509::KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let ca = evercert_x509::mint::Authority::self_signed(
        "T",
        KeyAlgorithm::EcdsaP256,
        day,
        SystemClock.now(),
    );
    let ca = ca.unwrap();
    fs::write(dir.path().join("k.pem"), key.to_pkcs8_pem().expose()).unwrap();
    let mut lines = Vec::new();
    for number in 0..1000 {
        let name = format!("c{number}.example").parse().unwrap();
        let request =
            evercert_x509::mint::LeafRequest::for_key(&key, &[name], day, SystemClock.now());
        let leaf = ca.issue(&request).unwrap();
        fs::write(dir.path().join(format!("c{number}.pem")), leaf.to_pem()).unwrap();
        lines.push(format!(
            "add ssl certKey c{number} -cert c{number}.pem -key k.pem"
        ));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let adc = start(dir.path()).await;
    run(&adc, "add lb vserver v SSL 127.0.0.1 443").await;

    let began = std::time::Instant::now();
    let results = adc
        .control()
        .execute_all(&Actor::local(), &commands(&lines), OnError::Exit)
        .await;
    let added = began.elapsed();
    run(&adc, "bind ssl vserver v -certkeyName c999").await;
    let bound = began.elapsed() - added;

    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1000);
    println!("1,000 certkeys added in {added:?}, then one bound in {bound:?}");
    assert!(
        added < Duration::from_secs(60) && bound < Duration::from_secs(1),
        "{added:?}, {bound:?}"
    );
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn files_outside_netscalers_directories_cannot_be_named_over_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;
    run(
        &adc,
        "create ssl ecdsakey a.key -curve P_256\nset system user nsroot hunter2",
    )
    .await;
    let api = adc
        .control()
        .authenticate("nsroot", &secret("hunter2"))
        .unwrap();
    let state = dir.path().join("state/nsconf.key").display().to_string();
    let given = [
        format!(
            "convert ssl pkcs8 b.p8 {}",
            dir.path().join("ssl/a.key").display()
        ),
        "convert ssl pkcs8 b.p8 ../ssl/a.key".to_owned(),
        format!("add ssl certKey c -cert {state}"),
        "add ssl certKey c -cert /nsconfig/state/nsconf.key".to_owned(),
        "convert ssl pkcs8 b.p8 /nsconfig/ssl/a.key".to_owned(),
    ];
    let given = commands(&given.each_ref().map(String::as_str));

    let results = adc
        .control()
        .execute_all(&api, &given, OnError::Continue)
        .await;

    let codes: Vec<_> = results
        .iter()
        .map(|r| r.as_ref().map_or_else(NsError::code, |_| 0))
        .collect();
    assert_eq!(codes, [1647, 1647, 1647, 1647, 0]);
    adc.shutdown(LIMIT).await;
}

#[tokio::test]
async fn what_is_not_done_is_refused_and_not_answered_with_done() {
    let dir = tempfile::tempdir().unwrap();
    let adc = start(dir.path()).await;

    for (line, expected) in [
        ("force HA sync", 363),
        ("force HA failover", 363),
        ("sync HA files ssl", 363),
        ("create system backup b", 301),
        ("create ssl dsaKey d.key 2048", 301),
        ("create ssl dhParam d.dh 2048", 301),
    ] {
        assert_eq!(code(&adc, line).await, expected, "{line}");
    }
    adc.shutdown(LIMIT).await;
}
