//! Bad input gives an error that says what, where and the remedy; nothing is lost, the rest goes on.

use std::time::Duration;

use evercert_e2e::adc::AdcSetup;
use evercert_e2e::cli::Cli;
use evercert_e2e::role::Role;
use evercert_e2e::surroundings::{ZONE, add_nsupdate, add_nsupdate_with};
use evercert_e2e::tls::handshake;
use evercert_testkit::eventually;
use evercert_testkit::port::free_addr;

use crate::introduced::console;
use crate::small_disk::SmallDisk;

const LIMIT: Duration = Duration::from_secs(60);

async fn issue(cli: &Cli, name: &str) {
    let domain = format!("{name}.{ZONE}");
    cli.ok(&[
        "cert", "issue", name, "--domain", &domain, "--vendor", "local", "--wait",
    ])
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_directory_is_not_half_saved() {
    let (_dir, _around, console) = console().await;
    let url = format!("https://{}/dir", free_addr());

    let (code, error) = console
        .cli()
        .fails(&["ca-vendor", "add", "gone", "--directory-url", &url])
        .await
        .unwrap();

    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("Cannot initialize API for the CA server"),
        "{error}"
    );
    assert!(error.contains(&url) && error.contains('→'), "{error}");
    let (code, _) = console
        .cli()
        .fails(&["ca-vendor", "show", "gone"])
        .await
        .unwrap();
    assert_eq!(code, 3);
    issue(&console.cli(), "still-works").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_tsig_key_is_named_and_leaves_nothing() {
    let (_dir, around, console) = console().await;
    let cli = console.cli();
    let wrong = "d3JvbmcgdGVzdCBzZWNyZXQsIG1vcmUgdGhhbiB0aGlydHktdHdvIG9jdGV0cw==";
    // Such a key is not even saved, unless that is wanted.
    let server = around.dns.local_addr();
    let refused = add_nsupdate(&cli, "wrong", server, wrong)
        .await
        .unwrap_err();
    assert!(format!("{refused:#}").contains("key"), "{refused:#}");
    add_nsupdate_with(&cli, "wrong", server, wrong, &["--skip-test"])
        .await
        .unwrap();
    cli.ok(&[
        "domain",
        "map",
        &format!("locked.{ZONE}"),
        "--provider",
        "wrong",
        "--force",
    ])
    .await
    .unwrap();

    let report = cli.run(&["dns-provider", "test", "wrong"]).await.unwrap();
    let domain = format!("a.locked.{ZONE}");
    let (code, error) = cli
        .fails(&[
            "cert", "issue", "locked", "--domain", &domain, "--vendor", "local", "--wait",
        ])
        .await
        .unwrap();

    assert!(!report.status.success());
    let told = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(told.contains("FAILED") && told.contains("→"), "{told}");
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("dns-write") && error.contains("key") && error.contains('→'),
        "{error}"
    );
    assert!(!error.contains(wrong), "the secret is shown");
    assert!(around.dns.txt_names().is_empty());
    issue(&cli, "still-works").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmapped_domain_is_refused_before_anything_is_ordered() {
    let (_dir, around, console) = console().await;

    let args = [
        "cert",
        "issue",
        "stray",
        "--domain",
        "www.elsewhere.net",
        "--vendor",
        "local",
    ];
    let (code, error) = console.cli().fails(&args).await.unwrap();

    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("www.elsewhere.net") && error.contains("evercert domain map"),
        "{error}"
    );
    assert_eq!(around.ca.issued(), 0);
    assert_eq!(
        console
            .cli()
            .fails(&["cert", "show", "stray"])
            .await
            .unwrap()
            .0,
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_line_7_of_ns_conf_names_line_and_word() {
    let dir = tempfile::tempdir().unwrap();
    let adc = AdcSetup::new(dir.path(), free_addr(), None).await.unwrap();
    let good = std::fs::read_to_string(dir.path().join("ns.conf")).unwrap();
    let bad = format!("# one\n# two\n{good}set lb vserver vs_https -lbMethodd ROUNDROBIN\n");
    assert_eq!(
        bad.lines().nth(6),
        Some("set lb vserver vs_https -lbMethodd ROUNDROBIN")
    );
    std::fs::write(dir.path().join("ns.conf"), bad).unwrap();

    let mut role = Role::spawn(adc.command(), &dir.path().join("adc.log")).unwrap();
    let status = role.ended().await.unwrap();

    let log = role.log();
    assert!(!status.success());
    assert!(log.contains("line 7") && log.contains("lbMethodd"), "{log}");
    assert!(
        tokio::net::TcpStream::connect(adc.https).await.is_err(),
        "half a configuration is served"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cache_is_set_aside_and_fetched_again() {
    let (dir, around, console) = console().await;
    issue(&console.cli(), "site").await;
    let adc = AdcSetup::new(&dir.path().join("adc"), free_addr(), Some(&console.cli()))
        .await
        .unwrap();
    let (host, root) = (format!("site.{ZONE}"), around.ca.root_pem());
    let served = async || handshake(adc.https, &host, &root).await.ok();
    let role = adc.start().await.unwrap();
    eventually("the first handshake", LIMIT, served).await;
    role.stop().await.unwrap();
    let cache = adc.state_dir().join("zerotouch.cache");
    let mut bytes = std::fs::read(&cache).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&cache, bytes).unwrap();

    let role = adc.start().await.unwrap();
    eventually("a handshake after the damage", LIMIT, served).await;

    let log = role.log();
    assert!(
        log.contains("damaged") && log.contains("zerotouch.cache"),
        "{log}"
    );
    assert!(adc.state_dir().join("zerotouch.cache.damaged").exists());
    role.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_orders_go_on_when_there_is_room() {
    let (dir, _around, console) = console().await;
    let setup = console.setup.clone();
    issue(&console.cli(), "before").await;
    console.role.stop().await.unwrap();
    let Some(disk) = SmallDisk::around(&setup.dir).await else {
        evercert_testkit::skip::announce(&evercert_testkit::StartError::Missing {
            program: "unshare (with the right to mount)",
            package: "util-linux",
        });
        return;
    };

    let console = setup
        .start_command(disk.wrap(setup.command()))
        .await
        .unwrap();
    disk.fill().await;
    let (code, error) = first_failure(&console.cli()).await;
    let still_readable = console.cli().json(&["cert", "list"]).await.unwrap();
    disk.empty().await;
    let domain = format!("after.{ZONE}");
    let after = [
        "cert", "issue", "after", "--domain", &domain, "--vendor", "local", "--wait",
    ];
    let mut said = String::new();
    for _ in 0..20 {
        match console.cli().ok(&after).await {
            Ok(_) => {
                said.clear();
                break;
            }
            Err(error) => said = format!("{error:#}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(said, "", "{}", console.role.log());
    let none_is_lost = async || {
        let list = console.cli().json(&["cert", "list"]).await.unwrap();
        let all = list["items"].as_array().unwrap();
        all.iter()
            .all(|c| !c["keys"][0]["active"].is_null())
            .then_some(())
    };
    eventually("every accepted order to be finished", LIMIT, none_is_lost).await;

    assert_eq!(code, 6, "{error}");
    assert!(
        error.contains("database") && error.contains("space"),
        "{error}"
    );
    let names: Vec<&str> = still_readable["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["name"].as_str())
        .collect();
    assert!(names.contains(&"before"), "{names:?}");
    console.role.stop().await.unwrap();
    drop(dir);
}

/// Orders until the full disk refuses one: what fits into the space that SQLite holds already is accepted.
async fn first_failure(cli: &Cli) -> (i32, String) {
    for number in 0..50 {
        let (name, domain) = (format!("full{number}"), format!("full{number}.{ZONE}"));
        let output = cli
            .run(&[
                "cert", "issue", &name, "--domain", &domain, "--vendor", "local",
            ])
            .await
            .unwrap();
        if !output.status.success() {
            return (
                output.status.code().unwrap(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            );
        }
    }
    panic!("a full disk refused nothing");
}
