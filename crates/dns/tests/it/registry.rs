//! Every provider that was promised is there by its name, and the reference tells all of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use evercert_dns::{Descriptor, Multi, PROVIDERS, Proof};

/// The public providers that NetScaler Console names, in its order.
const PROMISED: [&str; 70] = [
    "ACME DNS",
    "Active24",
    "Aliyun",
    "Alwaysdata",
    "Amazon Route53",
    "Azure DNS",
    "ClouDNS.net",
    "CloudFlare",
    "ConoHa",
    "Core-Networks",
    "DDNSS.de",
    "DNSMadeEasy",
    "DNSPod.cn",
    "DNSPod.com",
    "DNSimple",
    "DigitalOcean",
    "DirectAdmin",
    "DreamHost",
    "DuckDNS.org",
    "Exoscale",
    "FreeDNS",
    "Gandi LiveDNS",
    "GoDaddy.com",
    "Google Cloud DNS",
    "Hurricane Electric",
    "INWX",
    "ISPConfig 3.1",
    "Infoblox",
    "Knot DNS",
    "Leaseweb.com",
    "Linode",
    "Loopia",
    "LuaDNS",
    "MailinaBox",
    "MaraDNS",
    "Misaka.io",
    "MyDNS.JP",
    "NLnetLabs NSD",
    "NS1.com",
    "Name.com",
    "Namecheap",
    "Namesilo",
    "Neodigit.net",
    "Netcup",
    "Nexcess",
    "OPNsense",
    "Online.net",
    "OpenProvider",
    "Plesk XML",
    "PointHQ",
    "PowerDNS",
    "RcodeZero",
    "Schlundtech",
    "Selectel",
    "UltraDNS",
    "VSCALE",
    "Vultr",
    "Zilore",
    "Zonomi",
    "autoDNS-InternetX",
    "cyon.ch",
    "deSEC.io",
    "durabledns.com",
    "easyDNS.net",
    "hosting.de",
    "jdcloud.com",
    "nic.ru",
    "nsupdate",
    "one.com",
    "reg.ru",
];

/// Promised and not there yet. This list only shrinks.
const MISSING: &[&str] = &[];

/// Beyond the promised: by code.
const MORE: &[&str] = &[
    "acmesh",
    "challtestsrv",
    "conohav3",
    "exec",
    "gdv3",
    "httpreq",
    "manual",
    "selectelv1",
];

/// Those of which least is known, worst first, and why.
const LEAST_CERTAIN: &[(&str, &str)] = &[
    (
        "durabledns",
        "probably closed; no TXT record is in any recording",
    ),
    (
        "one",
        "a web site's log-in, which may ask programs for more",
    ),
    (
        "cyon",
        "a web site's pages, known from acme.sh's script only",
    ),
    (
        "freedns",
        "a web site's pages, known from acme.sh's script only",
    ),
    (
        "dpi",
        "being taken out of service; taken to be as DNSPod.cn",
    ),
    ("nw", "known from acme.sh's script only"),
    ("schlundtech", "answers to wrong credentials are not known"),
    (
        "opnsense",
        "read from the plugin's code; names of calls change with releases",
    ),
    ("miab", "read from the box's code; no recording"),
    (
        "da",
        "recorded with an older version; answers to login keys without the right are not known",
    ),
    (
        "cn",
        "an interface called beta; two forms of quotation in use",
    ),
    ("ddnss", "two forms of host names in use"),
    (
        "ispconfig",
        "no recording of a whole exchange; several servers with one zone",
    ),
    ("autodns", "answers to wrong credentials are not known"),
    ("online", "single calls are published only"),
    ("misaka", "one recording"),
    ("mydnsjp", "single calls are published only"),
    ("openprovider", "one published test"),
    (
        "gdv3",
        "new in 2026; its maker's description and tests only",
    ),
    ("vscale", "known by its likeness to Selectel's"),
    (
        "jd",
        "one published test; acme.sh uses an older version of the interface",
    ),
    (
        "exoscale",
        "published tests of the signature and of another program's exchanges only",
    ),
];

#[test]
fn every_promised_provider_is_there_by_name_and_no_other() {
    let there: BTreeSet<&str> = (PROVIDERS.iter())
        .filter(|one| !MORE.contains(&one.code))
        .map(|one| one.name)
        .collect();
    let promised: BTreeSet<&str> = PROMISED.into_iter().collect();
    let missing: Vec<&str> = promised.difference(&there).copied().collect();
    let unknown: Vec<&str> = there.difference(&promised).copied().collect();

    assert_eq!(
        missing, MISSING,
        "what is there must not be listed as missing, nor vanish"
    );
    assert!(
        unknown.is_empty(),
        "neither promised nor listed as more: {unknown:?}"
    );
    for code in MORE {
        assert!(PROVIDERS.iter().any(|one| one.code == *code), "{code}");
    }
}

#[test]
fn the_least_certain_are_there() {
    for (code, _) in LEAST_CERTAIN {
        assert!(evercert_dns::descriptor(code).is_some(), "{code}");
    }
}

/// `EVERCERT_BLESS=1` writes it.
#[test]
fn the_reference_tells_every_provider() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/dns-providers.md"
    );
    let page = page();
    if std::env::var_os("EVERCERT_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
        return;
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(there, page, "EVERCERT_BLESS=1 writes the page anew");
}

fn page() -> String {
    let mut page = String::from(HEAD);
    let count = |wanted: Proof| PROVIDERS.iter().filter(|one| one.proof() == wanted).count();
    write!(
        page,
        "{} providers: {} are tried against the real software, {} against exchanges written from a recording or a published \
         test of somebody else, {} against exchanges written from documentation or from scripts in wide use.\n\nLeast certain \
         are, worst first:\n\n{}\n| Name | Code | Values at a name | Proof |\n|---|---|---|---|\n",
        PROVIDERS.len(),
        count(Proof::Server),
        count(Proof::Recorded),
        count(Proof::Documented),
        LEAST_CERTAIN
            .iter()
            .map(|(code, why)| format!("* `{code}`: {why}\n"))
            .collect::<String>(),
    ).unwrap();
    let mut all: Vec<&Descriptor> = PROVIDERS.to_vec();
    all.sort_by_key(|one| (one.name.to_lowercase(), one.code));
    for one in &all {
        let proof = match one.proof() {
            Proof::Server => "real server",
            Proof::Recorded => "recording or published test",
            Proof::Documented => "documentation",
            _ => "otherwise",
        };
        writeln!(
            page,
            "| [{}](#{}) | `{}` | {} | {proof} |",
            one.name,
            one.code,
            one.code,
            kept(one)
        )
        .unwrap();
    }
    for one in &all {
        section(&mut page, one);
    }
    page
}

fn kept(one: &Descriptor) -> &'static str {
    match one.caps.multi {
        Multi::Append => "added and removed one by one",
        Multi::Records => "a record each",
        Multi::Rrset => "one set",
        Multi::Single => "one only",
        Multi::Newest => "the newest two",
        Multi::Zone => "with the whole zone",
        _ => "otherwise",
    }
}

fn section(page: &mut String, one: &Descriptor) {
    write!(
        page,
        "\n## <a id=\"{}\"></a>{}\n\nCode `{}` · [documentation]({})",
        one.code, one.name, one.code, one.docs
    )
    .unwrap();
    if one.caps.default_ttl > 0 {
        write!(page, " · TTL {} s", one.caps.default_ttl).unwrap();
    }
    writeln!(
        page,
        " · changes are seen within {}",
        span(one.caps.propagation_limit.as_secs())
    )
    .unwrap();
    if !limits(one).is_empty() {
        writeln!(page, "\n{}", limits(one)).unwrap();
    }
    if one.unofficial {
        let beware = "It has no interface made for programs: its web pages are used, which may change without notice.";
        writeln!(page, "\nBeware: {beware}").unwrap();
    }
    if let Some(least) = one.least_privilege {
        writeln!(page, "\nLeast privilege: {least}").unwrap();
    }
    for note in one.notes {
        writeln!(
            page,
            "{}* {note}",
            if *note == one.notes[0] { "\n" } else { "" }
        )
        .unwrap();
    }
    writeln!(
        page,
        "\n| Setting | Meaning | acme.sh | lego |\n|---|---|---|---|"
    )
    .unwrap();
    for field in one.fields {
        let marks = [(field.secret, "secret"), (field.optional, "optional")];
        let marks: Vec<&str> = marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| *word)
            .collect();
        let marks = if marks.is_empty() {
            String::new()
        } else {
            format!(" ({})", marks.join(", "))
        };
        let default = field
            .default
            .map(|default| format!(" Default: `{default}`."))
            .unwrap_or_default();
        let names = |list: &[&str]| {
            list.iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        writeln!(
            page,
            "| `{}`{marks} | {}{default} | {} | {} |",
            field.key,
            field.help.replace('|', "\\|"),
            names(field.acme_sh_env),
            names(field.lego_env)
        )
        .unwrap();
    }
}

/// What must be known before settings are chosen, a sentence each.
fn limits(one: &Descriptor) -> String {
    let mut all = Vec::new();
    if !one.one_of.is_empty() {
        let group = |group: &&[&str]| {
            let keys: Vec<String> = group.iter().map(|key| format!("`{key}`")).collect();
            keys.join(" and ")
        };
        let ways: Vec<String> = one.one_of.iter().map(group).collect();
        all.push(format!("Give {}.", ways.join(", or ")));
    }
    if one.caps.min_ttl > 0 {
        all.push(format!("The least TTL is {} s.", one.caps.min_ttl));
    }
    if !one.caps.allowed_ttls.is_empty() {
        let ttls: Vec<String> = one.caps.allowed_ttls.iter().map(u32::to_string).collect();
        all.push(format!("The TTL is one of {} s.", ttls.join(", ")));
    }
    match one.caps.serial {
        None => {}
        Some(pause) if pause.is_zero() => {
            all.push("Requests go one after the other.".to_owned());
        }
        Some(pause) => all.push(format!(
            "Requests go one after the other, {} apart.",
            span(pause.as_secs())
        )),
    }
    all.join(" ")
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

const HEAD: &str = "# DNS providers

<!-- Written by the test `registry::the_reference_tells_every_provider`: EVERCERT_BLESS=1 writes it anew. -->

What can be entered with `evercert dns-provider add --type CODE`. Each has the settings that its section lists; the last
two columns name the variables of acme.sh and lego with the same meaning, so that settings from there can be pasted in.
`evercert dns-provider types -o json` lists the same for programs.

";
