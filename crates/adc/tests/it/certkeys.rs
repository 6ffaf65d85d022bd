//! `ssl certKey` commands: what is refused, what is warned of, and what becomes of links, bundles and files.

use std::fs;
use std::path::Path;

use evercert_adc::Executed;
use evercert_types::KeyAlgorithm;
use evercert_x509::mint::LeafRequest;
use evercert_x509::{Certificate, Chain, KeyPair, encrypted_key, pkcs12};
use jiff::SignedDuration;

use crate::authority::{TestCa, now};
use crate::client::{Tls, TlsOptions};
use crate::world::{Setup, TestAdc, within};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

const NONE: [u32; 0] = [];

fn codes(done: &Executed) -> Vec<u32> {
    done.warnings.iter().map(|warning| warning.code()).collect()
}

async fn warned(adc: &TestAdc, line: &str) -> Vec<u32> {
    codes(&adc.handle.execute(line).await.unwrap())
}

fn write(dir: &Path, name: &str, contents: impl AsRef<[u8]>) {
    fs::write(dir.join(name), contents).unwrap();
}

/// Writes a leaf for these days around now, alone, with its key.
fn leaf_of(
    ca: &evercert_x509::mint::Authority,
    dir: &Path,
    name: &str,
    domain: &str,
    days: [i64; 2],
) {
    let key = KeyPair::generate(P256).unwrap();
    let day = |days: i64| now() + SignedDuration::from_hours(24 * days);
    let mut request = LeafRequest::new(key.spki_der(), day(days[0]), day(days[1]));
    request.names = crate::authority::names(domain);
    let leaf = ca.issue(&request).unwrap();
    write(dir, &format!("{name}.pem"), leaf.to_pem());
    write(dir, &format!("{name}.key"), key.to_pkcs8_pem().expose());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_each_with_its_number() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        ca.files(at, "a", "a.example", P256);
        ca.files(at, "b", "b.example", P256);
        write(at, "garbage.pem", "no certificate");
        let adc = Setup::new(at).start().await;

        let add = "add ssl certKey c -cert";
        assert_eq!(
            adc.refused(&format!("{add} gone.pem -key a.key")).await,
            1647
        );
        assert_eq!(
            adc.refused(&format!("{add} a.pem -key gone.key")).await,
            1647
        );
        assert_eq!(adc.refused(&format!("{add} garbage.pem")).await, 1536);
        assert_eq!(
            adc.refused(&format!("{add} a.pem -key garbage.pem")).await,
            1537
        );
        assert_eq!(adc.refused(&format!("{add} a.pem -key b.key")).await, 1538);
        adc.run(&format!("{add} a.pem -key a.key")).await;
        assert_eq!(adc.refused(&format!("{add} b.pem -key b.key")).await, 273);
        // NetScaler refuses the same contents under another name.
        assert_eq!(
            adc.refused("add ssl certKey d -cert a.pem -key a.key")
                .await,
            273
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_read_in_every_form_and_in_the_places_netscaler_looks() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        fs::create_dir(at.join("ssl")).unwrap();
        let mut leaves = Vec::new();
        for name in ["enc", "der", "pfx"] {
            leaves.push(ca.files(&at.join("ssl"), name, &format!("{name}.example"), P256));
        }
        let ssl = at.join("ssl");
        let read = |name: &str| fs::read_to_string(ssl.join(name)).unwrap();
        let enc = KeyPair::from_pem(&read("enc.key")).unwrap();
        let enc = encrypted_key::encrypt_to_pem(&enc, "hunter2").unwrap();
        write(&ssl, "enc.key", enc.expose());
        let der = KeyPair::from_pem(&read("der.key")).unwrap();
        write(&ssl, "der.key", der.to_pkcs8_der().expose());
        write(&ssl, "der.cer", leaves[1].der());
        let pfx = KeyPair::from_pem(&read("pfx.key")).unwrap();
        let chain = Chain::from_pem(&read("pfx.pem")).unwrap();
        let file = pkcs12::export(&pfx, &chain, "hunter2", pkcs12::Profile::Modern).unwrap();
        write(&ssl, "pfx.pfx", file);
        let adc = Setup::new(at).vserver("v", "SSL", &[]).start().await;

        let pfx = "add ssl certKey p -cert pfx.pfx -key pfx.pfx -inform PFX -passplain";
        assert_eq!(adc.refused("add ssl certKey e -cert enc.pem -key enc.key").await, 1537);
        assert_eq!(adc.refused(&format!("{pfx} wrong")).await, 1537);
        adc.run(&format!(
            "add ssl certKey e -cert /nsconfig/ssl/enc.pem -key /flash/nsconfig/ssl/enc.key -passplain hunter2
             add ssl certKey d -cert der.cer -key der.key -inform DER
             {pfx} hunter2
             set ssl vserver v -SNIEnable ENABLED"
        ))
        .await;
        for (certkey, leaf) in ["e", "d", "p"].iter().zip(&leaves) {
            adc.run(&format!("bind ssl vserver v -certkeyName {certkey} -SNICert")).await;
            let name = leaf.dns_names()[0].to_string();
            let shown = Tls::plain().leaf(adc.addr("v"), &name).await;
            assert_eq!(shown, leaf.fingerprint(), "{certkey}");
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_update_keeps_names_unless_told_otherwise_and_breaks_links_that_do_not_fit() {
    within(async {
        let (dir, ca, other) = (tempfile::tempdir().unwrap(), TestCa::new(), TestCa::new());
        let at = dir.path();
        leaf_of(&ca.root, at, "one", "a.example", [-1, 30]);
        leaf_of(&ca.root, at, "two", "a.example", [-9, -2]);
        leaf_of(&ca.root, at, "three", "b.example", [1, 30]);
        leaf_of(&other.root, at, "four", "a.example", [-9, -2]);
        write(at, "ca.pem", ca.root.certificate().to_pem());
        write(at, "other.pem", other.root.certificate().to_pem());
        let adc = Setup::new(at).start().await;
        adc.run("add ssl certKey c -cert one.pem -key one.key\nadd ssl certKey ca -cert ca.pem")
            .await;
        adc.run("add ssl certKey other -cert other.pem").await;

        assert_eq!(adc.refused("link ssl certKey c other").await, 1548);
        assert_eq!(adc.refused("link ssl certKey c c").await, 1543);
        assert_eq!(adc.refused("link ssl certKey c nobody").await, 1540);
        assert_eq!(adc.refused("unlink ssl certKey c").await, 1545);
        adc.run("link ssl certKey c ca").await;
        assert_eq!(adc.refused("link ssl certKey c ca").await, 273);
        assert_eq!(adc.refused("rm ssl certKey ca").await, 1541);

        let update = |to: &str| format!("update ssl certKey c -cert {to}.pem -key {to}.key");
        assert_eq!(
            adc.refused("update ssl certKey c -cert two.pem -key one.key")
                .await,
            1538
        );
        assert_eq!(adc.refused(&update("three")).await, 3585);
        assert_eq!(warned(&adc, &update("two")).await, [1589]);
        assert_eq!(
            warned(&adc, &format!("{} -noDomainCheck", update("three"))).await,
            [1588]
        );
        assert_eq!(
            warned(&adc, &format!("{} -noDomainCheck", update("one"))).await,
            NONE
        );
        assert_eq!(warned(&adc, &update("four")).await, [1591]);
        assert_eq!(adc.refused("unlink ssl certKey c").await, 1545);
        adc.run("rm ssl certKey ca").await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_update_without_files_reads_the_same_ones_again() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        ca.files(at, "a", "a.example", P256);
        let adc = Setup::new(at).vserver("v", "SSL", &[]).start().await;
        adc.run("add ssl certKey c -cert a.pem -key a.key\nbind ssl vserver v -certkeyName c")
            .await;
        let new = ca.files(at, "a", "a.example", P256);
        assert_ne!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            new.fingerprint()
        );

        adc.run("update ssl certKey c").await;

        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            new.fingerprint()
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_bundle_makes_and_links_the_certkeys_of_its_intermediates() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        for name in ["a", "b"] {
            ca.files(at, name, &format!("{name}.example"), P256);
        }
        let adc = Setup::new(at).vserver("v", "SSL", &[]).start().await;

        adc.run(
            "add ssl certKey a -cert a.pem -key a.key -bundle YES
             add ssl certKey b -cert b.pem -key b.key -bundle YES
             bind ssl vserver v -certkeyName a",
        )
        .await;

        // The second bundle has the same intermediate: it is used, not made again.
        assert_eq!(adc.refused("rm ssl certKey a_ic1").await, 1541);
        adc.run("unlink ssl certKey a").await;
        assert_eq!(adc.refused("rm ssl certKey a_ic1").await, 1541);
        adc.run("link ssl certKey a a_ic1").await;
        assert_eq!(adc.refused("rm ssl certKey b_ic1").await, 1540);
        let file = fs::read_to_string(at.join("a.pem_ic1"))
            .or_else(|_| fs::read_to_string(at.join("ssl/a.pem_ic1")));
        assert!(Certificate::from_pem(&file.unwrap()).unwrap().is_ca());
        let shown = Tls::plain().look(adc.addr("v"), "a.example").await.unwrap();
        assert_eq!(shown.certificates, 2);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_chain_is_built_of_the_certkeys_that_are_here() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        ca.files(at, "a", "a.example", P256);
        let adc = Setup::new(at).vserver("v", "SSL", &[]).start().await;
        let parts = fs::read_to_string(at.join("a.pem")).unwrap();
        let certificates = Certificate::all_from_pem(&parts).unwrap();
        write(at, "leaf.pem", certificates[0].to_pem());
        write(at, "issuing.pem", certificates[1].to_pem());
        adc.run(
            "add ssl certKey leaf -cert leaf.pem -key a.key
             add ssl certKey issuing -cert issuing.pem
             bind ssl vserver v -certkeyName leaf",
        )
        .await;
        let before = Tls::plain().look(adc.addr("v"), "a.example").await.unwrap();

        adc.run("add ssl certificateChain leaf").await;

        let after = Tls::plain().look(adc.addr("v"), "a.example").await.unwrap();
        assert_eq!((before.certificates, after.certificates), (1, 2));
        assert_eq!(adc.refused("add ssl certificateChain nobody").await, 1540);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_this_appliance_cannot_do_is_refused_and_not_passed_over() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path()).start().await;

        for line in [
            "force HA failover -force",
            "force HA sync",
            "sync HA files ssl",
        ] {
            assert_eq!(adc.refused(line).await, 363, "{line}");
        }
        for line in [
            "create system backup b",
            "rm system backup b",
            "import ssl certFile f http://192.0.2.1/f",
            "create ssl dsaKey k 1024",
        ] {
            assert_eq!(adc.refused(line).await, 301, "{line}");
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_certkey_bundle_is_served_whole_and_anew_when_it_is_updated() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        let bundle = |name: &str| {
            let leaf = ca.files(at, name, "a.example", P256);
            let part = |end: &str| fs::read_to_string(at.join(format!("{name}.{end}"))).unwrap();
            write(at, "bundle.pem", part("pem") + &part("key"));
            leaf
        };
        let one = bundle("one");
        let adc = Setup::new(at).vserver("v", "SSL", &[]).start().await;

        assert_eq!(
            adc.refused("add ssl certKeyBundle b -bundleFile one.pem")
                .await,
            1537
        );
        adc.run(
            "add ssl certKeyBundle b -bundleFile bundle.pem
             bind ssl vserver v -certkeyBundleName b",
        )
        .await;
        let shown = Tls::plain().look(adc.addr("v"), "a.example").await.unwrap();
        assert_eq!(shown.certificates, 2);
        let leaf = Tls::plain().leaf(adc.addr("v"), "a.example").await;
        assert_eq!(leaf, one.fingerprint());

        let two = bundle("two");
        adc.run("update ssl certKeyBundle b").await;
        let leaf = Tls::plain().leaf(adc.addr("v"), "a.example").await;
        assert_eq!(leaf, two.fingerprint());
        assert_eq!(adc.refused("rm ssl certKeyBundle b").await, 1541);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_certificate_takes_the_place_of_one_of_its_own_family_only() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        ca.files(at, "old", "a.example", P256);
        let new = ca.files(at, "new", "a.example", P256);
        let rsa = ca.files(at, "rsa", "a.example", KeyAlgorithm::Rsa2048);
        let adc = Setup::new(at).vserver("v", "SSL", &[]).start().await;
        for name in ["old", "new", "rsa"] {
            adc.run(&format!(
                "add ssl certKey {name} -cert {name}.pem -key {name}.key"
            ))
            .await;
        }

        assert_eq!(
            warned(&adc, "bind ssl vserver v -certkeyName old").await,
            NONE
        );
        assert_eq!(
            warned(&adc, "bind ssl vserver v -certkeyName rsa").await,
            NONE
        );
        assert_eq!(
            warned(&adc, "bind ssl vserver v -certkeyName new").await,
            [1546]
        );

        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            new.fingerprint()
        );
        let only_rsa = Tls::new(TlsOptions {
            schemes: crate::client::RSA.to_vec(),
            ..TlsOptions::default()
        });
        assert_eq!(
            only_rsa.leaf(adc.addr("v"), "a.example").await,
            rsa.fingerprint()
        );
        adc.run("rm ssl certKey old").await;
        assert_eq!(adc.refused("rm ssl certKey new").await, 1541);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn files_are_deleted_with_the_certkey_when_that_was_asked_for() {
    within(async {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let at = dir.path();
        for name in ["kept", "asked", "always"] {
            ca.files(at, name, &format!("{name}.example"), P256);
        }
        leaf_of(&ca.root, at, "expired", "e.example", [-9, -2]);
        leaf_of(&ca.root, at, "valid", "w.example", [-9, 2]);
        let adc = Setup::new(at).start().await;
        for (name, how) in [
            ("kept", ""),
            ("asked", ""),
            ("always", "-deleteCertKeyFilesOnRemoval ALWAYS"),
            ("expired", "-deleteCertKeyFilesOnRemoval IF_EXPIRED"),
            ("valid", "-deleteCertKeyFilesOnRemoval IF_EXPIRED"),
        ] {
            adc.run(&format!(
                "add ssl certKey {name} -cert {name}.pem -key {name}.key {how}"
            ))
            .await;
            let asked = if name == "asked" {
                "-deleteFromDevice"
            } else {
                ""
            };
            adc.run(&format!("rm ssl certKey {name} {asked}")).await;
        }

        let is_there =
            |name: &str| ["pem", "key"].map(|end| at.join(format!("{name}.{end}")).exists());
        assert_eq!(is_there("kept"), [true; 2]);
        assert_eq!(is_there("asked"), [false; 2]);
        assert_eq!(is_there("always"), [false; 2]);
        assert_eq!(is_there("expired"), [false; 2]);
        assert_eq!(is_there("valid"), [true; 2]);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn keys_requests_and_certificates_are_made_on_the_appliance() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let ssl = dir.path().join("ssl");
        let adc = Setup::new(dir.path()).vserver("v", "SSL", &[]).start().await;

        adc.run(
            "create ssl rsakey ca.key 2048 -aes256 -password hunter2
             create ssl certReq ca.req -keyFile ca.key -PEMPassPhrase hunter2 -countryName DE -stateName Bayern -organizationName Example -commonName \"Test CA\"
             create ssl cert ca.pem ca.req ROOT_CERT -keyFile ca.key -PEMPassPhrase hunter2 -days 3650
             create ssl ecdsaKey web.key -curve P_256
             create ssl certReq web.req -keyFile web.key -countryName DE -stateName Bayern -organizationName Example -commonName a.example -subjectAltName \"DNS:b.example IP:192.0.2.1\"
             create ssl cert web.pem web.req SRVR_CERT -CAcert ca.pem -CAkey ca.key -PEMPassPhrase hunter2 -days 30
             add ssl certKey ca -cert ca.pem
             add ssl certKey web -cert web.pem -key web.key
             link ssl certKey web ca
             bind ssl vserver v -certkeyName web
             convert ssl pkcs12 web.pfx -export -certFile web.pem -keyFile web.key -password hunter2
             convert ssl pkcs12 back.pem -import -pkcs12File web.pfx -password hunter2",
        )
        .await;

        let read = |name: &str| fs::read_to_string(ssl.join(name)).unwrap();
        let [root, web] = ["ca.pem", "web.pem"].map(|file| Certificate::from_pem(&read(file)).unwrap());
        assert!(web.is_signed_by(&root) && root.is_self_signed());
        assert!(web.subject().contains("CN=a.example"), "{}", web.subject());
        let names: Vec<String> = web.dns_names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["b.example", "a.example"]);
        assert!(read("ca.key").contains("ENCRYPTED PRIVATE KEY"));
        assert!(read("back.pem").contains(&web.to_pem()));
        assert_eq!(Tls::plain().leaf(adc.addr("v"), "b.example").await, web.fingerprint());
        for (line, code) in [
            ("create ssl rsakey ca.key 2048", 1642),
            ("create ssl rsakey new.key 1024", 1562),
            ("create ssl rsakey /etc/new.key 2048", 1645),
            ("create ssl ecdsaKey ../new.key -curve P_256", 1645),
            ("create ssl ecdsaKey new.key -curve P_256 -aes256", 1095),
            ("convert ssl pkcs12 new.pfx -export -certFile web.pem", 1640),
            ("convert ssl pkcs12 new.pem -import -password x", 1641),
            ("convert ssl pkcs12 new.pem -import -pkcs12File web.pfx -password wrong", 1537),
            ("convert ssl pkcs8 new.key gone.key", 1647),
            ("create ssl cert new.pem web.req SRVR_CERT -CAcert web.pem -CAkey web.key", 3605),
            ("create ssl cert new.pem web.req ROOT_CERT -keyFile ca.key", 1537),
        ] {
            assert_eq!(adc.refused(line).await, code, "{line}");
        }
        adc.run("convert ssl pkcs8 web.p8 web.key").await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn files_come_and_go_by_command() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path()).start().await;
        let add = "add system file a.pem -fileLocation /nsconfig/ssl/new -fileContent";

        adc.run(&format!("{add} aGVsbG8=")).await;

        let path = dir.path().join("ssl/new/a.pem");
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello");
        assert_eq!(adc.refused(&format!("{add} aGVsbG8=")).await, 1642);
        assert_eq!(
            adc.refused("add system file x -fileLocation /etc -fileContent aGk=")
                .await,
            1097
        );
        adc.run("rm system file a.pem -fileLocation /flash/nsconfig/ssl/new/")
            .await;
        assert_eq!(
            adc.refused("rm system file a.pem -fileLocation /nsconfig/ssl/new")
                .await,
            1155
        );
        adc.stop().await;
    })
    .await;
}
