//! A site's ns.conf, as an appliance of release 13.1 would have saved it.

use evercert_ns::grammar::print;
use evercert_ns::model::{ClientAuth, RevocationCheck};
use evercert_ns::nsconf::{self, Loaded, Policy};

const SITE: &str = include_str!("samples/site.conf");

fn site() -> Loaded {
    nsconf::load(SITE, Policy::Strict).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_line_is_carried_out() {
    let loaded = site();

    assert_eq!(loaded.errors, []);
    assert_eq!(loaded.warnings, []);
    assert!(nsconf::parse(SITE).commands.len() > 80);
}

#[test]
fn printing_what_was_loaded_is_stable() {
    let once = nsconf::print(&site().config);
    let again = nsconf::load(&once, Policy::Strict).unwrap().config;

    assert_eq!(nsconf::print(&again), once);
    insta::assert_snapshot!(once);
}

#[test]
fn what_is_printed_says_the_same_as_the_file() {
    let loaded = site();
    let again = nsconf::load(&nsconf::print(&loaded.config), Policy::Strict).unwrap();

    let views: Vec<_> = loaded.config.vservers().collect();
    assert_eq!(again.config.vservers().collect::<Vec<_>>(), views);
    let switches: Vec<_> = loaded.config.cs_vservers().collect();
    assert_eq!(again.config.cs_vservers().collect::<Vec<_>>(), switches);
}

#[test]
fn the_data_plane_sees_what_was_configured() {
    let config = site().config;
    let web = config.vserver("vs_web").unwrap();
    let mtls = config.vserver("vs_mtls").unwrap();

    let ssl = web.ssl.unwrap();
    assert_eq!(ssl.server_certkeys[0].name, "web1");
    assert_eq!(ssl.server_certkeys[0].chain, ["r1"]);
    assert_eq!(ssl.sni_certkeys[0].name, "shop");
    assert!(ssl.versions.tls12 && ssl.versions.tls13);
    assert_eq!(ssl.default_sni.as_deref(), Some("www.example.com"));
    assert_eq!(ssl.curves, ["P_256", "X_25519"]);
    assert!(ssl.hsts.unwrap().include_subdomains);
    let weights: Vec<_> = web.services.iter().map(|service| service.weight).collect();
    assert_eq!(weights, [1, 20]);
    assert_eq!(web.backup.as_deref(), Some("vs_sorry"));

    let client = mtls.ssl.unwrap();
    assert_eq!(client.client_auth, ClientAuth::Mandatory);
    assert_eq!(
        client.ca_certkeys[0].revocation,
        RevocationCheck::CrlMandatory
    );
    let backend = mtls.services[0].ssl.as_ref().unwrap();
    assert!(backend.server_auth && backend.dynamic_client_cert.is_some());
    assert_eq!(backend.forging_ca.as_ref().unwrap().name, "forge-ca");
    assert_eq!(mtls.services.len(), 3);
}

#[test]
fn secrets_are_in_the_file_and_nowhere_else() {
    let config = site().config;
    let shop = config.certkey("shop").unwrap();

    assert_eq!(
        shop.password
            .as_ref()
            .map(|secret| secret.expose().as_str()),
        Some(r#"s3cret "quoted" \ phrase"#)
    );
    assert!(!format!("{config:?} {shop:?}").contains("s3cret"));
    let shown: Vec<_> = config
        .to_commands()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(!shown.join("\n").contains("s3cret"));
    let saved: Vec<_> = config.to_commands().iter().map(print).collect();
    assert!(saved.join("\n").contains("s3cret"));
}
