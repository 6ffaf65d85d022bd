//! Names must exist, what exists is not added again, what is used is not removed.

use super::*;

#[test]
fn names_must_exist_when_they_are_used() {
    let mut config = config(WEB);

    insta::assert_snapshot!(refused(&mut config, "bind lb vserver v1 svc9"), @"ERROR: No Service [serviceName, svc9]");
    insta::assert_snapshot!(refused(&mut config, "bind lb vserver v9 svc1"), @"ERROR: No such resource [name, v9]");
    insta::assert_snapshot!(refused(&mut config, "bind ssl vserver v1 -certkeyName web9"), @"ERROR: Certificate does not exist [certkeyName, web9]");
    insta::assert_snapshot!(refused(&mut config, "bind ssl vserver v9 -certkeyName web1"), @"ERROR: No SSL vserver/service found with this name [v9]");
    insta::assert_snapshot!(refused(&mut config, "add service svc2 s9 HTTP 80"), @"ERROR: No such server [serverName, s9]");
    insta::assert_snapshot!(refused(&mut config, "set ssl vserver v1 -sslProfile p9"), @"ERROR: No such resource [sslProfile, p9]");
    insta::assert_snapshot!(refused(&mut config, "set ssl service svc9 -tls13 ENABLED"), @"ERROR: No SSL vserver/service found with this name [svc9]");
    insta::assert_snapshot!(refused(&mut config, "set lb vserver v9 -cltTimeout 5"), @"ERROR: No such resource [name, v9]");
    insta::assert_snapshot!(refused(&mut config, "rm ssl certKey web9"), @"ERROR: Certificate does not exist [certkeyName, web9]");
    insta::assert_snapshot!(refused(&mut config, "rm service svc9"), @"ERROR: No Service [name, svc9]");
    insta::assert_snapshot!(refused(&mut config, "link ssl certKey web1 ca9"), @"ERROR: Certificate does not exist [linkCertKeyName, ca9]");
    insta::assert_snapshot!(refused(&mut config, "update ssl certKey web9 -cert a"), @"ERROR: Certificate does not exist [certkeyName, web9]");
    insta::assert_snapshot!(refused(&mut config, "add responder policy p TRUE act9"), @"ERROR: Action does not exist [action, act9]");
    insta::assert_snapshot!(refused(&mut config, "add cs action a -targetLBVserver v9"), @"ERROR: No such resource [targetLBVserver, v9]");
    insta::assert_snapshot!(refused(&mut config, "bind service svc1 -monitorName m9"), @"ERROR: No such resource [monitorName, m9]");
    insta::assert_snapshot!(refused(&mut config, "add lb vserver v2 HTTP -httpProfileName p9"), @"ERROR: No such resource [httpProfileName, p9]");
}

#[test]
fn what_exists_is_not_added_again() {
    let mut config = config(WEB);

    insta::assert_snapshot!(refused(&mut config, "add ssl certKey WEB1 -cert a"), @"ERROR: Resource already exists [certkeyName, WEB1]");
    insta::assert_snapshot!(refused(&mut config, "add server s1 192.0.2.99"), @"ERROR: Resource already exists [name, s1]");
    insta::assert_snapshot!(refused(&mut config, "bind lb vserver v1 svc1 -weight 5"), @"ERROR: Resource already exists [serviceName, svc1]");
    insta::assert_snapshot!(refused(&mut config, "add lb vserver v2 TCP 192.0.2.80 443"), @"ERROR: Address already in use [192.0.2.80:443]");
    apply(&mut config, "add responder action a1 noop").unwrap();
    insta::assert_snapshot!(refused(&mut config, "add responder action a1 noop"), @"ERROR: Action name is already in use [name, a1]");
}

#[test]
fn what_is_used_is_not_removed() {
    let mut config = config(WEB);
    for line in [
        "link ssl certKey web1 ca1",
        "add cs action csa1 -targetLBVserver v1",
        "add cs policy csp1 -rule TRUE -action csa1",
        "add ssl profile p1",
        "set ssl vserver v1 -sslProfile p1",
        "add responder action a1 noop",
        "add responder policy rp1 TRUE a1",
        "add lb monitor m1 HTTP",
        "bind service svc1 -monitorName m1",
    ] {
        apply(&mut config, line).unwrap();
    }

    insta::assert_snapshot!(refused(&mut config, "rm ssl certKey web1"), @"ERROR: Certificate is referenced by a CRL, OCSP responder, vserver, service, monitor, SSL profile, another certificate, or a policy expression using XML_ENCRYPT()/XML_DECRYPT() [ssl vserver v1]");
    insta::assert_snapshot!(refused(&mut config, "rm ssl certKey ca1"), @"ERROR: Certificate is referenced by a CRL, OCSP responder, vserver, service, monitor, SSL profile, another certificate, or a policy expression using XML_ENCRYPT()/XML_DECRYPT() [ssl certKey web1]");
    insta::assert_snapshot!(refused(&mut config, "rm server s1"), @"ERROR: Object in use, cannot delete [service svc1]");
    insta::assert_snapshot!(refused(&mut config, "rm service svc1"), @"ERROR: Object in use, cannot delete [lb vserver v1]");
    insta::assert_snapshot!(refused(&mut config, "rm lb vserver v1"), @"ERROR: Object in use, cannot delete [cs action csa1]");
    insta::assert_snapshot!(refused(&mut config, "rm cs action csa1"), @"ERROR: Object in use, cannot delete [cs policy csp1]");
    insta::assert_snapshot!(refused(&mut config, "rm ssl profile p1"), @"ERROR: Profile is in use [ssl vserver v1]");
    insta::assert_snapshot!(refused(&mut config, "rm responder action a1"), @"ERROR: Object in use, cannot delete [responder policy rp1]");
    insta::assert_snapshot!(refused(&mut config, "rm lb monitor m1 HTTP"), @"ERROR: Object in use, cannot delete [service svc1]");
}

#[test]
fn removing_a_vserver_removes_its_ssl_side() {
    let mut config = config(WEB);

    apply(&mut config, "rm lb vserver v1").unwrap();
    apply(&mut config, "rm ssl certKey web1").unwrap();
    apply(&mut config, "add lb vserver v1 SSL 192.0.2.80 443").unwrap();

    assert!(
        config
            .vserver("v1")
            .unwrap()
            .ssl
            .unwrap()
            .server_certkeys
            .is_empty()
    );
}

#[test]
fn links_follow_netscalers_rules() {
    let mut config = config(WEB);

    insta::assert_snapshot!(refused(&mut config, "unlink ssl certKey web1"), @"ERROR: Certificate does not have any CA link");
    insta::assert_snapshot!(refused(&mut config, "link ssl certKey web1 WEB1"), @"ERROR: Certificate can't be linked to the same certificate");
    assert_eq!(
        effect(&mut config, "link ssl certKey web1 CA1"),
        Effect::Changed
    );
    insta::assert_snapshot!(refused(&mut config, "link ssl certKey web1 ca1"), @"ERROR: Resource already exists [linkCertKeyName, ca1]");
    assert_eq!(config.certkey_chain("web1").len(), 2);
    assert_eq!(
        config.certkey("web1").unwrap().linked.as_deref(),
        Some("ca1")
    );
    assert_eq!(
        effect(&mut config, "unlink ssl certKey web1"),
        Effect::Changed
    );
}

#[test]
fn a_loop_of_links_ends() {
    let config = config(
        "add ssl certKey a -cert a
         add ssl certKey b -cert b
         link ssl certKey a b
         link ssl certKey b a",
    );

    assert_eq!(config.certkey_chain("a").len(), 2);
}

#[test]
fn service_types_must_fit_the_vserver() {
    let mut config = config(
        "add service http 192.0.2.11 HTTP 80
         add service ssl 192.0.2.11 SSL 443
         add service tcp 192.0.2.11 TCP 25
         add lb vserver v SSL 192.0.2.80 443
         add lb vserver t SSL_TCP 192.0.2.80 8443
         bind lb vserver v http
         bind lb vserver v ssl
         bind lb vserver t tcp",
    );

    insta::assert_snapshot!(refused(&mut config, "bind lb vserver v tcp"), @"ERROR: Vserver type mismatch [serviceName, tcp]");
    insta::assert_snapshot!(refused(&mut config, "bind lb vserver t http"), @"ERROR: Vserver type mismatch [serviceName, http]");
}

#[test]
fn datagrams_and_streams_share_a_port() {
    let mut config = config("add lb vserver u DNS 192.0.2.53 53");

    assert_eq!(
        effect(&mut config, "add lb vserver t DNS_TCP 192.0.2.53 53"),
        Effect::Added
    );
    assert_eq!(
        effect(&mut config, "add lb vserver a HTTP 0.0.0.0 0"),
        Effect::Added
    );
    assert_eq!(effect(&mut config, "add lb vserver b HTTP"), Effect::Added);
    insta::assert_snapshot!(refused(&mut config, "set lb vserver a -IPAddress 300.1.1.1"), @"Invalid IP address [300.1.1.1]");
    apply(&mut config, "add lb vserver c HTTP 192.0.2.54 53").unwrap();
    insta::assert_snapshot!(refused(&mut config, "set lb vserver c -IPAddress 192.0.2.53"), @"ERROR: Address already in use [192.0.2.53:53]");
}

#[test]
fn a_server_named_by_another_address_is_saved_and_read_as_the_same() {
    let lines = "add server 192.0.2.7 192.0.2.101
                 add service svc 192.0.2.101 HTTP 80
                 add serviceGroup sg HTTP
                 bind serviceGroup sg 192.0.2.101 80
                 add server 2001:db8::07 2001:db8::15
                 add service six 2001:db8::15 HTTP 80";
    let before = config(lines);

    let text = saved(&before);
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let after = config(&lines.join("\n"));

    assert!(after == before, "{}", saved(&before));
    let address = after.service("svc").unwrap().address;
    assert_eq!(address, ServiceAddress::Ip([192, 0, 2, 101].into()));
}

#[test]
fn a_monitor_keeps_its_type_whatever_is_unset() {
    let mut config = config("add lb monitor m HTTP -respCode 200 -secure YES");

    insta::assert_snapshot!(refused(&mut config, "unset lb monitor m TCP -secure"), @"ERROR: Invalid argument value [type, TCP]");
    apply(&mut config, "unset lb monitor m HTTP -respCode -secure").unwrap();

    assert_eq!(
        config.object("lb monitor", "m").unwrap().text("type"),
        Some("HTTP")
    );
    assert!(saved(&config).contains("add lb monitor m HTTP"));
}
