//! `FreeDNS`: a cookie, a list, a page for each record; deletion by a link.

use super::super::world::{Asked, Data, Reply, Service, Txt, relative, whole};
use super::{text_reply, unquoted, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "freedns",
    settings: &[("user", "anna"), ("password", "right-password")],
    wrong: &[("user", "anna"), ("password", "wrong-password")],
    knows: |data, asked| asked.path == "/zc.php" || asked.header("cookie") == format!("dns_cookie=session-{}", data.sessions),
    refuse: || moved("/zc.php?from=L3N1YmRvbWFpbi8="),
    serve,
    changes: |asked| matches!(asked.path.as_str(), "/subdomain/save.php" | "/subdomain/delete2.php"),
    end_session: Some(|data| data.sessions += 1),
    cookie: true,
    nags: true,
    ..Service::PLAIN
};

fn moved(to: &str) -> Reply {
    let mut reply = text_reply(302, "");
    reply.headers.push(("location".to_owned(), to.to_owned()));
    reply
}

fn complaint(words: &str) -> Reply {
    text_reply(200, &format!("<html><body><table width=\"95%\"><tr><td bgcolor=\"#eeeeee\">{words}</td></tr></table></body></html>"))
}

/// The records in a domain, not those in a domain below it.
fn own(data: &Data, zone: &str) -> Vec<Txt> {
    let is_own = |record: &Txt| data.zone_of(&record.fqdn).as_deref() == Some(zone);
    data.within(zone).into_iter().filter(is_own).collect()
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert!(asked.header("accept-language").starts_with("en-US"));
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/zc.php") => {
            let form = ["username", "password", "submit", "action"].map(|key| asked.given(key));
            if form != ["anna", "right-password", "Login", "auth"] {
                return text_reply(200, "<html>Invalid UserID/Pass</html>");
            }
            let mut reply = moved("/");
            reply.headers.push(("set-cookie".to_owned(), format!("dns_cookie=session-{}; path=/", data.sessions)));
            reply
        }
        ("GET", "/subdomain/") => {
            let mut page = String::from("<html><body><form action=\"delete2.php\" method=get><table>");
            for zone in &data.zones {
                let own = own(data, zone);
                // Without a record a domain is not shown.
                if own.is_empty() {
                    continue;
                }
                page += &format!("<tr><td>{zone} (private)</td><td><a href=edit.php?edit_domain_id={}>add</a></td></tr>", zone_number(data, zone));
                for record in own {
                    let short: String = record.value.chars().take(16).collect();
                    page += &format!("<tr><td bgcolor=#eeeeee><input type=checkbox name=data_id[] value={0}></td><td bgcolor=#eeeeee><a href=edit.php?data_id={0}>{1}</a></td><td bgcolor=#eeeeee>TXT</td><td bgcolor=#eeeeee>\"{short}...\"</td></tr>", record.id, record.fqdn);
                }
            }
            text_reply(200, &format!("{page}</table></form></body></html>"))
        }
        ("GET", "/domain/") => {
            let rows = data.zones.iter().map(|zone| {
                format!("<tr><td><font size=\"2\"><b>{zone}</b></font></td><td><a href=/subdomain/?limit={}>{} hosts in use</a></td></tr>", zone_number(data, zone), own(data, zone).len())
            });
            text_reply(200, &format!("<html><body><table>{}</table></body></html>", rows.collect::<String>()))
        }
        ("GET", "/subdomain/edit.php") => {
            let record = data.records.iter().find(|record| record.id.to_string() == asked.query("data_id")).unwrap();
            text_reply(200, &format!("<form><input type=text name=subdomain value=\"{}\"><input type=text name=address size=40 value=\"&quot;{}&quot;\"></form>", relative(&record.fqdn, "x"), record.value))
        }
        ("POST", "/subdomain/save.php") => {
            assert_eq!((asked.query("step"), asked.given("type").as_str(), asked.given("send").as_str()), ("2", "TXT", "Save!"));
            let zone = zone_numbered(data, &asked.given("domain_id")).unwrap();
            let value = asked.given("address");
            assert!(value.starts_with('"') && value.ends_with('"'), "{value}");
            let fqdn = whole(&asked.given("subdomain"), &zone);
            if data.at(&fqdn).iter().any(|record| record.value == unquoted(&value)) {
                return complaint("You already have another already existent TXT record.");
            }
            data.add(&whole(&asked.given("subdomain"), &zone), &unquoted(&value));
            moved("/subdomain/")
        }
        ("GET", "/subdomain/delete2.php") => {
            assert_eq!(asked.query("submit"), "delete selected");
            data.remove(asked.query("data_id[]").parse().unwrap());
            moved("/subdomain/")
        }
        _ => text_reply(404, "<html>not found</html>"),
    }
}
