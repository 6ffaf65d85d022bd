//! DNS records: several of a name, told apart by what they say.

use super::*;
use crate::model::{DnsData, DnsZoneView};

fn texts(config: &Config) -> Vec<String> {
    config
        .dns_records()
        .filter_map(|record| match record.data {
            DnsData::Txt(strings) => Some(format!("{} {}", record.name, strings.join("+"))),
            _ => None,
        })
        .collect()
}

#[test]
fn a_name_has_several_texts_and_case_tells_them_apart() {
    let mut config = config(
        "add dns txtRec _acme-challenge.example.com. abc -TTL 30
         add dns txtRec _acme-challenge.example.com ABC -TTL 30",
    );

    let again = refused(
        &mut config,
        "add dns txtRec _ACME-challenge.example.com abc",
    );

    insta::assert_snapshot!(again, @"ERROR: Resource already exists [domain, _acme-challenge.example.com abc]");
    assert_eq!(
        texts(&config),
        [
            "_acme-challenge.example.com abc",
            "_acme-challenge.example.com ABC"
        ]
    );
}

#[test]
fn a_text_is_removed_by_what_it_says_or_by_its_number() {
    let mut config = config(
        "add dns txtRec a.example x
         add dns txtRec a.example y z
         add dns txtRec b.example x",
    );
    let number = |config: &Config, name: &str| {
        let mut records = config.objects("dns txtRec");
        records
            .find(|record| record.name() == name)
            .map(Object::number)
    };

    assert_eq!(
        effect(&mut config, "rm dns txtRec a.example. x"),
        Effect::Removed
    );
    let rest = number(&config, "a.example").unwrap();
    let other = refused(
        &mut config,
        &format!("rm dns txtRec b.example -recordId {rest}"),
    );
    assert_eq!(
        effect(
            &mut config,
            &format!("rm dns txtRec a.example -recordId {rest}")
        ),
        Effect::Removed
    );

    insta::assert_snapshot!(other, @"ERROR: No such resource [domain, b.example]");
    insta::assert_snapshot!(refused(&mut config, "rm dns txtRec b.example y"), @"ERROR: No such resource [domain, b.example y]");
    assert_eq!(texts(&config), ["b.example x"]);
}

#[test]
fn addresses_are_removed_one_by_one_or_all_at_once() {
    let mut config = config(
        "add dns addRec www.example.com 192.0.2.1
         add dns addRec www.example.com 192.0.2.2
         add dns addRec www.example.com 192.0.2.3
         add dns aaaaRec www.example.com 2001:db8::1",
    );

    effect(&mut config, "rm dns addRec www.example.com 192.0.2.2");
    assert_eq!(config.count("dns addRec"), 2);
    effect(&mut config, "rm dns addRec WWW.example.com");

    assert_eq!(config.count("dns addRec"), 0);
    assert_eq!(config.count("dns aaaaRec"), 1);
    insta::assert_snapshot!(refused(&mut config, "rm dns addRec www.example.com"), @"ERROR: No such resource [hostName, www.example.com]");
    insta::assert_snapshot!(refused(&mut config, "add dns addRec a.example 2001:db8::1"), @"ERROR: Invalid argument value [IPAddress, 2001:db8::1]");
}

#[test]
fn a_default_that_is_written_out_makes_no_other_record() {
    let mut config = config("add dns caaRec a.example ca.example.net");

    let again = refused(
        &mut config,
        "add dns caaRec a.example ca.example.net -tag issue",
    );

    insta::assert_snapshot!(again, @"ERROR: Resource already exists [domain, a.example ca.example.net issue]");
    effect(
        &mut config,
        "rm dns caaRec a.example ca.example.net -tag issue",
    );
    assert_eq!(config.count("dns caaRec"), 0);
}

#[test]
fn a_zone_and_its_records_are_seen_with_their_defaults() {
    let config = config(
        "add dns soaRec example.com -originServer ns1.example.com -contact admin.example.com
         add dns nsRec example.com ns1.example.com
         add dns zone example.com. -proxyMode NO
         add dns caaRec example.com \"ca.example.net; validationmethods=dns-01\" -tag issuewild -flag CRITICAL
         add dns mxRec example.com -mx mail.example.com -pref 10",
    );

    insta::assert_debug_snapshot!(config.dns_records().collect::<Vec<_>>());
    assert_eq!(
        config.dns_zones().collect::<Vec<_>>(),
        [DnsZoneView {
            name: "example.com".to_owned(),
            is_own: true
        }]
    );
}
