//! `FreeDNS` (afraid.org): a cookie, a list of sub-domains, a page for each record's value.

use async_trait::async_trait;
use reqwest::header::LOCATION;

use super::markup::{Piece, pieces};
use super::session::{HtmlSession, PASSWORD, USER};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::name;
use crate::native::api::{Repeat, relative};
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Maker, Provider, Receipt, Settings, TxtTarget,
};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader};
use crate::txt;

const CODE: &str = "freedns";
const COOKIE: &str = "dns_cookie";

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "FreeDNS",
    docs: "https://freedns.afraid.org/",
    least_privilege: Some(
        "The web site's log-in is used. Public domains want a picture's letters typed and cannot be used. Unofficial, may break.",
    ),
    notes: &[
        "FreeDNS has no interface for programs: this is what acme.sh's dns_freedns script and Posh-ACME's FreeDNS plugin do. The cookie the script keeps (FREEDNS_COOKIE) is not taken over: name and password are.",
        "The list of sub-domains has domains with at least one record only; a domain of one's own without any is looked for on the page of domains. Names that begin with _ are for a domain's owner only.",
        "Free accounts may have few sub-domains, challenges included (reported to acme.sh in 2019): an account that is full answers a page that is not the list.",
        "Not certain: nobody has published a recording; the form of the pages is read from the script. After a pause the site shows an offer in place of the list once; it is asked again.",
    ],
    fields: &[
        USER.env(&["FREEDNS_User"], &[]),
        PASSWORD.env(&["FREEDNS_Password"], &[]),
        BASE_URL,
        CA_BUNDLE,
    ],
    one_of: &[],
    unofficial: true,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    default_ttl: 0,
    ..super::CAPS
};

#[derive(Debug)]
struct FreeDns {
    site: HtmlSession,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    Ok(Box::new(FreeDns {
        site: HtmlSession::new(CODE, &reader, "https://freedns.afraid.org", context)?,
    }))
}

/// The list of sub-domains.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listing {
    /// Domain and its id.
    domains: Vec<(String, String)>,
    /// Whole name and id of the TXT records.
    records: Vec<(String, String)>,
}

impl Listing {
    fn domain(&self, target: &TxtTarget) -> Option<&(String, String)> {
        let hint = target.zone_hint.as_deref().map(name::canonical);
        let fits = |(domain, _): &&(String, String)| match &hint {
            Some(hint) => domain == hint,
            None => name::is_within(&target.fqdn, domain),
        };
        self.domains
            .iter()
            .filter(fits)
            .max_by_key(|(domain, _)| domain.len())
    }
}

#[async_trait]
impl Provider for FreeDns {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _turn = self.site.turn.lock().await;
        let listing = self.listing(Step::FindZone).await?;
        let (domain, id) = &self.domain(Step::FindZone, &listing, target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(domain);
        let receipt = |created| Receipt {
            zone: domain.clone(),
            created,
            ..Receipt::default()
        };
        if !self
            .matching(&listing, target)
            .await
            .map_err(at)?
            .is_empty()
        {
            return Ok(receipt(false));
        }
        let quoted = txt::quote(&target.value);
        let form = [
            ("type", "TXT"),
            ("domain_id", id),
            ("subdomain", relative(&target.fqdn, domain)),
            ("address", &quoted),
            ("send", "Save!"),
        ];
        let posted = self.site.post(
            Step::Add,
            Repeat::WhenRefused,
            "/subdomain/save.php?step=2",
            &form,
        );
        let reply = posted.await.map_err(at)?;
        let is_new = self.saved(&reply).map_err(at)?;
        if !is_new {
            let listing = self.listing(Step::Add).await?;
            let there = self.matching(&listing, target).await.map_err(at)?;
            if there.is_empty() {
                return Err(at(self.refused(Step::Add, &reply)));
            }
        }
        Ok(receipt(is_new))
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let _turn = self.site.turn.lock().await;
        let listing = self.listing(Step::FindZone).await?;
        let (domain, _) = &self.domain(Step::FindZone, &listing, target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(domain);
        for id in self.matching(&listing, target).await.map_err(at)? {
            let path = format!("/subdomain/delete2.php?data_id%5B%5D={id}&submit=delete+selected");
            let reply = self.site.get(Step::Remove, &path).await.map_err(at)?;
            self.done(Step::Remove, &reply).map_err(at)?;
        }
        Ok(())
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let _turn = self.site.turn.lock().await;
        let listing = self.listing(Step::Check).await?;
        let mut report = CheckReport {
            zone: None,
            notes: vec![format!(
                "FreeDNS accepts the log-in and lists {} domains.",
                listing.domains.len()
            )],
        };
        if let Some(name) = name {
            let target = TxtTarget::new(name, "");
            let (domain, _) = self.domain(Step::Check, &listing, &target).await?;
            report.notes.push(format!("It holds {domain}."));
            report.zone = Some(domain);
        }
        Ok(report)
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl FreeDns {
    async fn log_in(&self, step: Step) -> Result<(), DnsError> {
        self.site.forget();
        let form = [
            ("username", self.site.user.as_str()),
            ("password", self.site.password.expose()),
            ("submit", "Login"),
            ("action", "auth"),
        ];
        let reply = self
            .site
            .post(step, Repeat::Always, "/zc.php?step=2", &form)
            .await?;
        if self.site.has_cookie(COOKIE) {
            return Ok(());
        }
        if reply.status.is_server_error() || reply.status.as_u16() == 429 {
            return Err(self.site.api.refused(step, &reply, ""));
        }
        Err(self.site.told(
            step,
            Fault::Credentials,
            "the log-in is not accepted",
            &reply,
            "",
        ))
    }

    /// The list; logged in first, and again once where the session is over. After a pause the site shows an offer once.
    async fn listing(&self, step: Step) -> Result<Listing, DnsError> {
        if !self.site.has_cookie(COOKIE) {
            self.log_in(step).await?;
        }
        let reply = self.site.get(step, "/subdomain/").await?;
        if let Some(listing) = self.read(step, &reply)? {
            return Ok(listing);
        }
        if reply.status.is_redirection() || reply.text().contains("name=\"password\"") {
            self.log_in(step).await?;
        }
        let reply = self.site.get(step, "/subdomain/").await?;
        self.read(step, &reply)?
            .ok_or_else(|| self.site.strange(step, &reply))
    }

    fn read(&self, step: Step, reply: &Reply) -> Result<Option<Listing>, DnsError> {
        if reply.status.is_client_error() || reply.status.is_server_error() {
            return Err(self.site.api.refused(step, reply, ""));
        }
        Ok(listing(&pieces(&reply.text())))
    }

    /// The domain of a name and its id. The list has those with a sub-domain only; another page has all of the account's own.
    async fn domain(
        &self,
        step: Step,
        listing: &Listing,
        target: &TxtTarget,
    ) -> Result<(String, String), DnsError> {
        let listed = listing.domain(target);
        if let (Some(found), Some(_)) = (listed, &target.zone_hint) {
            return Ok(found.clone());
        }
        let mut domains = self.own_domains(step).await?;
        if domains.is_empty() {
            // The offer was shown, or there is none.
            domains = self.own_domains(step).await?;
        }
        domains.extend(listed.cloned());
        let all = Listing {
            domains,
            records: Vec::new(),
        };
        all.domain(target).cloned().ok_or_else(|| {
            self.site
                .api
                .no_zone(&target.fqdn, target.zone_hint.as_deref())
        })
    }

    async fn own_domains(&self, step: Step) -> Result<Vec<(String, String)>, DnsError> {
        let reply = self.site.get(step, "/domain/").await?;
        if reply.status.is_client_error() || reply.status.is_server_error() {
            return Err(self.site.api.refused(step, &reply, ""));
        }
        Ok(own_domains(&pieces(&reply.text())))
    }

    /// The ids of the records of the name whose pages show the value.
    async fn matching(
        &self,
        listing: &Listing,
        target: &TxtTarget,
    ) -> Result<Vec<String>, DnsError> {
        let mut found = Vec::new();
        for (name, id) in &listing.records {
            if *name != target.fqdn {
                continue;
            }
            let reply = self
                .site
                .get(Step::Read, &format!("/subdomain/edit.php?data_id={id}"))
                .await?;
            let pieces = pieces(&reply.text());
            let mut fields = pieces
                .iter()
                .filter(|piece| piece.attribute("input", "name") == Some("address"));
            let value = fields.find_map(|piece| piece.attribute("input", "value"));
            let value = value.ok_or_else(|| self.site.strange(Step::Read, &reply))?;
            if txt::unquote(value) == target.value {
                found.push(id.clone());
            }
        }
        Ok(found)
    }

    /// The site answers with the list, or leads there; `false`: it says that there is such a record already.
    fn saved(&self, reply: &Reply) -> Result<bool, DnsError> {
        let text = reply.text();
        if text.contains("security code was incorrect") {
            let what = "FreeDNS wants letters of a picture typed, which it does for public domains";
            let error = self.site.told(Step::Add, Fault::Zone, what, reply, "");
            return Err(error.with_remedy(
                "use a domain of your own, or delegate the challenge name to another DNS provider",
            ));
        }
        if text.contains("restricted to the domain owner") {
            let what = "FreeDNS lets nobody but the domain's owner make names that begin with _";
            let error = self.site.told(Step::Add, Fault::Zone, what, reply, "");
            return Err(error.with_remedy(
                "use a domain of your own, or delegate the challenge name to another DNS provider",
            ));
        }
        if text.contains("already existent") {
            return Ok(false);
        }
        self.done(Step::Add, reply).map(|()| true)
    }

    /// After a change the site shows the list, or leads there; whom it does not know, it leads to the log-in.
    fn done(&self, step: Step, reply: &Reply) -> Result<(), DnsError> {
        let place = reply.headers.get(LOCATION);
        let place = place
            .and_then(|place| place.to_str().ok())
            .unwrap_or_default();
        if reply.status.is_redirection() && place.contains("/subdomain") {
            return Ok(());
        }
        if reply.status.is_success() && listing(&pieces(&reply.text())).is_some() {
            return Ok(());
        }
        Err(self.refused(step, reply))
    }

    /// What the site says in place of changing anything.
    fn refused(&self, step: Step, reply: &Reply) -> DnsError {
        if reply.status.is_client_error() || reply.status.is_server_error() {
            return self.site.api.refused(step, reply, "");
        }
        match complaint(&pieces(&reply.text())) {
            None => self.site.strange(step, reply),
            Some(words) => {
                let what = "FreeDNS does not change the record";
                self.site.told(step, Fault::Provider, what, reply, &words)
            }
        }
    }
}

/// The list of a page; `None`: it shows something else.
fn listing(pieces: &[Piece]) -> Option<Listing> {
    let is_list = |piece: &Piece| {
        piece
            .attribute("form", "action")
            .is_some_and(|action| action.contains("delete2.php"))
    };
    pieces.iter().position(is_list)?;
    let mut listing = Listing::default();
    for (at, piece) in pieces.iter().enumerate() {
        let Some(link) = piece.attribute("a", "href") else {
            continue;
        };
        if let Some(id) = id_after(link, "edit_domain_id=") {
            // The domain's name stands before the link, some words in brackets behind it.
            let before = pieces[..at].iter().rev().find_map(|piece| match piece {
                Piece::Text(text) if text.contains('.') => text.split_whitespace().next(),
                _ => None,
            });
            listing
                .domains
                .extend(before.map(|domain| (name::canonical(domain), id)));
        } else if let Some(id) = id_after(link, "edit.php?data_id=") {
            let row = pieces[at + 1..]
                .iter()
                .take_while(|piece| **piece != Piece::End("tr".to_owned()));
            let texts: Vec<&str> = row
                .filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            if let [name, rest @ ..] = texts.as_slice()
                && rest.contains(&"TXT")
            {
                listing.records.push((name::canonical(name), id));
            }
        }
    }
    Some(listing)
}

/// The domains of the page of the account's own, and their ids.
fn own_domains(pieces: &[Piece]) -> Vec<(String, String)> {
    let mut domains = Vec::new();
    let mut last = None;
    for (at, piece) in pieces.iter().enumerate() {
        if matches!(piece, Piece::Start { name, .. } if name == "b")
            && let Some(Piece::Text(text)) = pieces.get(at + 1)
        {
            last = text
                .split_whitespace()
                .next()
                .filter(|word| word.contains('.'));
        }
        let link = piece.attribute("a", "href");
        if let Some(id) = link.and_then(|link| id_after(link, "/subdomain/?limit=")) {
            domains.extend(last.take().map(|domain| (name::canonical(domain), id)));
        }
    }
    domains
}

/// What a page of complaint says: its only grey cell.
fn complaint(pieces: &[Piece]) -> Option<String> {
    let is_grey = |piece: &Piece| piece.attribute("td", "bgcolor") == Some("#eeeeee");
    let at = pieces.iter().position(is_grey)?;
    let inside = pieces[at..]
        .iter()
        .take_while(|piece| **piece != Piece::End("td".to_owned()));
    let texts: Vec<&str> = inside
        .filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let words: String = texts.join(" ").chars().take(300).collect();
    (!words.is_empty()).then_some(words)
}

/// An id: digits mostly, letters in some accounts.
fn id_after(text: &str, mark: &str) -> Option<String> {
    let (_, tail) = text.split_once(mark)?;
    let id: String = tail
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    Some(id).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_records_are_read_from_the_list() {
        let page = "<form action=\"/subdomain/delete2.php\"><table><tr><td><b>Example.com</b> (private) <a href=\"/domain/edit.php?edit_domain_id=1a1\">edit</a></td></tr>\
            <tr><td><input type=checkbox name=data_id[] value=5></td><td><a href=edit.php?data_id=5>_acme-challenge.example.com</a></td><td>TXT</td><td>\"LPsIwTo...\"</td></tr>\
            <tr><td><a href=\"edit.php?data_id=6\">www.example.com</a></td><td>A</td><td>192.0.2.1</td></tr></table></form>";

        let found = listing(&pieces(page)).unwrap();
        assert_eq!(
            found.domains,
            [("example.com".to_owned(), "1a1".to_owned())]
        );
        assert_eq!(
            found.records,
            [("_acme-challenge.example.com".to_owned(), "5".to_owned())]
        );
        assert!(listing(&pieces("<h1>Premium!</h1>")).is_none());
    }

    #[test]
    fn own_domains_are_read_without_a_sub_domain() {
        let page = "<tr><td><font size=\"2\"><b>Example.org</b> <a href=/domain/edit.php>edit</a></td><td><a href=/subdomain/?limit=77>0 hosts in use</a></td></tr>\
            <tr><td><font size=\"2\"><b>example.net</b></font></td><td><a href=/subdomain/?limit=78>3 hosts</a></td></tr>";

        assert_eq!(
            own_domains(&pieces(page)),
            [("example.org", "77"), ("example.net", "78")]
                .map(|(domain, id)| (domain.to_owned(), id.to_owned()))
        );
    }

    #[test]
    fn a_complaint_is_read() {
        let page = "<table width=\"95%\"><tr><td bgcolor=\"#eeeeee\">You have <b>no</b> more slots.</td></tr></table>";

        assert_eq!(
            complaint(&pieces(page)).as_deref(),
            Some("You have no more slots.")
        );
        assert_eq!(complaint(&pieces("<h1>Premium!</h1>")), None);
    }
}
