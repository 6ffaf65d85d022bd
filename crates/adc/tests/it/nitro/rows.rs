//! What reads tell: read-only fields, bindings from both sides, the appliance, statistics.

use evercert_ns::Verb;
use evercert_ns::catalog::RESOURCES;
use evercert_types::KeyAlgorithm;
use serde_json::json;

use super::client::Box;
use crate::authority::TestCa;
use crate::backend::Backend;
use crate::client::Tls;
use crate::world::Setup;

#[tokio::test]
async fn a_certkey_is_told_with_what_its_file_holds() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let leaf = ca.files(
        dir.path(),
        "web1",
        "www.example.com example.com",
        KeyAlgorithm::Rsa2048,
    );
    let adc = Box::start(
        dir.path(),
        "add ssl certKey web1 -cert web1.pem -key web1.key",
    )
    .await;

    let row = adc.local().get("sslcertkey/WEB1").await.ok()["sslcertkey"][0].clone();

    assert_eq!(
        (&row["certkey"], &row["cert"], &row["key"]),
        (&json!("web1"), &json!("web1.pem"), &json!("web1.key"))
    );
    assert_eq!(
        (&row["inform"], &row["status"]),
        (&json!("PEM"), &json!("Valid"))
    );
    assert_eq!(row["serial"], leaf.serial_hex().to_ascii_uppercase());
    assert_eq!(row["subject"], " CN=www.example.com");
    assert_eq!(row["issuer"], " CN=Test Issuing");
    assert_eq!(row["signaturealg"], "ecdsa-with-SHA256");
    assert_eq!(
        (&row["publickey"], &row["publickeysize"]),
        (&json!("rsaEncryption"), &json!(2048))
    );
    assert_eq!(
        (&row["daystoexpiration"], &row["version"]),
        (&json!(89), &json!(3))
    );
    assert_eq!(
        (&row["expirymonitor"], &row["notificationperiod"]),
        (&json!("ENABLED"), &json!("30"))
    );
    assert_eq!(row["sandns"], "www.example.com example.com");
    assert_eq!(row["ocspresponsestatus"], "NONE");
    assert!(
        row["clientcertnotafter"]
            .as_str()
            .unwrap()
            .ends_with(" GMT"),
        "{row}"
    );
    assert!(row.get("linkcertkeyname").is_none());
    adc.stop().await;
}

#[tokio::test]
async fn bindings_are_told_from_both_sides() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    ca.files(
        dir.path(),
        "web1",
        "www.example.com",
        KeyAlgorithm::EcdsaP256,
    );
    ca.files(
        dir.path(),
        "web2",
        "shop.example.com",
        KeyAlgorithm::EcdsaP256,
    );
    let setup = Setup::new(dir.path()).vserver("web", "SSL", &[]).conf(
        "add ssl certKey web1 -cert web1.pem -key web1.key
         add ssl certKey web2 -cert web2.pem -key web2.key
         set ssl vserver web -SNIEnable ENABLED
         bind ssl vserver web -certkeyName web1
         bind ssl vserver web -certkeyName web2 -SNICert",
    );
    let adc = Box::with(setup).await;
    let local = adc.local();

    let of_vserver = local.get("sslvserver_sslcertkey_binding/web").await.ok();
    let sni = local
        .get("sslvserver_sslcertkey_binding/web?filter=certkeyname:web2,snicert:true")
        .await
        .ok();
    let not_sni = local
        .get("sslvserver_sslcertkey_binding/web?filter=certkeyname:web1,snicert:true")
        .await
        .ok();
    let of_certkey = local.get("sslcertkey_sslvserver_binding/web2").await.ok();
    let all = local.get("sslcertkey_binding/web1").await.ok();
    let unused = local.get("sslcertkey_service_binding/web1").await.ok();
    let everything = local.get("sslvserver_binding/web").await.ok();
    let absent = local.get("sslvserver_sslcertkey_binding/nobody").await;

    let kind = "sslvserver_sslcertkey_binding";
    assert_eq!(of_vserver[kind].as_array().map(Vec::len), Some(2));
    assert_eq!(of_vserver[kind][0]["snicert"], false);
    assert_eq!(sni[kind][0]["certkeyname"], "web2");
    assert!(not_sni.get(kind).is_none());
    let row = &of_certkey["sslcertkey_sslvserver_binding"][0];
    assert_eq!(
        (&row["certkey"], &row["servername"], &row["vserver"]),
        (&json!("web2"), &json!("web"), &json!(true))
    );
    assert_eq!(
        all["sslcertkey_binding"][0]["sslcertkey_sslvserver_binding"][0]["servername"],
        "web"
    );
    assert!(unused.get("sslcertkey_service_binding").is_none());
    assert_eq!(
        everything["sslvserver_binding"][0][kind]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let curves = &everything["sslvserver_binding"][0]["sslvserver_ecccurve_binding"];
    assert_eq!(curves[0]["ecccurvename"], "P_256");
    absent.fails("599 Netscaler specific error", 3712);
    adc.stop().await;
}

#[tokio::test]
async fn an_ssl_vserver_is_there_with_its_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::new(dir.path())
        .vserver("web", "SSL", &[])
        .vserver("plain", "HTTP", &[]);
    let adc = Box::with(setup).await;
    let local = adc.local();

    let row = local.get("sslvserver/web").await.ok()["sslvserver"][0].clone();
    let all = local.get("sslvserver").await.ok();

    assert_eq!(
        (&row["tls12"], &row["snienable"]),
        (&json!("ENABLED"), &json!("DISABLED"))
    );
    assert_eq!(row["protocolsoffered"], "TLSv1.2 TLSv1.3");
    assert_eq!(all["sslvserver"].as_array().map(Vec::len), Some(1));
    local
        .get("sslvserver/none")
        .await
        .fails("599 Netscaler specific error", 3712);
    local
        .get("sslvserver/plain")
        .await
        .fails("599 Netscaler specific error", 1544);
    adc.stop().await;
}

#[tokio::test]
async fn vservers_and_services_are_told_with_their_state_and_counters() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Backend::start().await;
    let adc = Box::with(
        Setup::new(dir.path())
            .vserver("web", "HTTP", &[backend.addr])
            .vserver("idle", "HTTP", &[]),
    )
    .await;
    let local = adc.local();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    crate::client::exchange_raw(adc.vserver("web"), request).await;

    let row = local.get("lbvserver/web").await.ok()["lbvserver"][0].clone();
    let idle = local.get("lbvserver/idle").await.ok()["lbvserver"][0].clone();
    let service = local.get("service/web_0").await.ok()["service"][0].clone();
    let bound = local.get("lbvserver_service_binding/web").await.ok();
    let counters = local
        .get("/nitro/v1/stat/lbvserver/web?statbindings=yes")
        .await
        .ok();
    let appliance = local.get("/nitro/v1/stat/ns").await.ok();

    assert_eq!(
        (&row["curstate"], &row["effectivestate"], &row["health"]),
        (&json!("UP"), &json!("UP"), &json!("100"))
    );
    assert_eq!(idle["curstate"], "DOWN");
    assert_eq!(
        (&service["svrstate"], &service["ipaddress"]),
        (&json!("UP"), &json!("127.0.0.1"))
    );
    let bound = &bound["lbvserver_service_binding"][0];
    assert_eq!(
        (&bound["servicename"], &bound["curstate"], &bound["weight"]),
        (&json!("web_0"), &json!("UP"), &json!("1"))
    );
    let counters = &counters["lbvserver"][0];
    assert_eq!(
        (&counters["totalrequests"], &counters["state"]),
        (&json!(1), &json!("UP"))
    );
    assert_eq!(counters["service"][0]["name"], "web_0");
    assert!(appliance["ns"]["memuseinmb"].as_u64().unwrap() > 0);
    adc.stop().await;
}

#[tokio::test]
async fn the_appliance_tells_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "set ns hostName adc1\nenable ns feature LB SSL").await;
    let local = adc.local();
    let one = async |kind: &str| local.get(kind).await.ok()[kind].clone();

    let config = one("nsconfig").await;
    let features = one("nsfeature").await;
    let running = one("nsrunningconfig").await;
    let nodes = local.get("hanode").await.ok()["hanode"].clone();

    assert_eq!(
        (&config["systemtype"], &config["configchanged"]),
        (&json!("Stand-alone"), &json!(true))
    );
    assert_eq!(
        (&features["lb"], &features["gslb"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(features["feature"], json!(["LB", "SSL"]));
    assert!(
        running["response"]
            .as_str()
            .unwrap()
            .contains("set ns hostName adc1\n"),
        "{running}"
    );
    assert!(!running.to_string().contains(super::client::ADMIN.1));
    assert_eq!(
        (&nodes[0]["id"], &nodes[0]["state"], &nodes[0]["name"]),
        (&json!("0"), &json!("Primary"), &json!("adc1"))
    );
    assert_eq!(one("nshostname").await["hostname"], "adc1");
    assert_eq!(one("nslicense").await["ssl"], true);
    assert!(one("nshardware").await["hwdescription"].is_string());
    let zero_touch = one("sslzerotouchparam").await;
    assert_eq!(
        (&zero_touch["ocspusenonce"], &zero_touch["zerotouch"]),
        (&json!("ENABLED"), &json!("DISABLED"))
    );
    local
        .post("nsconfig?action=save", json!({"nsconfig": {"all": true}}))
        .await
        .ok();
    assert_eq!(one("nsconfig").await["configchanged"], false);
    assert!(
        one("nssavedconfig").await["textblob"]
            .as_str()
            .unwrap()
            .contains("set ns hostName adc1")
    );
    adc.stop().await;
}

#[tokio::test]
async fn files_come_back_as_they_were_posted() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let local = adc.local();
    local
        .upload("a+b.pem", "/nsconfig/ssl/LENS/", b"\x00\xffcontent")
        .await
        .created();

    let one = local
        .get("systemfile/a%2Bb.pem?args=filelocation:%2Fnsconfig%2Fssl%2FLENS%2F")
        .await
        .ok();
    let twice = local.get("systemfile?args=filename:a%2Bb.pem,filelocation:%252Fflash%252Fnsconfig%252Fssl%252FLENS").await.ok();
    let list = local
        .get("systemfile?args=filelocation:/nsconfig/ssl")
        .await
        .ok();

    let row = &one["systemfile"][0];
    assert_eq!(
        (&row["filename"], &row["filelocation"]),
        (&json!("a+b.pem"), &json!("/nsconfig/ssl/LENS/"))
    );
    assert_eq!(
        (&row["filecontent"], &row["filesize"]),
        (&json!("AP9jb250ZW50"), &json!("9"))
    );
    assert_eq!(
        twice["systemfile"][0]["filelocation"],
        "/flash/nsconfig/ssl/LENS"
    );
    assert_eq!(list["systemfile"][0]["filemode"], json!(["DIRECTORY"]));
    for outside in ["/etc", "/nsconfig/../etc", "relative"] {
        let answer = local
            .get(&format!("systemfile?args=filelocation:{outside}"))
            .await;
        assert!(!answer.line.contains(" 200 "), "{outside}: {answer:?}");
    }
    let absent = local
        .get("systemfile/none.pem?args=filelocation:/nsconfig/ssl")
        .await;
    absent.fails("599 Netscaler specific error", 1155);
    adc.stop().await;
}

#[tokio::test]
async fn zero_touch_certificates_are_no_certkeys() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let console = crate::console::FakeConsole::start().await;
    let item = ca.item(&crate::authority::ItemSpec::new("zt.example.com"));
    console.put([item], ca.chains());
    let setup = Setup::new(dir.path())
        .console(&console)
        .vserver("web", "SSL", &[]);
    let adc = Box::with(setup).await;
    crate::world::eventually("it is served", crate::world::SOON, async || {
        let looked = Tls::plain()
            .look(adc.vserver("web"), "zt.example.com")
            .await;
        looked.ok()
    })
    .await;

    let certkeys = adc.local().get("sslcertkey").await.ok();
    let zero_touch = adc.local().get("sslzerotouchparam").await.ok();

    assert!(
        !certkeys.to_string().contains("zt.example.com"),
        "{certkeys}"
    );
    assert_eq!(zero_touch["sslzerotouchparam"]["zerotouch"], "ENABLED");
    adc.stop().await;
}

#[tokio::test]
async fn every_type_of_the_catalogue_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    ca.files(
        dir.path(),
        "web1",
        "www.example.com",
        KeyAlgorithm::EcdsaP256,
    );
    let setup = Setup::new(dir.path()).vserver("web", "SSL", &[]).conf(
        "add ssl certKey web1 -cert web1.pem -key web1.key
         bind ssl vserver web -certkeyName web1",
    );
    let adc = Box::with(setup).await;
    let local = adc.local();

    for resource in RESOURCES {
        let args = match resource.nitro {
            "systemfile" => "?args=filelocation:/nsconfig",
            _ => "",
        };
        for (verb, tree) in [(Verb::Show, "config"), (Verb::Stat, "stat")] {
            let answer = local
                .get(&format!("/nitro/v1/{tree}/{}{args}", resource.nitro))
                .await;
            match resource.rule(verb) {
                Some(_) => answer.ok(),
                None => answer.json(),
            };
        }
        if !resource.bindings.is_empty() {
            local.get(&format!("{}_binding", resource.nitro)).await.ok();
        }
        for binding in resource.bindings {
            local.get(binding.nitro).await.ok();
            for (alias, _) in binding.aliases {
                local.get(alias).await.ok();
            }
        }
    }
    adc.stop().await;
}
