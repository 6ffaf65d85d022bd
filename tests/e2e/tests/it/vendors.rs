//! CA vendors by the command line: known types, a scan of both stores, selecting, editing, removing.

use evercert_e2e::console::ConsoleSetup;
use evercert_e2e::surroundings::{Surroundings, ZONE};

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_is_looked_up_chosen_for_changed_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::start(dir.path()).await.unwrap();
    let dns = Some(around.dns.local_addr());
    let setup = ConsoleSetup::new(&dir.path().join("console"), None, dns)
        .await
        .unwrap();
    let console = setup.start().await.unwrap();
    let cli = console.cli();
    around.introduce(&cli, dir.path()).await.unwrap();
    let domain = format!("www.{ZONE}");
    cli.ok(&[
        "cert", "issue", "www", "--domain", &domain, "--vendor", "local", "--wait",
    ])
    .await
    .unwrap();

    let types = cli.ok(&["ca-vendor", "types"]).await.unwrap();
    assert!(
        types.contains("lets-encrypt") && types.contains("production, staging"),
        "{types}"
    );
    let harica = cli.ok(&["ca-vendor", "types", "harica"]).await.unwrap();
    assert!(harica.contains("cm.harica.gr"), "{harica}");
    let taken = cli
        .json(&["ca-vendor", "deselect", "local", "www"])
        .await
        .unwrap();
    assert_eq!(taken["offered"][0]["name"], "www", "{taken:#}");
    let shown = cli.json(&["cert", "show", "www"]).await.unwrap();
    assert_eq!(shown["certificate"]["renewal_mode"], "manual");
    cli.ok(&["ca-vendor", "select", "local", "www"])
        .await
        .unwrap();
    let scan = cli
        .ok(&["ca-vendor", "certificates", "local"])
        .await
        .unwrap();
    assert!(scan.starts_with("local: 1, Other CA: 0"), "{scan}");
    let edited = cli
        .json(&["ca-vendor", "edit", "local", "--renew-before", "60d"])
        .await
        .unwrap();
    assert_eq!(edited["renew_before"], "60d");
    assert_eq!(edited["warnings"][0]["code"], "renew_before.long");
    cli.ok(&["ca-vendor", "rotate-account-key", "local"])
        .await
        .unwrap();
    cli.ok(&["ca-vendor", "test", "local"]).await.unwrap();
    let (code, refused) = cli
        .fails(&["ca-vendor", "remove", "local", "--deactivate-account"])
        .await
        .unwrap();
    assert_eq!(code, 5, "{refused}");
    assert!(
        refused.contains("1 certificate is issued through"),
        "{refused}"
    );
    cli.ok(&["ca-vendor", "deselect", "local", "www"])
        .await
        .unwrap();
    cli.ok(&["ca-vendor", "remove", "local", "--deactivate-account"])
        .await
        .unwrap();
}
