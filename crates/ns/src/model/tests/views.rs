//! What the data plane sees.

use std::net::IpAddr;
use std::time::Duration;

use super::*;

#[test]
fn a_view_of_a_vserver_has_everything_resolved() {
    let config = config(
        "add server s1 192.0.2.11
         add server s2 app.example.com
         add service svc1 s1 HTTP 8080 -cip ENABLED X-Forwarded-For -svrTimeout 30 -maxClient 7
         add serviceGroup g SSL -healthMonitor NO
         bind serviceGroup g s2 8443 -weight 3
         bind serviceGroup g 192.0.2.13 8443 -state DISABLED
         set ssl serviceGroup g -serverAuth ENABLED -commonName app.example.com
         add lb vserver back HTTP
         add lb vserver v1 SSL 192.0.2.80 443 -persistenceType COOKIEINSERT -timeout 5 -lbMethod ROUNDROBIN -redirectURL https://sorry.example.com
         set lb vserver v1 -backupVServer back
         bind lb vserver v1 svc1 -weight 2
         bind lb vserver v1 g",
    );

    let view = config.vserver("V1").unwrap();

    assert_eq!(view.kind, ServiceType::Ssl);
    assert_eq!(
        (view.ip, view.port),
        (Some(IpAddr::from([192, 0, 2, 80])), 443)
    );
    assert!(view.enabled);
    assert_eq!(view.client_timeout, Duration::from_secs(180));
    assert_eq!(view.persistence, PersistenceType::CookieInsert);
    assert_eq!(view.persistence_timeout, Duration::from_secs(300));
    assert_eq!(
        (view.lb_method.as_str(), view.backup.as_deref()),
        ("ROUNDROBIN", Some("back"))
    );
    let [svc1, m1, m2] = &view.services[..] else {
        panic!("{:?}", view.services);
    };
    assert_eq!(
        (svc1.weight, svc1.port, svc1.max_client),
        (2, 8080, Some(7))
    );
    assert_eq!(svc1.client_ip_header.as_deref(), Some("X-Forwarded-For"));
    assert_eq!(svc1.server_timeout, Duration::from_secs(30));
    assert!(svc1.ssl.is_none() && svc1.health_monitor);
    assert_eq!(m1.name, "g?s2?8443");
    assert_eq!(
        m1.address,
        ServiceAddress::Domain("app.example.com".to_owned())
    );
    assert_eq!((m1.weight, m1.enabled, m1.health_monitor), (3, true, false));
    assert!(m1.ssl.as_ref().is_some_and(|ssl| ssl.server_auth));
    assert!(!m2.enabled);
}

#[test]
fn a_disabled_server_disables_its_services() {
    let mut config = config(WEB);

    apply(&mut config, "disable server s1").unwrap();

    assert!(!config.vserver("v1").unwrap().services[0].enabled);
}

#[test]
fn an_unreachable_vserver_has_no_address() {
    let config = config("add lb vserver v HTTP 0.0.0.0 0");

    let view = config.vserver("v").unwrap();

    assert_eq!((view.ip, view.port), (None, 0));
}

#[test]
fn content_switching_is_read_with_its_targets() {
    let config = config(
        "add lb vserver a HTTP
         add lb vserver b HTTP
         add cs vserver c SSL 192.0.2.80 443
         add cs action to_a -targetLBVserver a
         add cs policy p1 -rule HTTP.REQ.IS_VALID -action to_a
         add cs policy p2 -rule TRUE
         bind cs vserver c -policyName p2 -targetLBVserver b -priority 5
         bind cs vserver c -policyName p1 -priority 10
         bind cs vserver c -lbvserver b",
    );

    let view = config.cs_vservers().next().unwrap();

    let policies: Vec<_> = view
        .policies
        .iter()
        .map(|p| (p.priority, p.name.as_str(), p.target.as_deref()))
        .collect();
    assert_eq!(policies, [(5, "p2", Some("b")), (10, "p1", Some("a"))]);
    assert_eq!(view.default_target.as_deref(), Some("b"));
    assert!(view.ssl.is_some());
}

#[test]
fn users_are_read_and_nobody_logs_in_by_default() {
    let mut config = Config::new();
    let user = |config: &Config| config.users().next().unwrap();

    assert!(user(&config).password.is_none());
    apply(
        &mut config,
        "set system user nsroot 1abc -encrypted -hashmethod SHA512",
    )
    .unwrap();
    assert!(user(&config).is_encrypted);
    apply(
        &mut config,
        "set system user nsroot plain -allowedManagementInterface API",
    )
    .unwrap();
    apply(&mut config, "bind system user nsroot superuser 100").unwrap();

    let user = user(&config);
    assert_eq!(
        user.password.as_ref().map(|p| p.expose().as_str()),
        Some("plain")
    );
    assert!(!user.is_encrypted && user.hash_method.is_none());
    assert_eq!(user.interfaces, ["API"]);
    assert_eq!(user.policies, [(100, "superuser".to_owned())]);
    assert!(!format!("{user:?} {config:?}").contains("plain"));
}

#[test]
fn zero_touch_parameters_have_their_documented_defaults() {
    let mut config = Config::new();

    insta::assert_debug_snapshot!(config.zero_touch_params(), @r#"
    ZeroTouchParams {
        ocsp_cache_timeout: 60s,
        ocsp_batching_depth: None,
        ocsp_batching_delay: None,
        ocsp_resp_timeout: None,
        ocsp_url_resolve_timeout: None,
        ocsp_trust_responder: false,
        ocsp_produced_at_time_skew: 300s,
        ocsp_use_nonce: true,
        ocsp_http_method: "POST",
    }
"#);
    apply(
        &mut config,
        "set ssl zeroTouchParam -ocspCacheTimeout 60 -ocspHttpMethod GET",
    )
    .unwrap();
    let params = config.zero_touch_params();
    assert_eq!(params.ocsp_cache_timeout, Duration::from_secs(3600));
    assert_eq!(params.ocsp_http_method, "GET");
}
