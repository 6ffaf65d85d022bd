//! certbot from Debian gets certificates from the Local CA.

use std::path::Path;

use evercert_testkit::skip::{announce, require_program};
use evercert_x509::{Chain, verify_chain_links, verify_names};
use tokio::process::Command;

use crate::support::program::{run, succeeded, write_script};
use crate::support::responder::reserve;
use crate::support::world::World;

/// certbot with everything it writes in a directory, trusting the CA's HTTPS.
fn certbot(program: &Path, world: &World, dir: &Path) -> Command {
    let root = dir.join("root.pem");
    std::fs::write(&root, world.ca.tls_root_pem()).unwrap();
    let mut command = Command::new(program);
    command
        .env("REQUESTS_CA_BUNDLE", root)
        .args([
            "--non-interactive",
            "--agree-tos",
            "--email",
            "admin@a.example",
        ])
        .args(["--server", &world.ca.directory_url()])
        .arg("--config-dir")
        .arg(dir.join("config"))
        .arg("--work-dir")
        .arg(dir.join("work"))
        .arg("--logs-dir")
        .arg(dir.join("logs"));
    command
}

fn check(world: &World, dir: &Path, names: &[&str]) {
    let file = dir.join("config/live/it/fullchain.pem");
    let chain = Chain::from_pem(&std::fs::read_to_string(file).unwrap()).unwrap();
    verify_chain_links(&chain).unwrap();
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    verify_names(chain.leaf(), &names).unwrap();
    let root = evercert_x509::Certificate::from_pem(&world.ca.root_pem()).unwrap();
    assert!(chain.intermediates()[0].is_signed_by(&root));
}

#[tokio::test]
async fn certbot_issues_by_http01_renews_and_revokes() {
    let program = match require_program("certbot", "certbot") {
        Ok(program) => program,
        Err(missing) => return announce(&missing),
    };
    let (port, listener) = reserve().await;
    drop(listener);
    let world = World::with(|config| config.http01_port = port).await;
    let dir = tempfile::tempdir().unwrap();

    let port = port.to_string();
    let issued = run(certbot(&program, &world, dir.path())
        .args(["certonly", "--standalone", "--preferred-challenges", "http"])
        .args(["--http-01-port", &port, "--cert-name", "it"])
        .args(["-d", "a.example", "-d", "b.example"]))
    .await;
    succeeded(&issued);
    check(&world, dir.path(), &["a.example", "b.example"]);
    let renewed = run(certbot(&program, &world, dir.path())
        .args(["renew", "--force-renewal", "--no-random-sleep-on-renew"])
        .args(["--http-01-port", &port]))
    .await;
    succeeded(&renewed);
    assert_eq!(world.ca.issued(), 2);
    let file = dir.path().join("config/live/it/cert.pem");
    let leaf = std::fs::read_to_string(&file).unwrap();
    let revoked = run(certbot(&program, &world, dir.path()).args([
        "revoke",
        "--reason",
        "superseded",
        "--cert-name",
        "it",
    ]))
    .await;
    succeeded(&revoked);

    let leaf = evercert_x509::Certificate::from_pem(&leaf).unwrap();
    assert_eq!(world.ca.revocation_reason(leaf.fingerprint()), Some(4));
}

#[tokio::test]
async fn certbot_issues_a_wildcard_by_dns01() {
    let program = match require_program("certbot", "certbot") {
        Ok(program) => program,
        Err(missing) => return announce(&missing),
    };
    let world = World::start().await;
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    std::fs::create_dir(&records).unwrap();
    world.dns.read_files_of(records.clone());
    let hook = dir.path().join("hook.sh");
    let line = "echo \"$CERTBOT_VALIDATION\" >>";
    let text = format!(
        "#!/bin/sh\n{line} '{}'/_acme-challenge.\"$CERTBOT_DOMAIN\"\n",
        records.display()
    );
    write_script(&hook, &text);

    let issued = run(certbot(&program, &world, dir.path())
        .args(["certonly", "--manual", "--preferred-challenges", "dns"])
        .arg("--manual-auth-hook")
        .arg(&hook)
        .args(["--cert-name", "it", "-d", "a.example", "-d", "*.a.example"]))
    .await;

    succeeded(&issued);
    check(&world, dir.path(), &["a.example", "*.a.example"]);
}
