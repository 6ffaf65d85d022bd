//! Certificates beyond pairs: bundles, the gateway's, revocation.

use std::time::Duration;

use super::*;
use crate::model::{CrlInterval, CrlSource};

#[test]
fn a_certificate_of_the_gateway_cannot_be_updated() {
    let mut config = config(
        "add ssl certKey c -cert c.pem -key c.key
         bind vpn global -certkeyName c",
    );

    let refusal = refused(&mut config, "update ssl certKey c -cert d.pem -key d.key");

    assert!(refusal.contains("[vpn global]"), "{refusal}");
    assert_eq!(config.vpn_global().certkeys, ["c"]);
    effect(&mut config, "unbind vpn global -certkeyName c");
    assert_eq!(
        effect(&mut config, "update ssl certKey c -cert d.pem -key d.key"),
        Effect::Changed
    );
}

#[test]
fn a_bundle_is_served_like_a_certificate() {
    let config = config(
        "add lb vserver v SSL 192.0.2.1 443
         add ssl certKeyBundle b -bundleFile b.pem -passplain secret
         add ssl certKeyBundle s -bundleFile s.pem
         bind ssl vserver v -certkeyBundleName b
         bind ssl vserver v -certkeyBundleName s -SNICertkeybundle",
    );

    let ssl = config.vserver("v").unwrap().ssl.unwrap();

    assert_eq!(ssl.server_certkeys[0].name, "b");
    assert_eq!(ssl.sni_certkeys[0].name, "s");
    let bundle = config.certkey("b").unwrap();
    assert_eq!(
        (bundle.cert.as_str(), bundle.key.as_deref()),
        ("b.pem", Some("b.pem"))
    );
    assert!(!bundle.bundle && bundle.password.is_some());
}

#[test]
fn revocation_is_seen_with_its_defaults() {
    let mut config = config(
        "add ssl certKey ca -cert ca.pem
         add ssl ocspResponder o1 -url http://o1.example/ -cache ENABLED -cacheTimeout 5
         add ssl ocspResponder o2 -url http://o2.example/
         bind ssl certKey ca -ocspResponder o1 -priority 20
         bind ssl certKey ca -ocspResponder o2 -priority 10
         add ssl crl c ca.crl -CAcert ca -refresh ENABLED -url http://ca.example/crl -interval DAILY -time 03:30",
    );

    let responders = config.ocsp_responders_of("ca");
    let crl = &config.crls_of("CA")[0];

    assert_eq!([&responders[0].name, &responders[1].name], ["o2", "o1"]);
    assert_eq!(responders[0].cache_timeout, None);
    assert_eq!(responders[1].cache_timeout, Some(Duration::from_mins(5)));
    assert_eq!(
        responders[1].produced_at_time_skew,
        Duration::from_secs(300)
    );
    assert_eq!(
        (crl.interval, crl.time),
        (CrlInterval::Daily, Some((3, 30)))
    );
    assert_eq!(
        crl.source,
        Some(CrlSource::Http {
            url: "http://ca.example/crl".to_owned()
        })
    );
    insta::assert_snapshot!(refused(&mut config, "set ssl crl c -time 24:00"), @"ERROR: Invalid argument value [time, 24:00]");
    insta::assert_snapshot!(refused(&mut config, "rm ssl ocspResponder o1"), @"ERROR: Object in use, cannot delete [ssl certKey ca]");
}

#[test]
fn another_key_takes_the_place_of_one_in_a_module() {
    let mut config = config("add ssl certKey c -cert c.pem -hsmKey h");

    effect(&mut config, "update ssl certKey c -cert c.pem -key c.key");

    insta::assert_snapshot!(saved(&config).lines().last().unwrap(), @"add ssl certKey c -cert c.pem -key c.key");
}

#[test]
fn what_is_made_or_uploaded_is_no_part_of_the_configuration() {
    let mut config = Config::new();

    for line in [
        "add system file a.pem -fileLocation /nsconfig/ssl -fileContent LS0t",
        "create ssl rsakey a.key 2048",
        "create ssl certReq a.csr -keyFile a.key -countryName CH -stateName Bern -organizationName Example",
        "convert ssl pkcs12 a.pem -import -pkcs12File a.pfx",
        "import ssl certFile a http://192.0.2.1/a.pem",
        "kill system session -all",
        "force HA sync -force",
        "create ssl crl ca.pem ca.key index.txt -genCRL ca.crl",
    ] {
        assert_eq!(effect(&mut config, line), Effect::Unchanged, "{line}");
    }
    assert_eq!(config, Config::new());
}

#[test]
fn there_is_but_the_default_partition_to_work_in() {
    let mut config = config("add ns partition p1 -maxConn 100");

    assert_eq!(
        effect(&mut config, "switch ns partition default"),
        Effect::Unchanged
    );
    insta::assert_snapshot!(refused(&mut config, "switch ns partition p1"), @"ERROR: Operation not supported [p1]");
    insta::assert_snapshot!(refused(&mut config, "switch ns partition p2"), @"ERROR: No such resource [partitionName, p2]");
}
