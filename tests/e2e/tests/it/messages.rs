//! NetScaler Console's messages and the preflight, as the command line tells them.

use evercert_e2e::surroundings::ZONE;

use crate::introduced::console;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_vendor_or_provider_is_told_in_known_words() {
    let (_dir, around, console) = console().await;
    let cli = console.cli();
    let domain = format!("www.{ZONE}");

    let issue = |vendor| {
        [
            "cert", "issue", "x", "--domain", &domain, "--vendor", vendor,
        ]
    };
    let (code, vendor) = cli.fails(&issue("nowhere")).await.unwrap();
    let map = ["domain", "map", &domain, "--provider", "TestDNS"];
    let (_, provider) = cli.fails(&map).await.unwrap();

    assert_eq!(code, 1, "{vendor}");
    let words = "error: Config CA ID is empty/does not exist.";
    assert!(
        vendor.starts_with(words) && vendor.contains('→'),
        "{vendor}"
    );
    let words = "error: DNS Provider - TestDNS does not exist or is not active.";
    assert!(provider.starts_with(words), "{provider}");

    // Every provider switched off, and on again.
    let list = cli
        .ok(&["dns-provider", "list", "-o", "json"])
        .await
        .unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names = list["items"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|one| one["name"].as_str().unwrap()).collect();
    for name in &names {
        let off = ["dns-provider", "disable", name];
        cli.ok(&off).await.unwrap();
    }
    let (_, none) = cli.fails(&issue("local")).await.unwrap();
    let words = "error: Renewal skipped as no active DNS providers are configured.";
    assert!(none.starts_with(words), "{none}");
    assert_eq!(around.ca.issued(), 0);
    for name in &names {
        let on = ["dns-provider", "enable", name];
        cli.ok(&on).await.unwrap();
    }
    let mut wait = issue("local").to_vec();
    wait.push("--wait");
    cli.ok(&wait).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_is_a_check_list_with_an_exit_code() {
    let (_dir, around, console) = console().await;
    let cli = console.cli();
    let good = format!("www.{ZONE}");
    let args = |domain| ["cert", "preflight", "--vendor", "local", "--domain", domain];

    let told = cli.ok(&args(&good)).await.unwrap();
    let bad = cli.run(&args("www.elsewhere.net")).await.unwrap();

    assert!(
        told.contains("ok     write") && told.ends_with("an order can be placed\n"),
        "{told}"
    );
    assert!(told.is_ascii(), "not a terminal: {told}");
    assert_eq!(bad.status.code(), Some(1));
    let bad = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert!(bad.contains("FAILED mapping www.elsewhere.net"), "{bad}");
    assert!(
        bad.contains("Certificate is missing a DNS provider name."),
        "{bad}"
    );
    assert!(bad.contains("-> Map the domain"), "{bad}");
    let mut json = args(&good).to_vec();
    json.extend(["--no-write", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&cli.ok(&json).await.unwrap()).unwrap();
    assert_eq!(report["ok"], true);
    assert_eq!(around.ca.issued(), 0);
    assert!(around.dns.txt_names().is_empty());
    let missing = cli.fails(&["cert", "preflight", "nothing"]).await.unwrap();
    assert_eq!(missing.0, 3);
}
