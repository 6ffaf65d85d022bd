//! Namecheap: the hosts of a domain are written all at once, so nothing is written that cannot be carried over.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use reqwest::{Client, Url};
use roxmltree::{Document, Node};
use tokio::sync::OnceCell;

use super::api::{Api, Repeat, relative};
use crate::account::Pace;
use crate::error::{DnsError, Fault, Step};
use crate::http::{self, Reply};
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Settings,
    TxtRecord, TxtTarget,
};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};

const CODE: &str = "namecheap";
const DEFAULT_TTL: u32 = 60;
/// How often the hosts are written when another writer interferes.
const WRITES: usize = 3;

/// The record types that can be written back as they were read.
const TYPES: [&str; 13] = [
    "A", "AAAA", "ALIAS", "CAA", "CNAME", "FRAME", "MX", "MXE", "NS", "TXT", "URL", "URL301", "SRV",
];
/// What is known of a host; anything else could not be carried over.
const ATTRIBUTES: [&str; 10] = [
    "HostId",
    "Name",
    "Type",
    "Address",
    "MXPref",
    "TTL",
    "AssociatedAppTitle",
    "FriendlyName",
    "IsActive",
    "IsDDNSEnabled",
];

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Namecheap",
    docs: "https://www.namecheap.com/support/api/intro/",
    least_privilege: Some(
        "Namecheap's key may do everything; allow the Console's address only, or delegate the challenge names to another provider.",
    ),
    notes: &[
        "setHosts replaces all hosts of the domain. Evercert reads them first, writes them back with the one value more or less, and refuses when there is one that it could not write back: a record type or an attribute that it does not know.",
        "API access wants 20 domains, 50 US dollars of balance or as much spent in two years, and the Console's public IPv4 address in the account's list (errors 1011150 and 1011147).",
        "20 requests a minute, 700 an hour and 8000 a day are allowed for a key; more end with error 500000.",
        "Each request names the address that it comes from. Without client_ip, https://dynamicdns.park-your-domain.com/getip is asked for it, a page of Namecheap's; what it tells has to be in the account's list as well.",
        "Changes show within minutes or up to an hour. The test system is https://api.sandbox.namecheap.com/xml.response.",
    ],
    fields: &[
        Field::text(
            "user",
            "API user",
            "Name of the account, with API access switched on.",
        )
        .env(&["NAMECHEAP_USERNAME"], &["NAMECHEAP_API_USER"]),
        Field::text("key", "API key", "API key.")
            .secret()
            .env(&["NAMECHEAP_API_KEY"], &["NAMECHEAP_API_KEY"]),
        Field::text(
            "client_ip",
            "Client address",
            "Public IPv4 address of this Console, as allowed at Namecheap, or the URL of a page that tells it. Namecheap's own page is asked unless it is given.",
        )
        .optional()
        .env(&["NAMECHEAP_SOURCEIP"], &[]),
        BASE_URL,
        CA_BUNDLE,
        TTL,
    ],
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Zone,
    default_ttl: DEFAULT_TTL,
    propagation_limit: Duration::from_secs(3600),
    propagation_poll: Duration::from_secs(15),
    ..Caps::PLAIN
};

/// Tells the address that it is asked from.
const ADDRESS_PAGE: &str = "https://dynamicdns.park-your-domain.com/getip";

/// Whole zones are written: one request after the other.
const PACE: Pace = Pace {
    at_once: 1,
    rate: None,
};

#[derive(Debug)]
struct Namecheap {
    api: Api,
    user: String,
    key: Secret<String>,
    address: Address,
    ttl: u32,
    locks: NameLocks,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    // Held until the account of the first request is the same.
    let _account = context.accounts.account(PACE);
    let base = reader
        .text("base_url")
        .unwrap_or("https://api.namecheap.com/xml.response");
    let mut api = Api::new(CODE, base, reader.text("ca_bundle"), context)?;
    let key = reader.secret("key").unwrap_or_default();
    api.secrets = vec![key.clone()];
    let address = Address::new(reader.text("client_ip").unwrap_or(ADDRESS_PAGE))?;
    Ok(Box::new(Namecheap {
        api,
        user: reader.required("user")?.to_owned(),
        key,
        address,
        ttl: reader.ttl("ttl", DEFAULT_TTL)?.max(DEFAULT_TTL),
        locks: context.locks.clone(),
    }))
}

/// The public address of this host, given or told by a page.
#[derive(Debug)]
struct Address {
    known: OnceCell<Ipv4Addr>,
    page: Option<(Client, Url)>,
}

impl Address {
    /// # Errors
    /// When the text is neither an IPv4 address nor a URL.
    fn new(text: &str) -> Result<Self, DnsError> {
        if let Ok(address) = text.trim().parse() {
            return Ok(Self {
                known: OnceCell::new_with(Some(address)),
                page: None,
            });
        }
        let wrong = || {
            let what = "client_ip is neither an IPv4 address nor the URL of a page that tells it";
            DnsError::setting(CODE, what).of_setting("client_ip")
        };
        if !text.contains("://") {
            return Err(wrong());
        }
        let url = http::base_url(CODE, text).map_err(|_| wrong())?;
        let client = http::client(CODE, &url, None)?;
        Ok(Self {
            known: OnceCell::new(),
            page: Some((client, url)),
        })
    }

    async fn get(&self, step: Step) -> Result<Ipv4Addr, DnsError> {
        let ask = || async {
            let Some((client, url)) = &self.page else {
                let what = "no address is known of this host";
                return Err(DnsError::setting(CODE, what).of_setting("client_ip"));
            };
            let reply = http::send(CODE, step, client.get(url.clone())).await?;
            let told = reply.text().trim().parse();
            told.map_err(|_| {
                let what = format!("{url} tells no IPv4 address");
                DnsError::new(CODE, step, Fault::Provider, what)
                    .with_remedy("give client_ip, this Console's public IPv4 address")
            })
        };
        self.known.get_or_try_init(ask).await.copied()
    }
}

/// All hosts of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hosts {
    email_type: String,
    hosts: Vec<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: String,
    kind: String,
    address: String,
    mx_pref: String,
    ttl: String,
}

impl Host {
    fn is(&self, sub: &str, value: &str) -> bool {
        let own = if sub.is_empty() { "@" } else { sub };
        self.kind == "TXT"
            && self.name.eq_ignore_ascii_case(own)
            && self.address.trim_matches('"') == value
    }
}

#[async_trait]
impl Provider for Namecheap {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let domain = registrable(target)?;
        let changed = self.change(Step::Add, &domain, target).await;
        let created = changed.map_err(|error| error.at_name(&target.fqdn).in_zone(&domain))?;
        Ok(Receipt {
            zone: domain,
            created,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let domain = registrable(target)?;
        let changed = self.change(Step::Remove, &domain, target).await;
        changed
            .map(drop)
            .map_err(|error| error.at_name(&target.fqdn).in_zone(&domain))
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let query = [("PageSize", "10")];
        let reply = self
            .call(Step::Check, "namecheap.domains.getList", &query, None)
            .await?;
        self.accepted(Step::Check, &reply)?;
        let mut report = CheckReport {
            zone: None,
            notes: vec!["Namecheap accepts the credentials and this address.".to_owned()],
        };
        if let Some(name) = name {
            let domain = registrable(&TxtTarget::new(name, ""))?;
            let hosts = self.hosts(Step::Check, &domain).await?;
            let note = format!(
                "It holds {domain}, with {} hosts that can all be written back.",
                hosts.hosts.len()
            );
            report.notes.push(note);
            report.zone = Some(domain);
        }
        Ok(report)
    }

    /// The whole domain, since that is what is read and written.
    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let domain = registrable(target)?;
        let hosts = self.hosts(Step::Read, &domain).await?;
        let txt = hosts.hosts.into_iter().filter(|host| host.kind == "TXT");
        let records = txt.map(|host| TxtRecord {
            fqdn: match host.name.as_str() {
                "@" | "" => domain.clone(),
                sub => name::canonical(&format!("{sub}.{domain}")),
            },
            value: host.address,
        });
        Ok(Some(records.collect()))
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

/// The domain that Namecheap has, of a name.
fn registrable(target: &TxtTarget) -> Result<String, DnsError> {
    let hint = target.zone_hint.as_deref().map(name::canonical);
    let found = hint.or_else(|| psl::domain_str(&target.fqdn).map(str::to_owned));
    found.ok_or_else(|| {
        let what = "the name lies in no domain that could be registered";
        DnsError::new(CODE, Step::FindZone, Fault::Zone, what).at_name(&target.fqdn)
    })
}

impl Namecheap {
    /// Brings the value in or out; answers whether that was needed.
    async fn change(&self, step: Step, domain: &str, target: &TxtTarget) -> Result<bool, DnsError> {
        let _guard = self
            .locks
            .lock(&format!("{}/{}", self.api.base, self.user), domain)
            .await;
        let sub = relative(&target.fqdn, domain);
        let mut written = false;
        for _ in 0..WRITES {
            let mut hosts = self.hosts(step, domain).await?;
            let there = hosts.hosts.iter().any(|host| host.is(sub, &target.value));
            if there == (step == Step::Add) {
                return Ok(written);
            }
            if step == Step::Add {
                hosts.hosts.push(Host {
                    name: if sub.is_empty() {
                        "@".to_owned()
                    } else {
                        sub.to_owned()
                    },
                    kind: "TXT".to_owned(),
                    address: target.value.clone(),
                    mx_pref: "10".to_owned(),
                    ttl: target.ttl.unwrap_or(self.ttl).to_string(),
                });
            } else {
                hosts.hosts.retain(|host| !host.is(sub, &target.value));
            }
            self.write(step, domain, &hosts).await?;
            written = true;
        }
        let what = "Namecheap accepted the change but does not show it";
        Err(DnsError::new(CODE, step, Fault::Provider, what)
            .with_remedy("see whether another program writes the hosts of this domain"))
    }

    async fn hosts(&self, step: Step, domain: &str) -> Result<Hosts, DnsError> {
        let query = split(domain);
        let reply = self
            .call(step, "namecheap.domains.dns.getHosts", &query, None)
            .await?;
        self.accepted(step, &reply)?;
        let text = reply.text();
        let read = Document::parse(&text)
            .ok()
            .and_then(|document| read_hosts(&document));
        match read {
            Some(hosts) => hosts.map_err(|what| {
                DnsError::new(CODE, step, Fault::Zone, what)
                    .permanent()
                    .with_remedy(
                        "delegate the challenge names of this domain to another DNS provider",
                    )
            }),
            None => Err(self.api.strange(step, &reply)),
        }
    }

    async fn write(&self, step: Step, domain: &str, hosts: &Hosts) -> Result<(), DnsError> {
        let mut form: Vec<(String, String)> = Vec::new();
        let mut push = |key: String, value: &str| form.push((key, value.to_owned()));
        for (number, host) in hosts.hosts.iter().enumerate() {
            let number = number + 1;
            push(format!("HostName{number}"), &host.name);
            push(format!("RecordType{number}"), &host.kind);
            push(format!("Address{number}"), &host.address);
            push(format!("MXPref{number}"), &host.mx_pref);
            push(format!("TTL{number}"), &host.ttl);
        }
        if !hosts.email_type.is_empty() {
            push("EmailType".to_owned(), &hosts.email_type);
        }
        let query = split(domain);
        let reply = self
            .call(step, "namecheap.domains.dns.setHosts", &query, Some(&form))
            .await?;
        self.accepted(step, &reply)
    }

    async fn call(
        &self,
        step: Step,
        command: &str,
        more: &[(&str, &str)],
        form: Option<&[(String, String)]>,
    ) -> Result<Reply, DnsError> {
        let address = self.address.get(step).await?.to_string();
        let mut all: Vec<(String, String)> = [
            ("ApiUser", self.user.as_str()),
            ("ApiKey", self.key.expose()),
            ("UserName", &self.user),
            ("ClientIp", &address),
            ("Command", command),
        ]
        .iter()
        .chain(more)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
        all.extend(form.unwrap_or_default().iter().cloned());
        // In the body, where it does not stand in logs of proxies.
        let make = || self.api.client.post(&self.api.base).form(&all);
        let repeat = match form {
            None => Repeat::Always,
            Some(_) => Repeat::WhenRefused,
        };
        self.api.send(step, repeat, make).await
    }

    fn accepted(&self, step: Step, reply: &Reply) -> Result<(), DnsError> {
        let text = reply.text();
        if !reply.status.is_success() {
            return Err(self.api.refused(step, reply, &text));
        }
        let document = Document::parse(&text).map_err(|_| self.api.strange(step, reply))?;
        let root = document.root_element();
        match root.attribute("Status") {
            Some("OK") => return Ok(()),
            Some("ERROR") => {}
            _ => return Err(self.api.strange(step, reply)),
        }
        let errors: BTreeMap<&str, &str> = document
            .descendants()
            .filter(|node| node.has_tag_name("Error") || node.tag_name().name() == "Error")
            .map(|node| {
                (
                    node.attribute("Number").unwrap_or_default(),
                    node.text().unwrap_or_default(),
                )
            })
            .collect();
        let words: Vec<String> = errors
            .iter()
            .map(|(number, text)| format!("{number}: {text}"))
            .collect();
        let words = words.join("; ");
        let (fault, what, permanent) = match errors.keys().next().copied().unwrap_or_default() {
            "1010101" | "1010102" | "1011101" | "1011102" | "1011103" | "1016103" | "1017101"
            | "1017103" | "1019103" => {
                (Fault::Credentials, "the credentials are not accepted", true)
            }
            "1010105" | "1011105" | "1011147" | "1011150" | "1016105" | "1017105" | "1017150" => {
                (Fault::Permission, "this address is not allowed", true)
            }
            "2030166" => (Fault::Permission, "this domain may not be changed", true),
            "2019166" | "2016166" => (Fault::Zone, "the account does not hold this domain", true),
            "2030288" => (
                Fault::Zone,
                "the domain does not use Namecheap's name servers",
                true,
            ),
            "500000" => (Fault::Provider, "too many requests", false),
            "1050900" | "2050900" | "3031510" | "3050900" | "4022288" | "5050900" => {
                (Fault::Provider, "the service failed", false)
            }
            _ => (Fault::Provider, "the service refused", true),
        };
        let error = self.api.error(step, fault, what, reply, &words);
        let error = match fault {
            Fault::Permission if what.contains("address") => {
                error.with_remedy("allow client_ip in the account's API settings")
            }
            _ => error,
        };
        Err(if permanent { error.permanent() } else { error })
    }
}

/// Second-level and top-level part, as Namecheap wants them.
fn split(domain: &str) -> [(&'static str, &str); 2] {
    let (sld, tld) = domain.split_once('.').unwrap_or((domain, ""));
    [("SLD", sld), ("TLD", tld)]
}

/// The hosts of an answer; `None` when it is no such, an error when they cannot be written back.
fn read_hosts(document: &Document<'_>) -> Option<Result<Hosts, String>> {
    let result = document
        .descendants()
        .find(|node| node.tag_name().name() == "DomainDNSGetHostsResult")?;
    if result.attribute("IsUsingOurDNS") == Some("false") {
        return Some(Err(
            "the domain does not use Namecheap's name servers".to_owned()
        ));
    }
    let hosts = result
        .children()
        .filter(|node| node.tag_name().name().eq_ignore_ascii_case("host"));
    let hosts: Result<Vec<Host>, String> = hosts.map(read_host).collect();
    Some(hosts.map(|hosts| Hosts {
        email_type: result.attribute("EmailType").unwrap_or_default().to_owned(),
        hosts,
    }))
}

fn read_host(node: Node<'_, '_>) -> Result<Host, String> {
    if let Some(unknown) = node
        .attributes()
        .find(|one| !ATTRIBUTES.contains(&one.name()))
    {
        return Err(format!(
            "a host has {}, which would be lost when the hosts are written",
            unknown.name()
        ));
    }
    let text = |name: &str| node.attribute(name).unwrap_or_default().to_owned();
    let kind = text("Type");
    if !TYPES.contains(&kind.as_str()) {
        return Err(format!(
            "a host is of type {kind}, which would be lost when the hosts are written"
        ));
    }
    Ok(Host {
        name: text("Name"),
        kind,
        address: text("Address"),
        mx_pref: text("MXPref"),
        ttl: text("TTL"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Result<Hosts, String>> {
        read_hosts(&Document::parse(text).unwrap())
    }

    #[test]
    fn what_could_not_be_written_back_is_not_written_at_all() {
        let of = |host: &str| {
            read(&format!("<R><DomainDNSGetHostsResult Domain=\"d\" EmailType=\"FWD\" IsUsingOurDNS=\"true\">{host}</DomainDNSGetHostsResult></R>")).unwrap()
        };

        let hosts = of(
            "<host HostId=\"1\" Name=\"@\" Type=\"MX\" Address=\"mx.\" MXPref=\"5\" TTL=\"1800\"/>",
        )
        .unwrap();
        assert_eq!(
            (hosts.email_type.as_str(), hosts.hosts[0].mx_pref.as_str()),
            ("FWD", "5")
        );
        assert!(
            of("<host Name=\"@\" Type=\"TLSA\" Address=\"x\"/>")
                .unwrap_err()
                .contains("TLSA")
        );
        assert!(
            of("<host Name=\"@\" Type=\"A\" Address=\"x\" Weight=\"3\"/>")
                .unwrap_err()
                .contains("Weight")
        );
        let foreign = read("<R><DomainDNSGetHostsResult IsUsingOurDNS=\"false\"/></R>").unwrap();
        assert!(foreign.unwrap_err().contains("name servers"));
        assert!(read("<R/>").is_none());
    }
}
