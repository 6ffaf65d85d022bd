//! Commands as requests and back, and what clients really send.

use super::*;
use crate::grammar::{parse_line, print};

fn request(line: &str) -> String {
    let request = to_request(&parse_line(line).unwrap());
    let action = request
        .action
        .map(|a| format!("?action={a}"))
        .unwrap_or_default();
    let name = request.name.map(|n| format!("/{n}")).unwrap_or_default();
    let args: Vec<_> = request
        .args
        .iter()
        .map(|(k, v)| format!("{k}:{v}"))
        .collect();
    let args = if args.is_empty() {
        String::new()
    } else {
        format!("?args={}", args.join(","))
    };
    let body = request
        .body
        .map(|body| format!(" {body}"))
        .unwrap_or_default();
    format!(
        "{:?} {}{name}{action}{args}{body}",
        request.method, request.kind
    )
}

fn line(verb: Verb, kind: &str, json: Json) -> String {
    match from_json(verb, kind, &json) {
        Ok(command) => print(&command),
        Err(error) => error.rendered(),
    }
}

#[test]
fn commands_become_the_requests_of_the_documentation() {
    insta::assert_snapshot!(request("add ssl certKey web1 -cert web1.pem -key web1.key"), @r#"Post sslcertkey {"sslcertkey":{"cert":"web1.pem","certkey":"web1","key":"web1.key"}}"#);
    insta::assert_snapshot!(request("update ssl certKey web1 -cert b.pem -noDomainCheck"), @r#"Post sslcertkey?action=update {"sslcertkey":{"cert":"b.pem","certkey":"web1","nodomaincheck":true}}"#);
    insta::assert_snapshot!(request("link ssl certKey web1 r1"), @r#"Post sslcertkey?action=link {"sslcertkey":{"certkey":"web1","linkcertkeyname":"r1"}}"#);
    insta::assert_snapshot!(request("set ssl certKey web1 -notificationPeriod 20"), @r#"Put sslcertkey {"sslcertkey":{"certkey":"web1","notificationperiod":20}}"#);
    insta::assert_snapshot!(request("rm ssl certKey web1 -deleteFromDevice"), @"Delete sslcertkey/web1?args=deletefromdevice:true");
    insta::assert_snapshot!(request("bind ssl vserver v -certkeyName web1 -SNICert"), @r#"Put sslvserver_sslcertkey_binding {"sslvserver_sslcertkey_binding":{"certkeyname":"web1","snicert":true,"vservername":"v"}}"#);
    insta::assert_snapshot!(request("unbind ssl vserver v -certkeyName web1 -SNICert"), @"Delete sslvserver_sslcertkey_binding/v?args=certkeyname:web1,snicert:true");
    insta::assert_snapshot!(request("unset lb vserver v -lbMethod"), @r#"Post lbvserver?action=unset {"lbvserver":{"lbmethod":true,"name":"v"}}"#);
    insta::assert_snapshot!(request("add service s 10.0.0.1 HTTP 80 -healthMonitor NO"), @r#"Post service {"service":{"healthmonitor":"NO","ip":"10.0.0.1","name":"s","port":80,"servicetype":"HTTP"}}"#);
    insta::assert_snapshot!(request("add service s web1 HTTP 80"), @r#"Post service {"service":{"name":"s","port":80,"servername":"web1","servicetype":"HTTP"}}"#);
    insta::assert_snapshot!(request("set lb monitor m HTTP -interval 2 MIN"), @r#"Put lbmonitor {"lbmonitor":{"interval":"2","monitorname":"m","type":"HTTP","units3":"MIN"}}"#);
    insta::assert_snapshot!(request("enable ns feature LB CS"), @r#"Post nsfeature?action=enable {"nsfeature":{"feature":["LB","CS"]}}"#);
    insta::assert_snapshot!(request("save ns config -all"), @r#"Post nsconfig?action=save {"nsconfig":{"all":true}}"#);
    insta::assert_snapshot!(request("bind responder global p 100 END -type REQ_OVERRIDE"), @r#"Put responderglobal_responderpolicy_binding {"responderglobal_responderpolicy_binding":{"gotopriorityexpression":"END","policyname":"p","priority":100,"type":"REQ_OVERRIDE"}}"#);
    insta::assert_snapshot!(request("rm dns txtRec a.example v"), @"Delete dnstxtrec/a.example?args=String:v");
    insta::assert_snapshot!(request("rm dns txtRec a.example -recordId 7"), @"Delete dnstxtrec/a.example?args=recordid:7");
    insta::assert_snapshot!(request("convert ssl pkcs12 o -import -pkcs12File p.pfx"), @r#"Post sslpkcs12?action=convert {"sslpkcs12":{"Import":true,"outfile":"o","pkcs12file":"p.pfx"}}"#);
    insta::assert_snapshot!(request("rm ssl certFile a"), @"Delete sslcertfile?args=name:a");
    insta::assert_snapshot!(request("force HA failover -force"), @r#"Post hafailover?action=Force {"hafailover":{"force":true}}"#);
    insta::assert_snapshot!(request("switch ns partition p1"), @r#"Post nspartition?action=Switch {"nspartition":{"partitionname":"p1"}}"#);
    insta::assert_snapshot!(request("rename lb vserver a b"), @r#"Post lbvserver?action=rename {"lbvserver":{"name":"a","newname":"b"}}"#);
    insta::assert_snapshot!(request("show lb vserver v"), @"Get lbvserver/v");
    insta::assert_snapshot!(request("stat lb vserver"), @"Get lbvserver");
}

#[test]
fn clients_may_send_what_clients_send() {
    insta::assert_snapshot!(line(Verb::Add, "SSLcertkey", json!({"certkey":"w","cert":"a","Inform":"pfx","password":true,"passplain":"x","notificationperiod":"20"})), @"add ssl certKey w -cert a -inform PFX -password -passplain x -notificationPeriod 20");
    insta::assert_snapshot!(line(Verb::Add, "service", json!({"name":"s","ip":"1.2.3.4","servicetype":"HTTP","port":"80","healthmonitor":false})), @"add service s 1.2.3.4 HTTP 80 -healthMonitor NO");
    insta::assert_snapshot!(line(Verb::Bind, "lbvserver_servicegroup_binding", json!({"name":"v","servicegroupname":"g","weight":2})), @"bind lb vserver v g -weight 2");
    insta::assert_snapshot!(line(Verb::Bind, "sslvserver_sslcertkey_binding", json!({"vservername":"v","certkeyname":"c","snicert":"true","ca":false})), @"bind ssl vserver v -certkeyName c -SNICert");
    insta::assert_snapshot!(line(Verb::Bind, "sslprofile_sslcertkey_binding", json!({"name":"p","certkeyname":"ca","forgingcacertkey":true})), @"bind ssl profile p -certkeyName ca -forgingCACertkey");
    insta::assert_snapshot!(line(Verb::Bind, "sslprofile_sslcertkey_binding", json!({"name":"p","sslicacertkey":"ca"})), @"bind ssl profile p -ssliCACertkey ca");
    insta::assert_snapshot!(line(Verb::Add, "server", json!({"name":"s","domain":"a.example"})), @"add server s a.example");
    insta::assert_snapshot!(line(Verb::Enable, "nsfeature", json!({"feature":["lb","SSL"]})), @"enable ns feature LB SSL");
    insta::assert_snapshot!(line(Verb::Unset, "sslvserver", json!({"vservername":"v","sslprofile":true})), @"unset ssl vserver v -sslProfile");
    insta::assert_snapshot!(line(Verb::Set, "lbmonitor", json!({"monitorname":"m","type":"HTTP","interval":2,"units3":"MIN"})), @"set lb monitor m HTTP -interval 2 MIN");
}

#[test]
fn what_nobody_may_send_is_refused() {
    insta::assert_snapshot!(line(Verb::Add, "lbvserver", json!({"name":"v","servicetype":"HTTP","colour":"red"})), @"ERROR: No such argument [colour]");
    insta::assert_snapshot!(line(Verb::Add, "lbvserver", json!({"name":"v"})), @"ERROR: Required argument missing [serviceType]");
    insta::assert_snapshot!(line(Verb::Add, "lbvserver", json!({"name":"v","servicetype":{"a":1}})), @"ERROR: Invalid JSON data type [servicetype]");
    insta::assert_snapshot!(line(Verb::Add, "gslbsite", json!({"sitename":"x"})), @"ERROR: Invalid NITRO data type [gslbsite]");
    insta::assert_snapshot!(line(Verb::Link, "lbvserver", json!({"name":"v"})), @"ERROR: Invalid nitro action or operation [link lbvserver]");
    insta::assert_snapshot!(line(Verb::Add, "server", json!({"name":"s","domain":"a.example","ipaddress":"1.2.3.4"})), @"ERROR: Arguments cannot both be specified [ipaddress]");
    insta::assert_snapshot!(line(Verb::Add, "server", json!(["s"])), @"ERROR: Invalid JSON input [server]");
}

#[test]
fn lists_in_arguments_are_read_as_clients_write_them() {
    let removed = |value: &str| {
        let request = Request {
            method: Method::Delete,
            tree: Tree::Config,
            kind: "dnstxtrec".to_owned(),
            name: Some("a.example.".to_owned()),
            action: None,
            args: vec![("string".to_owned(), value.to_owned())],
            body: None,
        };
        let commands = from_request(&request).unwrap();
        print(&commands[0])
    };

    assert_eq!(removed("v"), "rm dns txtRec a.example v");
    assert_eq!(removed("['v']"), "rm dns txtRec a.example v");
    assert_eq!(
        removed(r#"['it\'s', "w"]"#),
        r#"rm dns txtRec a.example "it's" w"#
    );
    assert_eq!(removed(r#"["v","w"]"#), "rm dns txtRec a.example v w");
    assert_eq!(removed("[v]"), "rm dns txtRec a.example [v]");
}

#[test]
fn a_body_may_hold_one_object_or_several() {
    let request = |body| Request {
        method: Method::Post,
        tree: Tree::Config,
        kind: "server".to_owned(),
        name: None,
        action: None,
        args: Vec::new(),
        body: Some(body),
    };
    let a = json!({"name":"a","ipaddress":"10.0.0.1"});
    let b = json!({"name":"b","ipaddress":"10.0.0.2"});

    let one = from_request(&request(json!({ "server": a }))).unwrap();
    let two = from_request(&request(json!({ "server": [a, b] }))).unwrap();
    let none = from_request(&request(json!({ "service": a }))).unwrap_err();

    assert_eq!((one.len(), two.len(), none.code()), (1, 2, 1233));
}

#[test]
fn a_request_the_type_does_not_know_is_refused() {
    let request = |method, action: Option<&str>| Request {
        method,
        tree: Tree::Config,
        kind: "sslcertkey".to_owned(),
        name: Some("c".to_owned()),
        action: action.map(str::to_owned),
        args: Vec::new(),
        body: Some(json!({"sslcertkey":{"certkey":"c"}})),
    };

    let update = from_request(&request(Method::Post, Some("Update"))).unwrap();
    let frob = from_request(&request(Method::Post, Some("frob"))).unwrap_err();

    assert_eq!(update[0].verb(), Verb::Update);
    assert_eq!(
        frob.rendered(),
        "ERROR: Invalid nitro action or operation [frob]"
    );
}

#[test]
fn debug_shows_no_body() {
    let line = "add ssl certKey c -cert a -passplain hunter2";
    let request = to_request(&parse_line(line).unwrap());

    assert!(!format!("{request:?}").contains("hunter2"));
}
