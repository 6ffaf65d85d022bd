//! DNS providers at the command line: what there is, taking settings over, trying, mapping, stale values, unmapping.

use evercert_dns::server::RecordData;
use evercert_e2e::surroundings::{TSIG_SECRET, ZONE};

use crate::introduced::console;

const STALE: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";

#[tokio::test(flavor = "multi_thread")]
async fn types_are_shown_on_100_columns_with_all_that_is_known_of_them() {
    let (_dir, _around, console) = console().await;
    let cli = console.cli();

    let table = cli.ok(&["dns-provider", "types"]).await.unwrap();
    let page = cli.ok(&["dns-provider", "types", "cf"]).await.unwrap();
    let all = cli.json(&["dns-provider", "types"]).await.unwrap();
    let (code, _) = cli
        .fails(&["dns-provider", "types", "route66"])
        .await
        .unwrap();

    for text in [&table, &page] {
        let wide = text.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None);
    }
    assert!(page.contains("token, or email and key"), "{page}");
    assert!(page.contains("acme.sh: CF_Token"), "{page}");
    let all = all["items"].as_array().unwrap().clone();
    assert_eq!(table.lines().count(), all.len() + 1);
    assert!(
        all.iter()
            .all(|one| one["capabilities"]["values"].is_string())
    );
    assert_eq!(code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_lego_are_taken_over_and_tried() {
    let (dir, around, console) = console().await;
    let cli = console.cli();
    let server = around.dns.local_addr().to_string();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, TSIG_SECRET).unwrap();
    let env = dir.path().join("lego.env");
    let lines = format!(
        "RFC2136_NAMESERVER={server}\nexport RFC2136_TSIG_KEY='evercert'\nRFC2136_TSIG_ALGORITHM=hmac-sha256\n\
         RFC2136_TSIG_SECRET_FILE={}\nRFC2136_SEQUENCE_INTERVAL=60\n",
        secret.display()
    );
    std::fs::write(&env, lines).unwrap();
    let file = env.to_str().unwrap();

    let added = cli
        .run(&[
            "dns-provider",
            "add",
            "lego",
            "--type",
            "nsupdate",
            "--from-file",
            file,
            "--zone",
            ZONE,
            "--ttl",
            "90",
        ])
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&added.stderr).into_owned();
    assert!(added.status.success(), "{told}");
    assert!(
        told.contains("key_secret is taken from RFC2136_TSIG_SECRET_FILE"),
        "{told}"
    );
    assert!(told.contains("RFC2136_SEQUENCE_INTERVAL"), "{told}");
    assert!(!told.contains(TSIG_SECRET), "a secret is shown");
    let shown = cli.json(&["dns-provider", "show", "lego"]).await.unwrap();
    assert_eq!(shown["records"]["ttl"], 90);
    assert_eq!(shown["settings"]["key_secret"], "***");

    let (_, missing) = cli
        .fails(&["dns-provider", "add", "x", "--type", "pdns"])
        .await
        .unwrap();
    for words in ["url (API URL)", "api_key (API key, secret)", "--from-env"] {
        assert!(missing.contains(words), "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_tried_mapped_and_cleaned_of_stale_values() {
    let (_dir, around, console) = console().await;
    let cli = console.cli();

    let test = cli.ok(&["dns-provider", "test", "dns"]).await.unwrap();
    assert_eq!(test.matches("ok    ").count(), 9, "{test}");
    assert!(around.dns.txt_names().is_empty());

    let shop = format!("shop.{ZONE}");
    let map = [
        "domain",
        "map",
        &shop,
        "www.elsewhere.net",
        "--provider",
        "dns",
    ];
    let (code, refused) = cli.fails(&map).await.unwrap();
    assert_eq!(code, 1, "{refused}");
    assert!(
        refused.contains("looked for www.elsewhere.net, elsewhere.net")
            && refused.contains("--force"),
        "{refused}"
    );
    let list = cli.ok(&["domain", "list"]).await.unwrap();
    assert!(!list.contains(&shop), "half mapped: {list}");
    cli.ok(&[&map[..], &["--force"]].concat()).await.unwrap();

    let name = format!("_acme-challenge.{shop}");
    let stale = RecordData::Txt(STALE.to_owned());
    around.dns.add(&name, &stale).unwrap();
    // elsewhere.net is mapped by force: its names cannot be looked at, and that is told.
    cli.ok(&["domain", "unmap", "www.elsewhere.net"])
        .await
        .unwrap();
    let found = cli.ok(&["dns-provider", "orphans"]).await.unwrap();
    assert!(found.contains(&name) && found.contains("found"), "{found}");
    let remove = ["dns-provider", "orphans", "dns", "--remove"];
    let (code, unasked) = cli.fails(&remove).await.unwrap();
    assert_eq!(code, 1);
    assert!(unasked.contains("--yes"), "{unasked}");
    let young = [&remove[..], &["--yes"]].concat();
    let left = cli.ok(&young).await.unwrap();
    assert!(left.contains("left"), "{left}");
    let now = [&young[..], &["--older-than", "0s"]].concat();
    let removed = cli.ok(&now).await.unwrap();
    assert!(removed.contains("removed"), "{removed}");
    assert!(around.dns.txt_names().is_empty());
    let audit = cli.ok(&["audit", "list"]).await.unwrap();
    assert!(audit.contains("dns_provider.orphan.remove"), "{audit}");
}

/// The seed: "If a domain is unmapped, its certificate renewal stops."
#[tokio::test(flavor = "multi_thread")]
async fn an_unmapped_domain_stops_renewals_and_everybody_says_so() {
    const WORDS: &str = "Certificate is missing a DNS provider name.";
    let (_dir, _around, console) = console().await;
    let cli = console.cli();
    let domain = format!("www.{ZONE}");
    let issue = [
        "cert", "issue", "www", "--domain", &domain, "--vendor", "local", "--wait",
    ];
    cli.ok(&issue).await.unwrap();

    let unmap = cli.run(&["domain", "unmap", ZONE]).await.unwrap();

    assert!(unmap.status.success());
    let told = String::from_utf8_lossy(&unmap.stderr).into_owned();
    assert!(told.contains("renewals stop for: www"), "{told}");
    let list = cli.ok(&["cert", "list"]).await.unwrap();
    assert!(list.contains("blocked"), "{list}");
    for command in ["show", "log"] {
        let said = cli.ok(&["cert", command, "www"]).await.unwrap();
        assert!(said.contains(WORDS), "cert {command}: {said}");
    }
    let shown = cli.json(&["cert", "show", "www"]).await.unwrap();
    assert!(shown.to_string().contains(WORDS), "{shown}");
    let (_, renewal) = cli
        .fails(&["cert", "renew", "www", "--wait"])
        .await
        .unwrap();
    assert!(renewal.contains(WORDS), "{renewal}");
}
