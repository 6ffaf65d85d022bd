//! The renewals as an operator manages them: lists, migration, files in and out, the log, pause, revocation.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use evercert_e2e::cli::Cli;
use evercert_e2e::console::ConsoleSetup;
use evercert_e2e::surroundings::{Surroundings, ZONE};
use evercert_testkit::eventually;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

async fn names(cli: &Cli, arguments: &[&str]) -> Vec<String> {
    let list = cli
        .json(&[&["cert", "list"], arguments].concat())
        .await
        .unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn generation(cli: &Cli, name: &str, wanted: i64) {
    eventually("a generation in force", LIMIT, async || {
        let shown = cli.json(&["cert", "show", name]).await.unwrap();
        let active = &shown["certificate"]["keys"][0]["active"]["generation"];
        (active.as_i64() == Some(wanted)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_manages_the_renewals_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::start(dir.path()).await.unwrap();
    let place = dir.path().join("console");
    let setup = ConsoleSetup::new(&place, None, Some(around.dns.local_addr()))
        .await
        .unwrap();
    let console = setup.start().await.unwrap();
    let cli = console.cli();
    around.introduce(&cli, dir.path()).await.unwrap();
    for name in ["shop", "blog"] {
        let domain = format!("{name}.{ZONE}");
        let label = format!("name={name}");
        cli.ok(&[
            "cert", "issue", name, "--domain", &domain, "--vendor", "local", "--label", &label,
            "--wait",
        ])
        .await
        .unwrap();
    }

    // Who renews what.
    assert_eq!(names(&cli, &["--manual"]).await, ["blog", "shop"]);
    cli.ok(&["cert", "migrate", "--to", "automatic", "shop"])
        .await
        .unwrap();
    cli.ok(&[
        "cert",
        "migrate",
        "--to",
        "automatic",
        "--selector",
        "name=blog",
    ])
    .await
    .unwrap();
    assert_eq!(
        names(&cli, &["--automatic", "--state", "ok", "--sort", "due"])
            .await
            .len(),
        2
    );
    cli.ok(&["cert", "migrate", "--to", "manual", "blog"])
        .await
        .unwrap();
    assert_eq!(names(&cli, &["--manual"]).await, ["blog"]);
    let rehearsed = cli
        .ok(&["cert", "migrate", "--to", "manual", "--dry-run", "shop"])
        .await
        .unwrap();
    assert!(rehearsed.contains("done"), "{rehearsed}");
    assert_eq!(names(&cli, &["--automatic"]).await, ["shop"]);

    // Renew now, one and many; the log tells of each.
    cli.ok(&["cert", "renew", "shop", "--wait"]).await.unwrap();
    cli.ok(&["cert", "renew", "shop", "blog"]).await.unwrap();
    generation(&cli, "shop", 3).await;
    generation(&cli, "blog", 2).await;
    let log = cli
        .json(&["order", "list", "--certificate", "shop"])
        .await
        .unwrap();
    let attempts = log["items"].as_array().unwrap();
    assert_eq!(attempts.len(), 3, "{log:#}");
    let id = attempts[0]["id"].as_str().unwrap();
    let shown = cli.ok(&["order", "show", id]).await.unwrap();
    assert!(
        shown.contains("because it was asked for") && shown.contains("Steps"),
        "{shown}"
    );

    // Files.
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (password, other, p12) = (file("password"), file("other"), file("shop.p12"));
    std::fs::write(&password, "secret\n").unwrap();
    std::fs::write(&other, "Secret\n").unwrap();
    let export = [
        "cert",
        "export",
        "shop",
        "--format",
        "p12",
        "--password-file",
        &password,
        "--out",
        &p12,
    ];
    cli.ok(&export).await.unwrap();
    let mode = std::fs::metadata(&p12).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (_, again) = cli.fails(&export).await.unwrap();
    assert!(again.contains("--force"), "{again}");
    let import = |password: &str| {
        [
            "cert",
            "import",
            "copy",
            "--file",
            &p12,
            "--password-file",
            password,
        ]
        .map(str::to_owned)
    };
    let wrong = import(&other);
    let (code, error) = cli
        .fails(&wrong.each_ref().map(String::as_str))
        .await
        .unwrap();
    assert!(
        code == 1 && error.contains("does not open with this password"),
        "{error}"
    );
    let right = import(&password);
    cli.ok(&right.each_ref().map(String::as_str)).await.unwrap();
    let twice = cli.ok(&["cert", "duplicates"]).await.unwrap();
    assert!(twice.contains("copy") && twice.contains("shop"), "{twice}");
    cli.ok(&["cert", "delete", "copy", "--yes"]).await.unwrap();
    cli.ok(&["cert", "rebuild-chain", "shop"]).await.unwrap();

    // Paused, resumed; what cannot be done of many is said and stops nobody.
    cli.ok(&["cert", "pause", "shop"]).await.unwrap();
    let (code, error) = cli.fails(&["cert", "renew", "shop"]).await.unwrap();
    assert!(code == 5 && error.contains("paused"), "{error}");
    let (code, _) = cli
        .fails(&["cert", "resume", "shop", "nobody"])
        .await
        .unwrap();
    assert_eq!(code, 7);

    // Replaced, then revoked.
    cli.ok(&[
        "cert",
        "revoke",
        "shop",
        "--reason",
        "superseded",
        "--replace",
        "--yes",
        "--wait",
    ])
    .await
    .unwrap();
    let shown = cli.json(&["cert", "show", "shop"]).await.unwrap();
    let states: Vec<&Value> = shown["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["state"])
        .collect();
    assert_eq!(states[..2], ["good", "revoked"], "{shown:#}");
    let summary = cli.json(&["cert", "summary"]).await.unwrap();
    assert_eq!(
        (&summary["total"], &summary["by_state"]["ok"]),
        (&2.into(), &2.into()),
        "{summary:#}"
    );
    console.role.stop().await.unwrap();
}
