//! Route 53: XML, signature version 4, sets that must be taken away exactly as they are.

use super::super::world::{Asked, Data, Reply, Service};
use super::{between, by_method, canonical_query, hex, hmac_sha256, sha256, xml_reply, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "aws",
    settings: &[("access_key_id", "AKIDRIGHT"), ("secret_access_key", "right-secret")],
    wrong: &[("access_key_id", "AKIDRIGHT"), ("secret_access_key", "wrong-secret")],
    knows: |_, asked| asked.header("authorization") == expected(asked),
    refuse: || error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn expected(asked: &Asked) -> String {
    let time = asked.header("x-amz-date");
    let scope = format!("{}/us-east-1/route53/aws4_request", time.get(..8).unwrap_or_default());
    let request = format!("{}\n{}\n{}\nhost:{}\nx-amz-date:{time}\n\nhost;x-amz-date\n{}", asked.method, asked.path, canonical_query(asked, ""), asked.header("host"), sha256(&asked.body));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&request));
    let key = scope.split('/').fold(b"AWS4right-secret".to_vec(), |key, part| hmac_sha256(&key, part));
    let signature = hex(&hmac_sha256(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential=AKIDRIGHT/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}")
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    xml_reply(status, &format!("<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"))
}

fn answer(name: &str, inside: &str) -> Reply {
    xml_reply(200, &format!("<{name} xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">{inside}</{name}>"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", [_, "hostedzonesbyname"]) => {
            let wanted = asked.query("dnsname").trim_end_matches('.');
            let public = data.zones.iter().filter(|zone| *zone == wanted);
            let hosted = |id: &str, zone: &str, private: bool| format!("<HostedZone><Id>/hostedzone/{id}</Id><Name>{zone}.</Name><CallerReference>r</CallerReference><Config><PrivateZone>{private}</PrivateZone></Config></HostedZone>");
            let own: String = public.map(|zone| hosted("ZPRIVATE", zone, true) + &hosted(&zone_number(data, zone).to_string(), zone, false)).collect();
            answer("ListHostedZonesByNameResponse", &format!("<HostedZones>{own}{}</HostedZones><IsTruncated>false</IsTruncated>", hosted("ZLATER", "zzz.example", false)))
        }
        ("GET", [_, "hostedzone", id, "rrset"]) if zone_numbered(data, id).is_some() => {
            assert_eq!((asked.query("type"), asked.query("maxitems")), ("TXT", "1"));
            let name = asked.query("name").trim_end_matches('.');
            let there = data.at(name);
            let inside = match there.is_empty() {
                // What comes next in the zone.
                true => "<ResourceRecordSet><Name>zzz.example.com.</Name><Type>TXT</Type><TTL>5</TTL><ResourceRecords><ResourceRecord><Value>\"other\"</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>".to_owned(),
                false => {
                    let values: String = there.iter().map(|record| format!("<ResourceRecord><Value>&quot;{}&quot;</Value></ResourceRecord>", record.value)).collect();
                    format!("<ResourceRecordSet><Name>{name}.</Name><Type>TXT</Type><TTL>10</TTL><ResourceRecords>{values}</ResourceRecords></ResourceRecordSet>")
                }
            };
            answer("ListResourceRecordSetsResponse", &format!("<ResourceRecordSets>{inside}</ResourceRecordSets><IsTruncated>false</IsTruncated>"))
        }
        ("POST", [_, "hostedzone", id, "rrset"]) if zone_numbered(data, id).is_some() => {
            let body = &asked.body;
            assert!(body.contains("xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"") && between(body, "<Type>", "</Type>") == "TXT");
            let fqdn = between(body, "<Name>", ".</Name>").to_owned();
            let values: Vec<String> = body.split("<Value>&quot;").skip(1).map(|part| part.split_once("&quot;</Value>").unwrap().0.to_owned()).collect();
            if between(body, "<Action>", "</Action>") == "DELETE" {
                let there: Vec<String> = data.at(&fqdn).into_iter().map(|record| record.value).collect();
                if there != values || between(body, "<TTL>", "</TTL>") != "10" {
                    return error(400, "InvalidChangeBatch", "Tried to delete resource record set but the values provided do not match the current values");
                }
                data.replace(&fqdn, &[]);
            } else {
                data.least_ttl = between(body, "<TTL>", "</TTL>").parse().ok();
                data.replace(&fqdn, &values);
            }
            data.sessions = 0;
            answer("ChangeResourceRecordSetsResponse", "<ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status></ChangeInfo>")
        }
        ("GET", [_, "change", "C1"]) => {
            // A change is seen pending once.
            data.sessions += 1;
            let status = if data.sessions > 1 { "INSYNC" } else { "PENDING" };
            answer("GetChangeResponse", &format!("<ChangeInfo><Id>/change/C1</Id><Status>{status}</Status></ChangeInfo>"))
        }
        _ => error(404, "NoSuchHostedZone", "No hosted zone found"),
    }
}
