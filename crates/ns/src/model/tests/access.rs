//! Groups and command policies; names that change; priorities.

use super::*;

#[test]
fn a_users_own_policies_come_before_those_of_the_groups() {
    let config = config(
        "add system cmdPolicy own ALLOW ^show.*
         add system cmdPolicy first DENY ^add.*
         add system cmdPolicy second ALLOW ^add.*
         add system user u pw
         add system user v pw
         add system group g1
         add system group g2
         bind system user u own 100
         bind system group g1 -userName u
         bind system group g1 -policyName second 20
         bind system group g2 -userName U
         bind system group g2 -userName v
         bind system group g2 -policyName first 10",
    );
    let names = |user: &str| -> Vec<String> {
        let policies = config.cmd_policies_of(user).into_iter();
        policies.map(|policy| policy.name).collect()
    };

    assert_eq!(names("u"), ["own", "first", "second"]);
    assert_eq!(names("v"), ["first"]);
    assert!(!config.cmd_policies_of("v")[0].allows);
    assert!(names("nobody").is_empty());
}

#[test]
fn what_is_bound_must_be_there_and_cannot_be_removed() {
    let mut config = config(
        "add system cmdPolicy p ALLOW .*
         add system user u pw
         bind system user u p 1",
    );

    insta::assert_snapshot!(refused(&mut config, "bind system user u nothing 2"), @"ERROR: System command policy does not exist [policyName, nothing]");
    insta::assert_snapshot!(refused(&mut config, "rm system cmdPolicy p"), @"ERROR: Object in use, cannot delete [system user u]");
    insta::assert_snapshot!(refused(&mut config, "rm system group g"), @"ERROR: System group does not exist [groupName, g]");
    insta::assert_snapshot!(refused(&mut config, "rm system cmdPolicy superuser"), @"ERROR: Operation not permitted [superuser]");
}

#[test]
fn whatever_names_an_object_follows_its_new_name() {
    let mut config = config(WEB);
    effect(&mut config, "add cs vserver c HTTP 192.0.2.90 80");
    effect(&mut config, "bind cs vserver c -lbvserver v1");
    effect(&mut config, "add lb vserver w HTTP");
    effect(&mut config, "set lb vserver w -backupVServer V1");

    effect(&mut config, "rename lb vserver v1 vs_web");
    effect(&mut config, "rename server s1 app");
    effect(&mut config, "rename service svc1 app-8080");

    let web = config.vserver("vs_web").unwrap();
    assert_eq!(web.services[0].name, "app-8080");
    assert_eq!(web.services[0].server, "app");
    assert_eq!(web.ssl.unwrap().server_certkeys[0].name, "web1");
    let backup = config.vserver("w").unwrap().backup;
    assert_eq!(backup.as_deref(), Some("vs_web"));
    let target = config.cs_vservers().next().unwrap().default_target;
    assert_eq!(target.as_deref(), Some("vs_web"));
    assert!(config.vserver("v1").is_none());
    insta::assert_snapshot!(refused(&mut config, "rename lb vserver vs_web c"), @"ERROR: Resource already exists [newName, c]");
    insta::assert_snapshot!(refused(&mut config, "rename lb vserver v1 x"), @"ERROR: No such resource [name, v1]");
    assert_eq!(
        effect(&mut config, "rename lb vserver vs_web VS_WEB"),
        Effect::Changed
    );
}

#[test]
fn a_priority_is_one_policys_in_its_bank() {
    let mut config = config(
        "enable ns feature LB RESPONDER
         add lb vserver v HTTP
         add responder policy p true NOOP
         add responder policy q true NOOP
         bind lb vserver v -policyName p -priority 10
         bind responder global p 10 END -type REQ_OVERRIDE",
    );

    insta::assert_snapshot!(refused(&mut config, "bind lb vserver v -policyName q -priority 10 -type REQUEST"), @"ERROR: Resource in use [priority, 10]");
    insta::assert_snapshot!(refused(&mut config, "bind responder global q 10 END -type REQ_OVERRIDE"), @"ERROR: Resource in use [priority, 10]");
    assert_eq!(
        effect(&mut config, "bind responder global q 10 END"),
        Effect::Bound
    );
    assert_eq!(
        effect(&mut config, "unbind responder global p -type REQ_OVERRIDE"),
        Effect::Unbound
    );
    insta::assert_snapshot!(saved(&config).lines().last().unwrap(), @"bind responder global q 10 END");
    assert_eq!(
        effect(&mut config, "unbind responder global q -type REQ_DEFAULT"),
        Effect::Unbound
    );
}

#[test]
fn node_0_is_meant_when_no_node_is_named() {
    let mut config = config("set HA node -haStatus STAYPRIMARY");

    let node = config.object("HA node", "0").unwrap();
    assert!(node.is("haStatus", "STAYPRIMARY"));
    effect(&mut config, "unset HA node -haStatus");
    assert!(
        config
            .object("HA node", "0")
            .unwrap()
            .is("haStatus", "ENABLED")
    );
}

#[test]
fn virtual_servers_of_all_kinds_share_their_names_and_addresses() {
    let mut config = config(
        "add vpn vserver gw SSL 192.0.2.5 443
         add ssl certKey c -cert c.pem -key c.key
         bind ssl vserver gw -certkeyName c",
    );

    insta::assert_snapshot!(refused(&mut config, "add lb vserver GW HTTP"), @"ERROR: Resource already exists [name, GW]");
    insta::assert_snapshot!(refused(&mut config, "add lb vserver v HTTP 192.0.2.5 443"), @"ERROR: Address already in use [192.0.2.5:443]");
    insta::assert_snapshot!(refused(&mut config, "rm ssl certKey c"), @"ERROR: Certificate is referenced by a CRL, OCSP responder, vserver, service, monitor, SSL profile, another certificate, or a policy expression using XML_ENCRYPT()/XML_DECRYPT() [ssl vserver gw]");
}

#[test]
fn an_address_is_known_whatever_was_changed_before() {
    let mut config = config(
        "add lb vserver a HTTP 192.0.2.1 80
         add lb vserver b HTTP 192.0.2.2 80
         set lb vserver a -cltTimeout 5",
    );
    let taken = |config: &mut Config, ip: &str| {
        let line = format!("add lb vserver new HTTP {ip} 80");
        let was_taken = apply(config, &line).is_err();
        if !was_taken {
            effect(config, "rm lb vserver new");
        }
        was_taken
    };

    assert!(taken(&mut config, "192.0.2.1") && taken(&mut config, "192.0.2.2"));
    effect(&mut config, "set lb vserver a -IPAddress 192.0.2.3");
    assert!(!taken(&mut config, "192.0.2.1") && taken(&mut config, "192.0.2.3"));
    effect(&mut config, "set lb vserver b -IPAddress 192.0.2.1");
    assert!(taken(&mut config, "192.0.2.1") && !taken(&mut config, "192.0.2.2"));
    effect(&mut config, "rm lb vserver b");
    assert!(!taken(&mut config, "192.0.2.1") && taken(&mut config, "192.0.2.3"));
}
