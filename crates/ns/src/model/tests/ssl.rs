//! Certificates, profiles and SSL settings.

use evercert_types::KeyFamily;

use super::*;

#[test]
fn ssl_settings_need_an_ssl_entity() {
    let mut config = config(WEB);
    apply(&mut config, "add lb vserver clear HTTP 192.0.2.80 80").unwrap();

    insta::assert_snapshot!(refused(&mut config, "set ssl vserver clear -tls13 ENABLED"), @"ERROR: Object's protocol type is not SSL [clear]");
    insta::assert_snapshot!(refused(&mut config, "bind ssl vserver clear -certkeyName web1"), @"ERROR: Object's protocol type is not SSL [clear]");
    insta::assert_snapshot!(refused(&mut config, "set ssl service svc1 -tls13 ENABLED"), @"ERROR: Object's protocol type is not SSL [svc1]");
}

#[test]
fn the_appliances_own_services_take_certificates() {
    let config = config(
        "set ssl service nshttps-127.0.0.1-443 -ssl3 DISABLED -tls1 DISABLED
         bind ssl service nshttps-127.0.0.1-443 -certkeyName ns-server-certificate
         bind ssl service nshttps-::1l-443 -certkeyName ns-server-certificate",
    );

    insta::assert_snapshot!(saved(&config), @"
    #NS14.1 Build 43.56
    set ssl service nshttps-127.0.0.1-443 -tls1 DISABLED
    bind ssl service nshttps-127.0.0.1-443 -certkeyName ns-server-certificate
    bind ssl service nshttps-::1l-443 -certkeyName ns-server-certificate
");
}

#[test]
fn an_update_keeps_bindings_and_forgets_the_old_pass_phrase() {
    let mut config = config(
        "add lb vserver v1 SSL 192.0.2.80 443
         add ssl certKey c -cert a.pfx -key a.pfx -inform PFX -passplain old
         bind ssl vserver v1 -certkeyName c",
    );

    apply(
        &mut config,
        "update ssl certKey c -cert b.pem -key b.key -inform PEM -noDomainCheck",
    )
    .unwrap();

    let certkey = config.certkey("c").unwrap();
    assert_eq!(
        (certkey.cert.as_str(), certkey.key.as_deref()),
        ("b.pem", Some("b.key"))
    );
    assert_eq!(certkey.inform, Inform::Pem);
    assert!(certkey.password.is_none());
    assert_eq!(config.certkey_users("c"), ["ssl vserver v1"]);
    assert_eq!(effect(&mut config, "update ssl certKey c"), Effect::Changed);
}

#[test]
fn an_empty_set_of_a_certificate_does_nothing() {
    let mut config = config(WEB);

    assert_eq!(
        effect(&mut config, "set ssl certKey web1"),
        Effect::Unchanged
    );
}

#[test]
fn built_in_certificates_stay_and_can_be_replaced() {
    let mut config =
        config("add ssl certKey ns-server-certificate -cert ns-server.cert -key ns-server.key");

    assert_eq!(saved(&config).lines().count(), 1);
    insta::assert_snapshot!(refused(&mut config, "rm ssl certKey ns-server-certificate"), @"ERROR: Cannot delete internal default certificate [ns-server-certificate]");
    insta::assert_snapshot!(refused(&mut config, "rm ssl profile ns_default_ssl_profile_frontend"), @"ERROR: Operation not permitted [ns_default_ssl_profile_frontend]");
    apply(
        &mut config,
        "update ssl certKey ns-server-certificate -cert a.pem -key a.key",
    )
    .unwrap();
    insta::assert_snapshot!(saved(&config), @"
    #NS14.1 Build 43.56
    add ssl certKey ns-server-certificate -cert a.pem -key a.key
");
}

#[test]
fn sni_certificates_need_sni() {
    let mut config = config(WEB);

    insta::assert_snapshot!(refused(&mut config, "bind ssl vserver v1 -certkeyName web1 -SNICert"), @"ERROR: SNI feature not enabled on the vserver/service [v1]");
    apply(&mut config, "set ssl vserver v1 -SNIEnable ENABLED").unwrap();
    apply(
        &mut config,
        "bind ssl vserver v1 -certkeyName web1 -SNICert",
    )
    .unwrap();

    let ssl = config.vserver("v1").unwrap().ssl.unwrap();
    assert_eq!((ssl.server_certkeys.len(), ssl.sni_certkeys.len()), (1, 1));
    insta::assert_snapshot!(refused(&mut config, "unbind ssl vserver v1 -certkeyName ca1"), @"ERROR: Certificate binding does not exist [certkeyName, ca1]");
    apply(&mut config, "unbind ssl vserver v1 -certkeyName web1").unwrap();
    let ssl = config.vserver("v1").unwrap().ssl.unwrap();
    assert_eq!((ssl.server_certkeys.len(), ssl.sni_certkeys.len()), (0, 1));
}

#[test]
fn a_server_certificate_replaces_the_one_of_its_key_family() {
    let mut config = config(WEB);
    apply(&mut config, "add ssl certKey ec -cert ec.pem -key ec.key").unwrap();
    apply(
        &mut config,
        "add ssl certKey web2 -cert web2.pem -key web2.key",
    )
    .unwrap();
    config.set_key_family("web1", KeyFamily::Rsa);
    config.set_key_family("web2", KeyFamily::Rsa);
    config.set_key_family("ec", KeyFamily::Ecdsa);

    let first = apply(&mut config, "bind ssl vserver v1 -certkeyName ec").unwrap();
    let second = apply(&mut config, "bind ssl vserver v1 -certkeyName web2").unwrap();

    let ssl = config.vserver("v1").unwrap().ssl.unwrap();
    let names: Vec<_> = ssl
        .server_certkeys
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["ec", "web2"]);
    assert_eq!(first.warnings, []);
    assert_eq!(
        second.warnings[0].rendered_as_warning(),
        "Warning: Current certificate replaces the previous binding"
    );
}

#[test]
fn a_profile_takes_over_the_settings() {
    let mut config = config(WEB);
    apply(
        &mut config,
        "set ssl vserver v1 -tls12 DISABLED -clientAuth ENABLED",
    )
    .unwrap();
    apply(
        &mut config,
        "add ssl profile fe -tls13 ENABLED -defaultSNI www.example.com",
    )
    .unwrap();
    apply(&mut config, "add ssl profile be -sslProfileType BackEnd").unwrap();
    let own = config.vserver("v1").unwrap().ssl.unwrap();

    insta::assert_snapshot!(refused(&mut config, "set ssl vserver v1 -sslProfile be"), @"ERROR: Front-end/back-end profile mismatch [be]");
    apply(&mut config, "set ssl vserver v1 -sslProfile fe").unwrap();
    insta::assert_snapshot!(refused(&mut config, "set ssl vserver v1 -tls13 DISABLED"), @"ERROR: Operation not permitted. Use set ssl profile");

    let profiled = config.vserver("v1").unwrap().ssl.unwrap();
    assert_eq!(
        own.versions,
        TlsVersions {
            tls12: false,
            tls13: false
        }
    );
    assert_eq!(own.client_auth, ClientAuth::Mandatory);
    assert_eq!(
        profiled.versions,
        TlsVersions {
            tls12: true,
            tls13: true
        }
    );
    assert_eq!(profiled.client_auth, ClientAuth::Off);
    assert_eq!(profiled.default_sni.as_deref(), Some("www.example.com"));
    assert_eq!(profiled.profile.as_deref(), Some("fe"));
}

#[test]
fn default_profiles_are_for_good_and_for_all() {
    let mut config = config(WEB);
    apply(&mut config, "set ssl vserver v1 -tls13 ENABLED").unwrap();

    apply(
        &mut config,
        "set ssl parameter -defaultProfile ENABLED -force",
    )
    .unwrap();

    insta::assert_snapshot!(refused(&mut config, "set ssl vserver v1 -tls13 ENABLED"), @"ERROR: Operation not permitted. Use set ssl profile");
    insta::assert_snapshot!(refused(&mut config, "set ssl parameter -defaultProfile DISABLED"), @"ERROR: Default SSL profile cannot be unset or removed");
    insta::assert_snapshot!(refused(&mut config, "unset ssl parameter -defaultProfile"), @"ERROR: Default SSL profile cannot be unset or removed");
    apply(
        &mut config,
        "set ssl profile ns_default_ssl_profile_frontend -tls13 ENABLED",
    )
    .unwrap();
    let ssl = config.vserver("v1").unwrap().ssl.unwrap();
    assert_eq!(
        ssl.profile.as_deref(),
        Some("ns_default_ssl_profile_frontend")
    );
    assert!(ssl.versions.tls13);
    let text = saved(&config);
    assert_eq!(
        crate::nsconf::print(
            &crate::nsconf::load(&text, crate::nsconf::Policy::Strict)
                .unwrap()
                .config
        ),
        text
    );
}

#[test]
fn settings_belong_to_one_side_of_a_profile() {
    let mut config = config("add ssl profile be -sslProfileType BackEnd");

    insta::assert_snapshot!(refused(&mut config, "add ssl profile fe -dynamicClientCert ENABLED"), @"ERROR: Parameter(s) not applicable for this type of SSL profile [dynamicClientCert]");
    insta::assert_snapshot!(refused(&mut config, "set ssl profile be -clientAuth ENABLED"), @"ERROR: Parameter(s) not applicable for this type of SSL profile [clientAuth]");
    assert_eq!(
        effect(&mut config, "set ssl profile be -clientAuth DISABLED"),
        Effect::Changed
    );
}

#[test]
fn dc2g_is_a_back_end_profile_with_a_forging_ca() {
    let mut config = config(
        "add ssl certKey forge -cert forge.pem -key forge.key
         add ssl certKey forge2 -cert forge2.pem -key forge2.key
         add ssl profile be -sslProfileType BackEnd
         add ssl profile fe
         set ssl profile be -dynamicClientCert ENABLED
         bind ssl profile be --certkeyName forge -forgingCACertkey
         add service s 192.0.2.11 SSL 443
         set ssl service s -sslProfile be
         add lb vserver v SSL 192.0.2.80 443
         bind lb vserver v s",
    );

    insta::assert_snapshot!(refused(&mut config, "bind ssl profile fe -certkeyName forge -forgingCACertkey"), @"ERROR: Parameter(s) not applicable for this type of SSL profile [forgingCACertkey]");
    insta::assert_snapshot!(refused(&mut config, "unbind ssl profile be -certkeyName forge2 -forgingCACertkey"), @"ERROR: Certificate binding does not exist [certkeyName, forge2]");
    apply(
        &mut config,
        "bind ssl profile be -certkeyName forge2 -forgingCACertkey",
    )
    .unwrap();

    let service = config.vserver("v").unwrap().services.remove(0);
    let ssl = service.ssl.unwrap();
    let settings = ssl.dynamic_client_cert.unwrap();
    assert_eq!(settings.lifetime.as_secs(), 24 * 3600);
    assert_eq!(
        (settings.cache_size, settings.rate, settings.extensions),
        (100_000, Some(2000), None)
    );
    assert_eq!(ssl.forging_ca.unwrap().name, "forge2");
    assert_eq!(config.certkey_users("forge2"), ["ssl profile be"]);
    apply(&mut config, "rm ssl certKey forge").unwrap();
}

#[test]
fn dc2g_settings_are_read_and_wrong_ones_refused() {
    let mut config = config(
        "add ssl certKey forge -cert forge.pem
         add ssl profile be -sslProfileType BackEnd
         set ssl profile be -dynamicClientCert ENABLED -dynamicClientCertLifetime 60 -alpnProtocol HTTP2
         set ssl profile be -dynamicClientCertExtensions subjectAltName extendedKeyUsage -dynamicClientCertCustomOids 1.2.3 1.2.4
         set ssl profile be -dynamicClientCertSubject \"DC=corp,CN={UPN}\" -dynamicClientCertKeyAlgorithm P_384 -dynamicClientCertKey FRESH
         set ssl profile be -dynamicClientCertFallback forge -dynamicClientCertUnknownStatus IGNORE -dynamicClientCertDeny \"root@*\"
         add service s 192.0.2.11 SSL 443
         set ssl service s -sslProfile be
         add lb vserver v SSL 192.0.2.80 443
         bind lb vserver v s",
    );

    let ssl = config.vserver("v").unwrap().services.remove(0).ssl.unwrap();
    let settings = ssl.dynamic_client_cert.unwrap();
    assert!(ssl.http2 && settings.has_fresh_key && !settings.drops_unknown_status);
    assert_eq!(settings.lifetime.as_secs(), 3600);
    assert_eq!(
        settings.extensions.unwrap(),
        ["subjectAltName", "extendedKeyUsage"]
    );
    assert_eq!(settings.custom_oids, ["1.2.3", "1.2.4"]);
    assert_eq!(settings.subject.as_deref(), Some("DC=corp,CN={UPN}"));
    assert_eq!(settings.key_algorithm, ForgedKeyAlgorithm::P384);
    assert_eq!(
        (settings.fallback.as_deref(), settings.deny),
        (Some("forge"), vec!["root@*".to_owned()])
    );
    insta::assert_snapshot!(refused(&mut config, "rm ssl certKey forge"), @"ERROR: Certificate is referenced by a CRL, OCSP responder, vserver, service, monitor, SSL profile, another certificate, or a policy expression using XML_ENCRYPT()/XML_DECRYPT() [ssl profile be]");
    insta::assert_snapshot!(refused(&mut config, "set ssl profile be -dynamicClientCertKeyAlgorithm RSA_2048"), @"ERROR: Invalid argument value [dynamicClientCertKey, FRESH]");
    insta::assert_snapshot!(refused(&mut config, "set ssl profile be -dynamicClientCertCustomOids 1.2.3 keyUsage"), @"ERROR: Invalid argument value [dynamicClientCertCustomOids, keyUsage]");
    insta::assert_snapshot!(refused(&mut config, "set ssl profile be -dynamicClientCertSubject alice"), @"ERROR: Invalid argument value [dynamicClientCertSubject, alice]");
    insta::assert_snapshot!(refused(&mut config, "set ssl profile be -dynamicClientCertCrlUrl ftp://a"), @"ERROR: Invalid argument value [dynamicClientCertCrlUrl, ftp://a]");
    insta::assert_snapshot!(refused(&mut config, "bind ssl profile be -certkeyName forge -forgingCACertkey"), @"ERROR: Invalid value [forge has no private key to sign with]");
}

#[test]
fn implicit_curves_and_ciphers_can_be_taken_away() {
    let mut config = config(WEB);
    let curves = |config: &Config| config.vserver("v1").unwrap().ssl.unwrap().curves.join(" ");
    let ciphers = |config: &Config| config.vserver("v1").unwrap().ssl.unwrap().ciphers.join(" ");

    assert_eq!(curves(&config), "P_256 P_384 P_224 P_521");
    apply(&mut config, "unbind ssl vserver v1 -eccCurveName P_224").unwrap();
    assert_eq!(curves(&config), "P_256 P_384 P_521");
    apply(&mut config, "unbind ssl vserver v1 -cipherName DEFAULT").unwrap();
    apply(
        &mut config,
        "bind ssl vserver v1 -cipherName B -cipherPriority 2",
    )
    .unwrap();
    apply(
        &mut config,
        "bind ssl vserver v1 -cipherName A -cipherPriority 1",
    )
    .unwrap();
    assert_eq!(ciphers(&config), "A B");
    insta::assert_snapshot!(refused(&mut config, "unbind ssl vserver v1 -cipherName C"), @"ERROR: No such resource [cipherName, C]");
}

#[test]
fn client_authentication_is_read_with_its_ca_certificates() {
    let mut config = config(WEB);
    apply(
        &mut config,
        "set ssl vserver v1 -clientAuth ENABLED -clientCert Optional",
    )
    .unwrap();
    apply(
        &mut config,
        "bind ssl vserver v1 -certkeyName ca1 -CA -ocspCheck Mandatory -skipCAName",
    )
    .unwrap();

    let ssl = config.vserver("v1").unwrap().ssl.unwrap();

    assert_eq!(ssl.client_auth, ClientAuth::Optional);
    assert_eq!(
        ssl.ca_certkeys,
        [CaCertKey {
            name: "ca1".to_owned(),
            revocation: RevocationCheck::OcspMandatory,
            is_named: false,
        }]
    );
    assert!(ssl.has_manual_certkeys());
}
