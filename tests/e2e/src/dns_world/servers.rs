//! The servers and services that the worlds are made of.

use evercert_testkit::{
    AcmeDns, Bind, BindOptions, Knot, Moto, Nsd, Pdns, Route53Dns, StartError, TsigKey, Zone,
};

use super::{ALIAS_ZONE, Delegated, DnsWorld, SHARED, SITES, STRANGER};
use crate::surroundings::ZONE;

/// Every algorithm of TSIG that BIND and Knot take, the oldest first (RFC 8945 §6, table 3).
const ALGORITHMS: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
/// The domain of the double of acme-dns.
const AUTH_ZONE: &str = "auth.example.net";

/// What serves the zone; it stops with its world.
pub(super) enum Server {
    Pdns(Pdns),
    Knot(Knot),
    Bind(Bind),
    Nsd(Nsd),
    Route53 { dns: Route53Dns, _moto: Moto },
    AcmeDns { double: AcmeDns, bind: Bind },
}

/// The zone with other people's records, also at challenge names.
fn zone() -> Zone {
    zone_with_aliases()
        .with(&format!("_acme-challenge IN TXT \"{STRANGER}\""))
        .with(&format!("_acme-challenge.{SHARED} IN TXT \"{STRANGER}\""))
}

/// The zone without values at challenge names.
fn zone_with_aliases() -> Zone {
    Zone::new(ZONE)
        .with("@ IN TXT \"v=spf1 -all\"")
        .with("www IN A 127.0.0.1")
        .with("mail IN MX 10 www")
}

/// The key of an algorithm.
fn key(hash: &str) -> TsigKey {
    TsigKey::new(&format!("key-{hash}"), &format!("hmac-{hash}"))
}

/// All keys, SHA-256's first.
fn keys() -> Vec<TsigKey> {
    let others = ALGORITHMS.iter().filter(|hash| **hash != "sha256");
    std::iter::once(&"sha256")
        .chain(others)
        .map(|hash| key(hash))
        .collect()
}

impl DnsWorld {
    fn new(code: &'static str, settings: Vec<(String, String)>, server: Server) -> Self {
        let resolver = match &server {
            Server::Pdns(pdns) => pdns.addr(),
            Server::Knot(knot) => knot.addr(),
            Server::Bind(bind) | Server::AcmeDns { bind, .. } => bind.addr(),
            Server::Nsd(nsd) => nsd.addr(),
            Server::Route53 { dns, .. } => dns.addr(),
        };
        Self {
            code,
            settings,
            resolver,
            watched: None,
            keys: Vec::new(),
            zones: vec![ZONE],
            server,
            delegated: Delegated::default(),
        }
    }

    /// PowerDNS, changed through its API.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn pdns() -> Result<Self, StartError> {
        let pdns = Pdns::start(&[zone()]).await?;
        Ok(Self::new("pdns", pdns.settings(), Server::Pdns(pdns)))
    }

    /// Knot, changed by signed updates.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn knot() -> Result<Self, StartError> {
        let keys = keys();
        let knot = Knot::start_with_keys(&[zone()], &keys).await?;
        let world = Self::new("knot", knot.nsupdate_settings(), Server::Knot(knot));
        Ok(Self { keys, ..world })
    }

    /// BIND, changed by signed updates.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind() -> Result<Self, StartError> {
        let keys = keys();
        let bind = Bind::start_with_keys(&[zone()], &keys).await?;
        let world = Self::new("nsupdate", bind.nsupdate_settings(), Server::Bind(bind));
        Ok(Self { keys, ..world })
    }

    /// BIND with a second zone, [`ALIAS_ZONE`], into which some challenge names of the first lead.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn aliases() -> Result<Self, StartError> {
        let owner = |label: &str| format!("{}.", super::challenge_name(label));
        let mut first = zone();
        let mut second = Zone::new(ALIAS_ZONE);
        for label in ["led", "lost"] {
            let target = format!("{}.{ALIAS_ZONE}.", super::domain(label));
            first = first.with(&format!("{} IN CNAME {target}", owner(label)));
            second = second.with(&format!("{target} IN TXT \"{STRANGER}\""));
        }
        let key = TsigKey::default();
        let options = BindOptions {
            zones: vec![first, second],
            keys: vec![key],
            resolves: true,
            ..BindOptions::default()
        };
        let bind = Bind::start_with(&options).await?;
        let world = Self::new("nsupdate", bind.nsupdate_settings(), Server::Bind(bind));
        Ok(Self {
            zones: vec![ZONE, ALIAS_ZONE],
            ..world
        })
    }

    /// NSD, whose zone file is changed.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn nsd() -> Result<Self, StartError> {
        let nsd = Nsd::start(&[zone()]).await?;
        let settings = [
            ("zone_file", nsd.zone_file(ZONE).display().to_string()),
            ("zone", ZONE.to_owned()),
            ("command", nsd.reload_command(ZONE)),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        Ok(Self::new("nsd", settings.into(), Server::Nsd(nsd)))
    }

    /// Route 53 as moto plays it, with name servers that answer from it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn route53() -> Result<Self, StartError> {
        let moto = Moto::start().await?;
        let shared = format!("_acme-challenge.{SHARED}");
        let strangers = [("_acme-challenge", STRANGER), (shared.as_str(), STRANGER)];
        let dns = Route53Dns::start(&moto, ZONE, &strangers).await?;
        let settings = [
            ("base_url", moto.url()),
            ("access_key_id", "AKID".to_owned()),
            ("secret_access_key", "secret".to_owned()),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        let server = Server::Route53 { dns, _moto: moto };
        Ok(Self::new("aws", settings.into(), server))
    }

    /// acme-dns, to whose accounts the challenge names of a zone at BIND are aliases.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn acme_dns() -> Result<Self, StartError> {
        let double = AcmeDns::start(AUTH_ZONE).await?;
        let sites = (0..SITES).map(|number| format!("site{number}"));
        let labels = ["", "killed", SHARED].map(str::to_owned);
        let accounts: Vec<_> = labels
            .into_iter()
            .chain(sites)
            .map(|label| (label, double.register()))
            .collect();
        let mut zone = zone_with_aliases();
        for (label, account) in &accounts {
            let owner = super::challenge_name(label);
            zone = zone.with(&format!("{owner}. IN CNAME {}.", account.fulldomain));
        }
        let options = BindOptions {
            zones: vec![zone],
            forwards: vec![(AUTH_ZONE.to_owned(), double.addr())],
            ..BindOptions::default()
        };
        let bind = Bind::start_with(&options).await?;
        let own = accounts.iter();
        let own = own.map(|(label, account)| (super::domain(label), account.clone()));
        let own: Vec<_> = own.collect();
        let stranger = double.register();
        double.put(&stranger, STRANGER);
        let (settings, watched) = (double.settings(&own), Some(double.addr()));
        let world = Self::new("acmedns", settings, Server::AcmeDns { double, bind });
        let delegated = Delegated {
            accounts,
            stranger: Some(stranger),
        };
        Ok(Self {
            watched,
            delegated,
            ..world
        })
    }
}
