//! Hurricane Electric's free DNS: every page is asked for with name and password, nothing is remembered.

use async_trait::async_trait;

use super::markup::{Piece, pieces};
use super::session::{HtmlSession, PASSWORD, USER};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::name;
use crate::native::api::Repeat;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Provider, Receipt, Settings, TxtTarget,
};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};
use crate::txt::unquote;

const CODE: &str = "he";
const DEFAULT_TTL: u32 = 300;

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Hurricane Electric",
    docs: "https://dns.he.net/",
    least_privilege: Some(
        "The web site's log-in is used: an account without two-factor login that holds the mapped zones only. Unofficial, may break.",
    ),
    notes: &[
        "dns.he.net has no interface for programs that makes records; pages and forms are as recorded in dns-lexicon's tests (2018, 2021) and used by acme.sh.",
        "Accounts with two-factor log-in cannot be used. lego's HURRICANE_TOKENS are keys of single dynamic TXT records, another method with room for one value.",
        "Not certain: whether a zone with very many records is shown in parts; a record that is not on the page is not seen, and a challenge of ours there would stay.",
    ],
    fields: &[
        Field {
            help: "Name with which one logs in at dns.he.net.",
            ..USER
        }
        .env(&["HE_Username"], &[]),
        PASSWORD.env(&["HE_Password"], &[]),
        BASE_URL,
        CA_BUNDLE,
        TTL,
    ],
    one_of: &[],
    unofficial: true,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    default_ttl: DEFAULT_TTL,
    ..super::CAPS
};

#[derive(Debug)]
struct Hurricane {
    site: HtmlSession,
    ttl: u32,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    Ok(Box::new(Hurricane {
        site: HtmlSession::new(CODE, &reader, "https://dns.he.net", context)?,
        ttl: reader.ttl("ttl", DEFAULT_TTL)?.max(DEFAULT_TTL),
    }))
}

/// A zone or record of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    id: String,
    name: String,
    /// Of a record.
    value: String,
}

#[async_trait]
impl Provider for Hurricane {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _turn = self.site.turn.lock().await;
        let zone = self.zone(target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(&zone.name);
        let there = self.records(&zone, target).await.map_err(at)?;
        if let Some(record) = there.first() {
            return Ok(receipt(&zone, record.id.clone(), false));
        }
        let ttl = target.ttl.unwrap_or(self.ttl).to_string();
        let form = [
            ("account", ""),
            ("menu", "edit_zone"),
            ("Type", "TXT"),
            ("hosted_dns_zoneid", &zone.id),
            ("hosted_dns_recordid", ""),
            ("hosted_dns_editzone", "1"),
            ("Priority", ""),
            ("Name", &target.fqdn),
            ("Content", &target.value),
            ("TTL", &ttl),
            ("hosted_dns_editrecord", "Submit"),
        ];
        self.change(Step::Add, &form).await.map_err(at)?;
        Ok(receipt(&zone, String::new(), true))
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let _turn = self.site.turn.lock().await;
        let zone = self.zone(target).await?;
        let at = |error: DnsError| error.at_name(&target.fqdn).in_zone(&zone.name);
        for record in self.records(&zone, target).await.map_err(at)? {
            let form = [
                ("menu", "edit_zone"),
                ("hosted_dns_zoneid", zone.id.as_str()),
                ("hosted_dns_recordid", &record.id),
                ("hosted_dns_editzone", "1"),
                ("hosted_dns_delrecord", "1"),
                ("hosted_dns_delconfirm", "delete"),
            ];
            self.change(Step::Remove, &form).await.map_err(at)?;
        }
        Ok(())
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let _turn = self.site.turn.lock().await;
        let zones = self.zones(Step::Check).await?;
        let mut report = CheckReport {
            zone: None,
            notes: vec![format!(
                "dns.he.net accepts the log-in and lists {} zones.",
                zones.len()
            )],
        };
        if let Some(name) = name {
            let target = TxtTarget::new(name, "");
            let zone = self.zone(&target).await?;
            self.records(&zone, &target).await?;
            report.notes.push(format!(
                "It holds zone {}, whose records can be read.",
                zone.name
            ));
            report.zone = Some(zone.name);
        }
        Ok(report)
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

fn receipt(zone: &Listed, id: String, created: bool) -> Receipt {
    Receipt {
        zone: zone.name.clone(),
        record_ids: Some(id).into_iter().filter(|id| !id.is_empty()).collect(),
        created,
        ..Receipt::default()
    }
}

impl Hurricane {
    async fn zone(&self, target: &TxtTarget) -> Result<Listed, DnsError> {
        let hint = target.zone_hint.as_deref().map(name::canonical);
        let zones = self.zones(Step::FindZone).await?;
        let fits = |zone: &Listed| match &hint {
            Some(hint) => zone.name == *hint,
            None => name::is_within(&target.fqdn, &zone.name),
        };
        let found = zones
            .into_iter()
            .filter(fits)
            .max_by_key(|zone| zone.name.len());
        found.ok_or_else(|| self.site.api.no_zone(&target.fqdn, hint.as_deref()))
    }

    async fn zones(&self, step: Step) -> Result<Vec<Listed>, DnsError> {
        let reply = self.page(step, Repeat::Always, &[]).await?;
        zones(&pieces(&reply.text())).ok_or_else(|| self.site.strange(step, &reply))
    }

    /// The TXT records with the target's name and value.
    async fn records(&self, zone: &Listed, target: &TxtTarget) -> Result<Vec<Listed>, DnsError> {
        let form = [
            ("hosted_dns_zoneid", zone.id.as_str()),
            ("menu", "edit_zone"),
            ("hosted_dns_editzone", ""),
        ];
        let reply = self.page(Step::Read, Repeat::Always, &form).await?;
        let found = records(&pieces(&reply.text()));
        let mut found = found.ok_or_else(|| self.site.strange(Step::Read, &reply))?;
        found.retain(|record| record.name == target.fqdn && record.value == target.value);
        Ok(found)
    }

    async fn change(&self, step: Step, form: &[(&str, &str)]) -> Result<(), DnsError> {
        let reply = self.page(step, Repeat::WhenRefused, form).await?;
        let pieces = pieces(&reply.text());
        if let Some(words) = told(&pieces, "dns_err") {
            return Err(self.site.told(
                step,
                Fault::Provider,
                "the service refused",
                &reply,
                &words,
            ));
        }
        match told(&pieces, "dns_status") {
            Some(words) if words.contains("Successfully") => Ok(()),
            _ => Err(self.site.strange(step, &reply)),
        }
    }

    /// Name and password come with every request.
    async fn page(
        &self,
        step: Step,
        repeat: Repeat,
        form: &[(&str, &str)],
    ) -> Result<Reply, DnsError> {
        let mut all = vec![
            ("email", self.site.user.as_str()),
            ("pass", self.site.password.expose()),
        ];
        all.extend(form);
        let reply = self.site.post(step, repeat, "/", &all).await?;
        if !reply.status.is_success() {
            return Err(self.site.api.refused(step, &reply, ""));
        }
        let words = told(&pieces(&reply.text()), "dns_err").unwrap_or_default();
        match words.contains("Incorrect") {
            true => Err(self.site.told(
                step,
                Fault::Credentials,
                "the log-in is not accepted",
                &reply,
                &words,
            )),
            false => Ok(reply),
        }
    }
}

/// The text of the element of that id.
fn told(pieces: &[Piece], id: &str) -> Option<String> {
    let at = pieces
        .iter()
        .position(|piece| piece.attribute("div", "id") == Some(id))?;
    let texts = pieces[at + 1..].iter();
    let texts = texts.take_while(|piece| **piece != Piece::End("div".to_owned()));
    let texts: Vec<&str> = texts
        .filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    Some(texts.join(" "))
}

/// The zones of the list of domains; `None`: the page has no such list.
fn zones(pieces: &[Piece]) -> Option<Vec<Listed>> {
    let at = pieces
        .iter()
        .position(|piece| piece.attribute("table", "id") == Some("domains_table"))?;
    let images = pieces[at..]
        .iter()
        .filter(|piece| piece.attribute("img", "alt") == Some("edit"));
    let zones = images.filter_map(|image| {
        let click = image.attribute("img", "onclick")?;
        let (_, tail) = click.split_once("hosted_dns_zoneid=")?;
        let id: String = tail.chars().take_while(char::is_ascii_digit).collect();
        Some(Listed {
            id,
            name: name::canonical(image.attribute("img", "name")?),
            value: String::new(),
        })
    });
    Some(zones.filter(|zone| !zone.id.is_empty()).collect())
}

/// The TXT records of a zone's page; `None`: it is none.
fn records(pieces: &[Piece]) -> Option<Vec<Listed>> {
    pieces
        .iter()
        .position(|piece| piece.attribute("div", "id") == Some("dns_main_content"))?;
    let starts = pieces.iter().enumerate().filter(|(_, piece)| {
        piece
            .attribute("tr", "class")
            .is_some_and(|class| class.contains("dns_tr"))
    });
    let rows = starts.filter_map(|(at, start)| {
        let id = start.attribute("tr", "id")?;
        let row = pieces[at + 1..]
            .iter()
            .take_while(|piece| **piece != Piece::End("tr".to_owned()));
        let row: Vec<&Piece> = row.collect();
        let is_txt = row
            .iter()
            .any(|piece| piece.attribute("span", "data") == Some("TXT"));
        let mut values = row.iter().filter_map(|piece| piece.attribute("td", "data"));
        let mut texts = row.iter().filter_map(|piece| match piece {
            // Ids stand in hidden cells before it.
            Piece::Text(text) if text.contains('.') => Some(text.as_str()),
            _ => None,
        });
        is_txt.then_some(Listed {
            id: id.to_owned(),
            name: name::canonical(texts.next()?),
            value: unquote(values.next_back()?),
        })
    });
    Some(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_from_its_row() {
        let page = "<div id=\"dns_main_content\"><table><tr class=\"dns_tr\" id=\"42\" onclick=\"x('<>')\"><td class=\"hidden\">7</td><td class=\"hidden\">42</td>\
            <td class=\"dns_view\">_acme-challenge.Example.com</td><td align=\"center\"><span class=\"rrlabel TXT\" data=\"TXT\" alt=\"TXT\">TXT</span></td>\
            <td align=\"left\">300</td><td>-</td><td align=\"left\" data=\"&quot;v1&quot;\">&quot;v1&quot;</td></tr>\
            <tr class=\"dns_tr\" id=\"43\"><td>7</td><td>43</td><td>example.com</td><td><span data=\"A\">A</span></td><td data=\"192.0.2.1\">192.0.2.1</td></tr></table></div>";

        let found = records(&pieces(page)).unwrap();
        assert_eq!(
            found,
            [Listed {
                id: "42".to_owned(),
                name: "_acme-challenge.example.com".to_owned(),
                value: "v1".to_owned()
            }]
        );
        assert!(records(&pieces("<html>Sorry</html>")).is_none());
    }
}
