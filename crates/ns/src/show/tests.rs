//! What an administrator of NetScaler expects to read.

use serde_json::{Value as Json, json};

use super::*;
use crate::catalog;
use crate::grammar::parse_line;

fn shown(line: &str, rows: Json) -> String {
    let command = parse_line(line).unwrap_or_else(|fault| panic!("{line}: {fault}"));
    let rows: Vec<Row> = rows
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_object)
        .cloned()
        .collect();
    render(&command, &rows)
}

fn web1() -> Json {
    json!({
        "certkey": "web1", "cert": "web1.crt", "key": "web1.key", "inform": "PEM",
        "signaturealg": "sha256WithRSAEncryption", "certificatetype": ["CLNT_CERT", "SRVR_CERT"],
        "serial": "03B2B5", "issuer": " C=US,O=Example CA,CN=Example R1",
        "clientcertnotbefore": "Jan  5 13:34:23 2026 GMT", "clientcertnotafter": "Apr  4 13:34:23 2026 GMT",
        "daystoexpiration": 89, "subject": " CN=web1.example.com", "publickey": "rsaEncryption",
        "publickeysize": 2048, "version": 3, "status": "Valid", "expirymonitor": "ENABLED",
        "notificationperiod": "30", "ocspresponsestatus": "NONE",
    })
}

fn with(mut row: Json, more: Json) -> Json {
    if let (Some(row), Json::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
    row
}

#[test]
fn all_certificates_are_listed_as_on_netscaler() {
    let ca = json!({
        "certkey": "ca", "cert": "ca.crt", "inform": "PEM", "certificatetype": ["INTM_CERT"], "status": "Valid",
        "daystoexpiration": 900, "version": 3,
    });

    insta::assert_snapshot!(shown("show ssl certKey", json!([web1(), ca])));
}

#[test]
fn one_certificate_is_shown_with_its_uses() {
    let row = with(
        web1(),
        json!({
            "linkcertkeyname": "r1",
            "sslcertkey_sslvserver_binding": [
                {"certkey": "web1", "servername": "vs_web"},
                {"certkey": "web1", "servername": "vs_sni", "snicert": true},
            ],
            "sslcertkey_sslprofile_binding": [{"certkey": "web1", "sslprofile": "back"}],
        }),
    );

    insta::assert_snapshot!(shown("show ssl certKey web1", json!([row])));
}

fn vs_web() -> Json {
    json!({
        "vservername": "vs_web", "dh": "DISABLED", "ersa": "ENABLED", "ersacount": "0", "sessreuse": "ENABLED",
        "sesstimeout": "120", "clientauth": "DISABLED", "snienable": "ENABLED", "ssl3": "DISABLED", "tls1": "ENABLED",
        "tls11": "ENABLED", "tls12": "ENABLED", "tls13": "DISABLED",
        "sslvserver_sslcertkey_binding": [
            {"vservername": "vs_web", "certkeyname": "rootca", "ca": true, "ocspcheck": "Optional"},
            {"vservername": "vs_web", "certkeyname": "web2", "snicert": true},
            {"vservername": "vs_web", "certkeyname": "web1"},
        ],
        "sslvserver_ecccurve_binding": [{"ecccurvename": "P_256"}, {"ecccurvename": "P_384"}],
        "sslvserver_sslcipher_binding": [
            {"ciphername": "DEFAULT", "description": "Default cipher list with encryption strength >= 128bit"},
        ],
    })
}

#[test]
fn an_ssl_vserver_is_shown_with_certificates_and_ciphers() {
    insta::assert_snapshot!(shown("show ssl vserver vs_web", json!([vs_web()])));
}

#[test]
fn a_profile_replaces_the_parameters_of_a_vserver() {
    let row = with(vs_web(), json!({"sslprofile": "front"}));
    let text = shown("show ssl vserver vs_web", json!([row]));

    assert!(text.contains("\tProfile Name :front\n"), "{text}");
    assert!(!text.contains("Session Reuse"), "{text}");
    assert!(
        text.contains("1)\tCertKey Name: web1\tServer Certificate\n"),
        "{text}"
    );
}

#[test]
fn ssl_vservers_are_numbered() {
    let text = shown(
        "show ssl vserver",
        json!([{"vservername": "a"}, {"vservername": "b"}]),
    );

    assert!(
        text.starts_with("1)\tVServer Name: a\n\tDH: DISABLED\n"),
        "{text}"
    );
    assert!(text.contains("\n2)\tVServer Name: b\n"), "{text}");
}

#[test]
fn a_profile_tells_of_dc2g() {
    let row = json!({
        "name": "back", "sslprofiletype": "BackEnd", "dynamicclientcert": "ENABLED", "clientauth": "ENABLED",
        "clientcert": "Mandatory",
        "sslprofile_sslcertkey_binding": [{"name": "back", "certkeyname": "forge", "forgingcacertkey": true}],
        "sslprofile_sslcipher_binding": [{"cipheraliasname": "DEFAULT", "cipherpriority": "1"}],
        "sslprofile_sslvserver_binding": [{"servername": "vs_web"}],
    });

    insta::assert_snapshot!(shown("show ssl profile back", json!([row])));
}

#[test]
fn the_ssl_parameters_are_a_table() {
    insta::assert_snapshot!(shown("show ssl parameter", json!([{"quantumsize": "16"}])));
}

#[test]
fn load_balancing_is_shown_as_on_netscaler() {
    let vserver = json!({
        "name": "vs_web", "ipv46": "192.0.2.1", "port": "443", "servicetype": "SSL", "curstate": "UP",
        "effectivestate": "UP", "lbmethod": "ROUNDROBIN", "persistencetype": "NONE",
        "lbvserver_service_binding": [
            {"name": "vs_web", "servicename": "svc", "ipv46": "10.0.0.1", "port": 80, "servicetype": "HTTP",
             "curstate": "UP", "weight": "1"},
        ],
        "lbvserver_responderpolicy_binding": [{"name": "vs_web", "policyname": "p", "priority": "100"}],
    });

    insta::assert_snapshot!(shown("show lb vserver vs_web", json!([vserver])));
    let listed = json!([{"name": "a", "servicetype": "HTTP", "curstate": "DOWN"}]);
    insta::assert_snapshot!(shown("show lb vserver", listed));
    let service = json!([{"name": "svc", "ipaddress": "10.0.0.1", "port": "80", "servicetype": "HTTP",
        "svrstate": "UP", "cip": "ENABLED", "cipheader": "X-Forwarded-For", "servername": "10.0.0.1"}]);
    insta::assert_snapshot!(shown("show service svc", service));
    let server = json!([{"name": "s1", "ipaddress": "10.0.0.1", "state": "ENABLED"}]);
    assert_eq!(
        shown("show server", server),
        "1)\tName:    s1\tState:ENABLED\n\tIPAddress:    10.0.0.1\n"
    );
}

#[test]
fn the_version_is_netscalers_string() {
    let row = json!([{"version": "NetScaler NS14.1: Build 43.56.nc, Date: Nov 21 2026, 10:00:00   (64-bit)"}]);

    assert_eq!(
        shown("show version", row),
        "\tNetScaler NS14.1: Build 43.56.nc, Date: Nov 21 2026, 10:00:00   (64-bit)\n"
    );
}

#[test]
fn features_are_a_table_of_all() {
    let text = shown(
        "show ns feature",
        json!([{"lb": true, "ssl": false, "feature": ["LB", "RESPONDER"]}]),
    );

    assert!(text.starts_with("\n\tFeature                        Acronym              Status\n"));
    assert!(
        text.contains(" 3)\tLoad Balancing                 LB                   ON\n"),
        "{text}"
    );
    assert!(text.contains("SSL                  OFF\n"), "{text}");
    assert!(text.contains("RESPONDER            ON\n"), "{text}");
}

#[test]
fn the_running_configuration_is_printed_as_it_is() {
    let row = json!([{"response": "#NS14.1 Build 43.56\nset ns hostName adc1"}]);

    assert_eq!(
        shown("show ns runningConfig", row),
        "#NS14.1 Build 43.56\nset ns hostName adc1\n"
    );
}

#[test]
fn zero_touch_tells_of_the_console_and_of_every_certificate() {
    let row = json!({
        "zerotouch": "ENABLED", "state": "In sync", "remoteserverip": "console.example.com:8443",
        "admconnectivitystatus": "Connected", "httpstatuscode": "200", "requesttype": "Long poll",
        "requesttimestamp": "Sat Nov 21 14:00:00 2026 GMT", "nextrequesttime": "waiting at the Console for changes",
        "scope": "default", "revision": 41, "held": 3, "active": 1, "staged": 1, "names": 2,
        "ocspcachetimeout": "1", "ocspusenonce": "ENABLED",
        "sslzerotouchparam_sslzerotouchcert_binding": [
            {"certificate": "web", "algorithm": "ecdsa-p256", "generation": 4, "state": "active",
             "names": ["web.example.com", "*.web.example.com"], "notafter": "Dec 30 14:00:00 2026 GMT", "handshakes": 17},
            {"certificate": "later", "algorithm": "rsa-2048", "generation": 1, "state": "staged",
             "code": "not_yet_valid", "reason": "valid from tomorrow on"},
        ],
    });

    insta::assert_snapshot!(shown("show ssl zerotouch", json!([row])));
}

#[test]
fn counters_stand_beside_their_rates() {
    let row = json!({"name": "vs_web", "state": "UP", "primaryipaddress": "192.0.2.1", "tothits": "12", "hitsrate": 3,
        "totalrequests": "40", "requestsrate": 5});
    insta::assert_snapshot!(shown("stat lb vserver vs_web", json!([row.clone()])));
    insta::assert_snapshot!(shown("stat lb vserver", json!([row])));
}

#[test]
fn types_without_a_layout_print_what_the_catalogue_names() {
    let row = json!({"profilename": "p", "name": "p", "http2": "ENABLED", "comment": "", "refcnt": 1, "builtin": []});

    insta::assert_snapshot!(shown("show ns httpProfile p", json!([row])));
}

#[test]
fn every_type_that_can_be_shown_prints_its_name() {
    for resource in catalog::RESOURCES {
        let Some(key) = resource.keys().next() else {
            continue;
        };
        if resource.rule(Verb::Show).is_none() {
            continue;
        }
        let row = json!({key.field(): "the-name"});
        let command = Command::new(Verb::Show, resource);
        let text = render(&command, &[row.as_object().cloned().unwrap_or_default()]);
        let listed = layout::of(resource.nitro).is_some_and(|layout| layout.listed.is_empty());
        assert!(
            listed || text.contains("the-name") || text.contains('-'),
            "{}: {text:?}",
            resource.name
        );
    }
}

#[test]
fn layouts_are_written_once_and_braces_are_paired() {
    let mut seen: Vec<&str> = Vec::new();
    for layout in layouts() {
        assert!(!seen.contains(&layout.nitro), "{}", layout.nitro);
        seen.push(layout.nitro);
        let bound = layout.bound.iter().flat_map(|bound| bound.lines);
        for line in layout.listed.iter().chain(layout.single).chain(bound) {
            assert_eq!(
                line.matches('{').count(),
                line.matches('}').count(),
                "{line}"
            );
        }
    }
}

#[test]
fn the_companion_of_a_named_object_is_its_bindings() {
    let asks = |line: &str| {
        let command = parse_line(line).unwrap_or_else(|fault| panic!("{line}: {fault}"));
        companion(&command).map(|request| (request.kind, request.name))
    };

    assert_eq!(
        asks("show ssl vserver vs_web"),
        Some(("sslvserver_binding".to_owned(), Some("vs_web".to_owned())))
    );
    assert_eq!(asks("show ssl vserver"), None);
    assert_eq!(asks("show ns version"), None);
    assert_eq!(asks("rm lb vserver vs_web"), None);
}
