//! Content inspection: profile, action, policy and where they are bound.

use super::*;

const SITE: &str = "enable ns feature LB contentInspection
    add ns icapProfile av -uri /avscan -mode REQMOD -preview ENABLED -previewLength 1024
    add contentInspection action scan -type ICAP -serverIP 192.0.2.44 -serverPort 1344 -ifserverdown CONTINUE \
      -icapProfileName av
    add contentInspection policy uploads -rule TRUE -action scan
    add lb vserver web HTTP 192.0.2.1 80
    bind lb vserver web -policyName uploads -priority 10 -type REQUEST
    bind contentInspection global uploads 100 END -type RES_DEFAULT";

#[test]
fn an_inspection_is_saved_after_what_it_names_and_read_back() {
    let config = config(SITE);
    let saved = saved(&config);
    let lines: String = saved
        .lines()
        .skip(1)
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(super::saved(&super::config(&lines)), saved);

    let at = |line: &str| {
        saved
            .find(line)
            .unwrap_or_else(|| panic!("{line}: {saved}"))
    };
    assert!(at("add ns icapProfile av") < at("add contentInspection action scan"));
    assert!(
        at("add contentInspection policy uploads")
            < at("bind contentInspection global uploads 100 END")
    );
    assert!(at("enable ns feature LB CI") > 0);
    at("bind lb vserver web -policyName uploads -priority 10 -type REQUEST");
}

#[test]
fn what_an_inspection_uses_cannot_be_removed() {
    let mut config = config(SITE);

    for line in [
        "rm ns icapProfile av",
        "rm contentInspection action scan",
        "rm contentInspection policy uploads",
    ] {
        let error = refused(&mut config, line);
        assert!(error.contains("in use"), "{line}: {error}");
    }
    for line in [
        "unbind lb vserver web -policyName uploads",
        "unbind contentInspection global uploads -type RES_DEFAULT",
        "rm contentInspection policy uploads",
        "rm contentInspection action scan",
        "rm ns icapProfile av",
    ] {
        apply(&mut config, line).unwrap();
    }
}

#[test]
fn an_inspection_without_its_feature_is_warned_about() {
    let mut config = config("add lb vserver web HTTP 192.0.2.1 80");

    let applied = apply(
        &mut config,
        "add contentInspection policy p -rule TRUE -action DROP",
    )
    .unwrap();

    assert_eq!(applied.warnings.len(), 1, "{:?}", applied.warnings);
}

#[test]
fn policies_are_looked_at_bank_by_bank_and_by_priority() {
    let mut config = config(SITE);
    for line in [
        "add contentInspection policy first -rule TRUE -action NOINSPECTION",
        "add contentInspection policy last -rule TRUE -action RESET",
        "bind lb vserver web -policyName first -priority 5",
        "bind contentInspection global last 1",
    ] {
        apply(&mut config, line).unwrap();
    }

    let views = config.inspections("web");
    let order: Vec<_> = views
        .iter()
        .map(|view| (view.name.as_str(), view.point))
        .collect();
    let InspectionActionView::Icap(action) = &views[1].action else {
        panic!("{:?}", views[1]);
    };

    assert_eq!(
        order,
        [
            ("first", InspectionPoint::Request),
            ("uploads", InspectionPoint::Request),
            ("last", InspectionPoint::Request),
            ("uploads", InspectionPoint::Response),
        ]
    );
    assert_eq!(
        action.server,
        InspectionServer::Address("192.0.2.44:1344".parse().unwrap())
    );
    assert_eq!(action.if_server_down, InspectionFailure::Continue);
    assert_eq!(
        (action.profile.preview, action.profile.timeout),
        (Some(1024), None)
    );
    apply(&mut config, "disable ns feature CI").unwrap();
    assert!(config.inspections("web").is_empty());
}
