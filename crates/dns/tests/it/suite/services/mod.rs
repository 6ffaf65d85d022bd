//! The services, each as its documentation and published exchanges have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::world::{Asked, Data, Reply, Service};

/// Declares the services' modules, and `ALL` of them.
macro_rules! services {
    ($($code:ident),* $(,)?) => {
        $(mod $code;)*

        /// Alphabetically by code.
        pub(crate) const ALL: &[Service] = &[$($code::SERVICE),*];
    };
}

services![
    acmedns,
    active24,
    ali,
    alwaysdata,
    autodns,
    aws,
    azure,
    cf,
    challtestsrv,
    cloudns,
    cn,
    conoha,
    conohav3,
    cyon,
    da,
    ddnss,
    desec,
    dgon,
    dnsimple,
    dp,
    dpi,
    dreamhost,
    duckdns,
    durabledns,
    easydns,
    exoscale,
    freedns,
    gandi_livedns,
    gcloud,
    gd,
    gdv3,
    he,
    hostingde,
    httpreq,
    infoblox,
    inwx,
    ispconfig,
    jd,
    leaseweb,
    linode_v4,
    loopia,
    lua,
    me,
    miab,
    misaka,
    mydnsjp,
    namecheap,
    namecom,
    namesilo,
    neodigit,
    netcup,
    nic,
    nsone,
    nw,
    one,
    online,
    openprovider,
    opnsense,
    pdns,
    pleskxml,
    pointhq,
    rcode0,
    regru,
    schlundtech,
    selectel,
    selectelv1,
    ultra,
    vscale,
    vultr,
    zilore,
    zonomi,
];

/// Whatever is not read.
fn by_method(asked: &Asked) -> bool {
    asked.method != "GET"
}

/// The value takes the place of what was there; an empty one leaves nothing.
fn keep_one(data: &mut Data, host: &str, value: &str) {
    data.replace(host, &[]);
    if !value.is_empty() {
        data.add(host, value);
    }
}

/// The value of a text as master files have it: character strings, in quotes or up to the next space (RFC 1035 §5.1).
fn unquoted(text: &str) -> String {
    let (mut value, mut is_quoted) = (String::new(), false);
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        match one {
            '"' => is_quoted = !is_quoted,
            '\\' => value.extend(rest.next()),
            ' ' if !is_quoted => {}
            one => value.push(one),
        }
    }
    value
}

/// One character string as master files have it.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Hexadecimal.
fn hmac_sha1(secret: &str, text: &str) -> String {
    use aws_lc_rs::hmac;

    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// XML, as a service answers it.
fn xml_reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"),
    }
}

/// Text or HTML.
pub(crate) fn text_reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: body.to_owned(),
    }
}

/// What stands between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let Some((_, tail)) = text.split_once(start) else {
        return "";
    };
    tail.split_once(end).map_or(tail, |(inside, _)| inside)
}

/// The number of a zone at a service that numbers them.
fn zone_number(data: &Data, zone: &str) -> usize {
    let at = data.zones.iter().position(|known| known == zone);
    at.map_or(0, |at| at + 1)
}

fn zone_numbered(data: &Data, number: &str) -> Option<String> {
    let number: usize = number.parse().ok()?;
    data.zones.get(number.checked_sub(1)?).cloned()
}

/// RFC 3986, as signatures want it.
fn pct(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    };
    text.bytes().map(octet).collect()
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    use aws_lc_rs::hmac;

    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn sha256(text: &str) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The query, sorted and encoded as signatures want it.
fn canonical_query(asked: &Asked, without: &str) -> String {
    let pairs = asked.query.iter().filter(|(key, _)| *key != without);
    let pairs = pairs.map(|(key, value)| format!("{}={}", pct(key), pct(value)));
    pairs.collect::<Vec<_>>().join("&")
}
