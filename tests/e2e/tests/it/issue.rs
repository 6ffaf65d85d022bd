//! Issuing as an administrator does it: with a CSR and its key, with a CSR alone, with an own key and a subject.

use std::path::{Path, PathBuf};

use evercert_e2e::cli::Cli;
use evercert_e2e::console::ConsoleSetup;
use evercert_e2e::surroundings::Surroundings;
use evercert_types::KeyAlgorithm;
use evercert_x509::{Certificate, Chain, Csr, CsrParams, KeyPair, verify_key_matches};

/// A key and a CSR of it, as files.
struct Files {
    key: KeyPair,
    key_file: PathBuf,
    csr_file: PathBuf,
}

impl Files {
    fn new(dir: &Path, name: &str, domains: &[&str]) -> Self {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let params = CsrParams {
            names: domains.iter().map(|name| name.parse().unwrap()).collect(),
            ..CsrParams::default()
        };
        let csr = Csr::build(&params, &key).unwrap();
        let (key_file, csr_file) = (
            dir.join(format!("{name}.key")),
            dir.join(format!("{name}.csr")),
        );
        std::fs::write(&key_file, key.to_pkcs8_pem().expose()).unwrap();
        std::fs::write(&csr_file, csr.to_pem()).unwrap();
        Self {
            key,
            key_file,
            csr_file,
        }
    }

    fn key(&self) -> &str {
        self.key_file.to_str().unwrap()
    }

    fn csr(&self) -> &str {
        self.csr_file.to_str().unwrap()
    }
}

async fn leaf(cli: &Cli, name: &str) -> Certificate {
    let pem = cli.ok(&["cert", "export", name]).await.unwrap();
    Chain::from_pem(&pem).unwrap().leaf().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_issued_with_csr_and_key_with_csr_alone_and_with_an_own_key() {
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::start(dir.path()).await.unwrap();
    let dns = Some(around.dns.local_addr());
    let setup = ConsoleSetup::new(&dir.path().join("console"), None, dns)
        .await
        .unwrap();
    let console = setup.start().await.unwrap();
    let cli = console.cli();
    around.introduce(&cli, dir.path()).await.unwrap();

    csr_with_key(&cli, dir.path()).await;
    csr_alone(&cli, dir.path()).await;
    own_key_and_subject(&cli, dir.path()).await;
    the_same_again(&cli).await;
    console.role.stop().await.unwrap();
}

async fn csr_with_key(cli: &Cli, dir: &Path) {
    let files = Files::new(dir, "both", &["both.example.org", "*.both.example.org"]);
    let other = Files::new(dir, "other", &["both.example.org"]);
    let issue = |key| {
        vec![
            "cert",
            "issue",
            "both",
            "--csr",
            files.csr(),
            "--key-file",
            key,
            "--vendor",
            "local",
            "--auto-renew",
            "--wait",
        ]
    };

    let (_, refusal) = cli.fails(&issue(other.key())).await.unwrap();
    cli.ok(&issue(files.key())).await.unwrap();

    assert!(refusal.contains("is not the one that the CSR"), "{refusal}");
    verify_key_matches(&leaf(cli, "both").await, &files.key).unwrap();
    let key_file = dir.join("exported.key");
    let exported = key_file.to_str().unwrap();
    cli.ok(&["cert", "export", "both", "--key", exported])
        .await
        .unwrap();
    let exported = KeyPair::from_pem(&std::fs::read_to_string(&key_file).unwrap()).unwrap();
    assert_eq!(exported.spki_der(), files.key.spki_der());
    let shown = cli.ok(&["cert", "show", "both"]).await.unwrap();
    assert!(shown.contains("here, with an uploaded CSR"), "{shown}");
    assert!(shown.contains("*.both.example.org"), "{shown}");
}

async fn csr_alone(cli: &Cli, dir: &Path) {
    let files = Files::new(dir, "alone", &["alone.example.org"]);
    let issue = |store| {
        vec![
            "cert",
            "issue",
            "alone",
            "--csr",
            files.csr(),
            "--vendor",
            "local",
            "--store",
            store,
            "--wait",
        ]
    };

    let (_, refusal) = cli.fails(&issue("zero-touch")).await.unwrap();
    cli.ok(&issue("certificate")).await.unwrap();

    assert!(
        refusal.contains("zero-touch store delivers private keys"),
        "{refusal}"
    );
    verify_key_matches(&leaf(cli, "alone").await, &files.key).unwrap();
    let key_file = dir.join("none.key");
    let (_, refusal) = cli
        .fails(&[
            "cert",
            "export",
            "alone",
            "--key",
            key_file.to_str().unwrap(),
        ])
        .await
        .unwrap();
    assert!(refusal.contains("not here"), "{refusal}");
    let shown = cli.ok(&["cert", "show", "alone"]).await.unwrap();
    assert!(shown.contains("elsewhere; only its CSR is here"), "{shown}");

    let next = Files::new(dir, "next", &["alone.example.org", "next.example.org"]);
    cli.ok(&["cert", "change", "alone", "--csr", next.csr()])
        .await
        .unwrap();
    cli.ok(&["cert", "renew", "alone", "--wait"]).await.unwrap();
    verify_key_matches(&leaf(cli, "alone").await, &next.key).unwrap();
}

async fn own_key_and_subject(cli: &Cli, dir: &Path) {
    let files = Files::new(dir, "own", &["own.example.org"]);

    cli.ok(&[
        "cert",
        "issue",
        "own",
        "--domain",
        "own.example.org,www.own.example.org",
        "--vendor",
        "local",
        "--key-file",
        files.key(),
        "--subject",
        "CN=own.example.org,O=Example Ltd,C=CH",
        "--dns-provider",
        "dns",
        "--lifetime",
        "30d",
        "--reuse-key",
        "--wait",
    ])
    .await
    .unwrap();

    let issued = leaf(cli, "own").await;
    verify_key_matches(&issued, &files.key).unwrap();
    let days = issued
        .not_before()
        .duration_until(issued.not_after())
        .as_hours()
        / 24;
    assert!((29..=30).contains(&days), "{days} days");
    let shown = cli.json(&["cert", "show", "own"]).await.unwrap();
    assert_eq!(
        shown["certificate"]["subject"]["organization"],
        "Example Ltd"
    );
    assert_eq!(shown["certificate"]["lifetime"], "30d");
    let (_, refusal) = cli
        .fails(&[
            "cert",
            "issue",
            "lost",
            "--domain",
            "lost.example.org",
            "--vendor",
            "local",
            "--dns-provider",
            "TestDNS",
        ])
        .await
        .unwrap();
    assert!(
        refusal.contains("DNS Provider - TestDNS does not exist or is not active."),
        "{refusal}"
    );
}

async fn the_same_again(cli: &Cli) {
    let issue = |name| {
        vec![
            "cert",
            "issue",
            name,
            "--domain",
            "again.example.org",
            "--vendor",
            "local",
            "--auto-renew",
            "--wait",
        ]
    };
    cli.ok(&issue("first")).await.unwrap();

    let (_, refusal) = cli.fails(&issue("second")).await.unwrap();
    let mut forced = issue("second");
    forced.push("--force");
    cli.ok(&forced).await.unwrap();

    let words = "Domains not changed. Certificate with same configuration already exists.";
    assert!(refusal.contains(words), "{refusal}");
    assert!(refusal.contains("--force"), "{refusal}");
}
