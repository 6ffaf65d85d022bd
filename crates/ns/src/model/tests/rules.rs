//! Effects, built-in objects, clearing, saving, snapshots.

use super::*;
use crate::command::{Command, Verb};

#[test]
fn a_factory_configuration_saves_nothing() {
    assert_eq!(
        saved(&Config::new()),
        format!("#{}\n", crate::nsconf::RELEASE)
    );
}

#[test]
fn effects_tell_what_happened() {
    let mut config = config(WEB);

    assert_eq!(effect(&mut config, "show lb vserver v1"), Effect::Unchanged);
    assert_eq!(
        effect(&mut config, "add server s2 192.0.2.12"),
        Effect::Added
    );
    assert_eq!(
        effect(&mut config, "set lb vserver v1 -cltTimeout 60"),
        Effect::Changed
    );
    assert_eq!(
        effect(&mut config, "set lb vserver v1 -cltTimeout 60"),
        Effect::Unchanged
    );
    assert_eq!(
        effect(&mut config, "unset lb vserver v1 -cltTimeout"),
        Effect::Changed
    );
    assert_eq!(
        effect(&mut config, "unset lb vserver v1 -cltTimeout"),
        Effect::Unchanged
    );
    assert_eq!(
        effect(&mut config, "disable lb vserver v1"),
        Effect::Changed
    );
    assert_eq!(
        effect(&mut config, "disable lb vserver v1"),
        Effect::Unchanged
    );
    assert_eq!(
        effect(&mut config, "bind ssl vserver v1 -certkeyName web1"),
        Effect::Unchanged
    );
    assert_eq!(
        effect(&mut config, "unbind ssl vserver v1 -certkeyName web1"),
        Effect::Unbound
    );
    assert_eq!(effect(&mut config, "rm server s2"), Effect::Removed);
    assert_eq!(effect(&mut config, "save ns config"), Effect::Unchanged);
    assert_eq!(
        effect(&mut config, "clear ns config -force basic"),
        Effect::Cleared
    );
}

#[test]
fn built_in_objects_are_saved_as_far_as_they_were_changed() {
    let config = config(
        "set ns httpProfile nshttp_default_profile -http2 ENABLED
         set ssl profile ns_default_ssl_profile_secure_frontend -tls13 DISABLED
         set lb monitor ldns-dns LDNS-DNS -query . -queryType Address
         set system user nsroot 1abc -encrypted -hashmethod SHA512 -timeout 900",
    );

    insta::assert_snapshot!(saved(&config), @"
    #NS14.1 Build 43.56
    set system user nsroot 1abc -encrypted -hashmethod SHA512 -timeout 900
    set ns httpProfile nshttp_default_profile -http2 ENABLED
    set ssl profile ns_default_ssl_profile_secure_frontend -tls13 DISABLED
    set lb monitor ldns-dns LDNS-DNS -query . -queryType Address
");
}

#[test]
fn a_service_by_address_makes_its_server() {
    let config = config(
        "add service a 192.0.2.11 HTTP 80
         add service b 192.0.2.11 HTTP 81
         add server named 192.0.2.12
         add service c 192.0.2.12 HTTP 80
         add service d ::1 HTTP 80
         set service b -IPAddress 192.0.2.13",
    );

    insta::assert_snapshot!(saved(&config), @"
    #NS14.1 Build 43.56
    add server 192.0.2.11 192.0.2.11
    add server named 192.0.2.12
    add server ::1 ::1
    add server 192.0.2.13 192.0.2.13
    add service a 192.0.2.11 HTTP 80
    add service b 192.0.2.13 HTTP 81
    add service c named HTTP 80
    add service d ::1 HTTP 80
");
    assert_eq!(
        config.service("b").unwrap().address,
        ServiceAddress::Ip("192.0.2.13".parse().unwrap())
    );
}

#[test]
fn features_and_modes_are_lists() {
    let mut config = config("enable ns feature SSL lb\nenable ns feature CS\nenable ns mode L3");

    assert_eq!(config.features(), ["LB", "CS", "SSL"]);
    assert_eq!(config.modes(), ["L3"]);
    apply(&mut config, "disable ns feature CS").unwrap();
    assert!(config.has_feature("lb") && !config.has_feature("CS"));
}

#[test]
fn a_feature_that_is_off_is_warned_about() {
    let mut config = Config::new();

    let applied = apply(&mut config, "add lb vserver v HTTP").unwrap();

    assert_eq!(
        applied.warnings[0].rendered_as_warning(),
        "Warning: Feature(s) not enabled [LB]"
    );
}

#[test]
fn clearing_keeps_what_its_level_keeps() {
    let lines = format!(
        "{WEB}\nset ns config -IPAddress 192.0.2.1 -netmask 255.255.255.0\nset ns hostName adc1\nenable ns mode L3"
    );
    let cleared = |level: &str| {
        let mut config = config(&lines);
        apply(&mut config, &format!("clear ns config -force {level}")).unwrap();
        saved(&config)
    };

    insta::assert_snapshot!(cleared("basic"), @"
    #NS14.1 Build 43.56
    set ns config -IPAddress 192.0.2.1 -netmask 255.255.255.0
    enable ns feature LB SSL
    enable ns mode L3
    set ns hostName adc1
");
    insta::assert_snapshot!(cleared("extended"), @"
    #NS14.1 Build 43.56
    set ns config -IPAddress 192.0.2.1 -netmask 255.255.255.0
    set ns hostName adc1
");
    insta::assert_snapshot!(cleared("full"), @"
    #NS14.1 Build 43.56
    set ns config -IPAddress 192.0.2.1 -netmask 255.255.255.0
");
}

#[test]
fn a_snapshot_does_not_change_with_the_configuration() {
    let mut config = config(WEB);
    let snapshot = config.clone();

    apply(&mut config, "rm lb vserver v1").unwrap();

    assert!(snapshot.vserver("v1").is_some() && config.vserver("v1").is_none());
}

#[test]
fn commands_make_the_same_configuration_again() {
    let mut config = config(WEB);
    for line in [
        "link ssl certKey web1 ca1",
        "add lb vserver v0 HTTP -backupVServer v1",
        "disable service svc1",
        "set ns hostName adc1",
        "add dns nameServer 192.0.2.53",
    ] {
        apply(&mut config, line).unwrap();
    }

    let mut again = Config::new();
    for command in config.to_commands() {
        again.apply(&command).unwrap();
    }

    assert_eq!(saved(&again), saved(&config));
    insta::assert_snapshot!(saved(&config), @"
    #NS14.1 Build 43.56
    enable ns feature LB SSL
    set ns hostName adc1
    add ssl certKey web1 -cert web1.pem -key web1.key
    add ssl certKey ca1 -cert ca1.pem
    link ssl certKey web1 ca1
    add server s1 192.0.2.11
    add service svc1 s1 HTTP 8080 -state DISABLED
    add lb vserver v1 SSL 192.0.2.80 443
    add lb vserver v0 HTTP
    set lb vserver v0 -backupVServer v1
    bind lb vserver v1 svc1
    add dns nameServer 192.0.2.53
    bind ssl vserver v1 -certkeyName web1
");
}

#[test]
fn a_monitor_keeps_its_type() {
    let mut config = config("add lb monitor m1 HTTP");

    insta::assert_snapshot!(refused(&mut config, "set lb monitor m1 TCP -retries 5"), @"ERROR: Invalid argument value [type, TCP]");
    insta::assert_snapshot!(refused(&mut config, "rm lb monitor m1 TCP"), @"ERROR: Invalid argument value [type, TCP]");
    assert_eq!(effect(&mut config, "rm lb monitor m1"), Effect::Removed);
}

#[test]
fn a_command_made_by_hand_is_checked() {
    let mut config = Config::new();
    let command =
        Command::new(Verb::Add, &catalog::SERVER).with("name", Value::Text("s1".to_owned()));

    let error = config.apply(&command).unwrap_err();

    assert_eq!(
        error.rendered(),
        "ERROR: Required argument missing [IPAddress]"
    );
}

#[test]
fn thousands_of_objects_are_snapshot_and_changed() {
    let mut config = Config::new();
    for n in 0..2000 {
        let ip = format!("10.0.{}.{}", n / 250, n % 250 + 1);
        apply(&mut config, &format!("add service svc{n} {ip} HTTP 80")).unwrap();
        apply(&mut config, &format!("add lb vserver v{n} SSL {ip} 443")).unwrap();
        apply(&mut config, &format!("bind lb vserver v{n} svc{n}")).unwrap();
    }

    let snapshots: Vec<_> = (0..1000).map(|_| config.clone()).collect();

    assert_eq!(snapshots[999].count("service"), 2000);
    assert_eq!(config.count("server"), 2000);
    assert_eq!(
        effect(&mut config, "unbind lb vserver v1999 svc1999"),
        Effect::Unbound
    );
    assert_eq!(effect(&mut config, "rm service svc1999"), Effect::Removed);
    assert_eq!(snapshots[0].services().count(), 2000);
    assert_eq!(
        snapshots[0]
            .vservers()
            .filter(|v| v.services.len() == 1)
            .count(),
        2000
    );
}
