//! The appliance itself: version, features, modes, configuration texts, host name, addresses.

use serde_json::Value as Json;

use crate::show::Row;
use crate::show::derived::{is_on, text};

/// The text of a type that prints a table or a text of its own; `None` for other types.
pub(super) fn render(kind: &str, rows: &[Row]) -> Option<String> {
    let first = rows.first();
    let one = |write: fn(&Row) -> String| Some(first.map_or_else(String::new, write));
    match kind {
        "nsversion" => one(version),
        "nsfeature" => one(features),
        "nsmode" => one(modes),
        "nsrunningconfig" => one(|row| lines(row, "response")),
        "nssavedconfig" => one(|row| lines(row, "textblob")),
        "nshostname" => one(host_name),
        "nsconfig" => one(config),
        "nshardware" => one(hardware),
        "nsip" => Some(addresses(rows)),
        _ => None,
    }
}

fn version(row: &Row) -> String {
    let mut words = text(row, "version").unwrap_or_default();
    if let Some(mode) = text(row, "mode") {
        words.push_str(&format!("\n\tMode:  {mode}"));
    }
    format!("\t{words}\n")
}

fn lines(row: &Row, field: &str) -> String {
    let mut words = text(row, field).unwrap_or_default();
    if !words.is_empty() && !words.ends_with('\n') {
        words.push('\n');
    }
    words
}

fn host_name(row: &Row) -> String {
    let name = text(row, "hostname").unwrap_or_else(|| "(not set)".to_owned());
    format!("\tHostname:  {name}\n")
}

fn config(row: &Row) -> String {
    let word =
        |field: &str, otherwise: &str| text(row, field).unwrap_or_else(|| otherwise.to_owned());
    let mut out = format!(
        "\tNetScaler IP: {}  (mask: {})\n\tNode: {}\n",
        word("ipaddress", "(none)"),
        word("netmask", "(none)"),
        word("systemtype", "Standalone")
    );
    for (label, field) in [
        ("Time Zone", "timezone"),
        ("System Time", "currentsytemtime"),
        ("Last Config Changed Time", "lastconfigchangedtime"),
        ("Last Config Saved Time", "lastconfigsavetime"),
        ("Primary node", "primaryip"),
    ] {
        if let Some(value) = text(row, field) {
            out.push_str(&format!("\t{label}: {value}\n"));
        }
    }
    if row.contains_key("configchanged") {
        let words = if is_on(row, "configchanged") {
            "Config has changed since last save: TRUE (`save ns config` writes it)"
        } else {
            "Config has changed since last save: FALSE"
        };
        out.push_str(&format!("\t{words}\n"));
    }
    out
}

fn hardware(row: &Row) -> String {
    let mut out = String::new();
    for (label, field) in [
        ("Platform", "hwdescription"),
        ("System ID", "sysid"),
        ("Host Id", "hostid"),
        ("Host", "host"),
        ("Serial no", "serialno"),
        ("Encoded serial no", "encodedserialno"),
        ("NetScaler UUID", "netscaleruuid"),
    ] {
        if let Some(value) = text(row, field) {
            out.push_str(&format!("\t{label}: {value}\n"));
        }
    }
    out
}

fn addresses(rows: &[Row]) -> String {
    let mut out = format!(
        "\t{:<17}{:<16}{:<17}{:<9}{:<9}{:<9}State\n\t{:<17}{:<16}{:<17}{:<9}{:<9}{:<9}-----\n",
        "Ipaddress",
        "Traffic Domain",
        "Type",
        "Arp",
        "Icmp",
        "Vserver",
        "---------",
        "--------------",
        "----",
        "---",
        "----",
        "-------"
    );
    for (number, row) in (1..).zip(rows) {
        let word =
            |field: &str, otherwise: &str| text(row, field).unwrap_or_else(|| otherwise.to_owned());
        out.push_str(&format!(
            "{number})\t{:<17}{:<16}{:<17}{:<9}{:<9}{:<9}{}\n",
            word("ipaddress", "-"),
            word("td", "0"),
            word("type", "SNIP"),
            word("arp", "ENABLED"),
            word("icmp", "ENABLED"),
            word("vserver", "ENABLED"),
            word("state", "ENABLED")
        ));
    }
    out
}

/// Name and acronym of each feature, in the order the appliance lists them.
const FEATURES: &[(&str, &str)] = &[
    ("Web Logging", "WL"),
    ("Surge Protection", "SP"),
    ("Load Balancing", "LB"),
    ("Content Switching", "CS"),
    ("Cache Redirection", "CR"),
    ("Sure Connect", "SC"),
    ("Compression Control", "CMP"),
    ("Priority Queuing", "PQ"),
    ("SSL Offloading", "SSL"),
    ("Global Server Load Balancing", "GSLB"),
    ("Http DoS Protection", "HDOSP"),
    ("Content Filtering", "CF"),
    ("Integrated Caching", "IC"),
    ("SSL VPN", "SSLVPN"),
    ("AAA", "AAA"),
    ("OSPF Routing", "OSPF"),
    ("RIP Routing", "RIP"),
    ("BGP Routing", "BGP"),
    ("Rewrite", "REWRITE"),
    ("IPv6 protocol translation", "IPv6PT"),
    ("Application Firewall", "AppFw"),
    ("Responder", "RESPONDER"),
    ("HTML Injection", "HTMLInjection"),
    ("NetScaler Push", "push"),
    ("AppFlow", "AppFlow"),
    ("CloudBridge", "CloudBridge"),
    ("ISIS Routing", "ISIS"),
    ("CallHome", "CH"),
    ("AppQoE", "AppQoE"),
    ("Content Accelerator", "ContentAccelerator"),
    ("RISE", "RISE"),
    ("Front End Optimization", "FEO"),
    ("Large Scale NAT", "LSN"),
    ("RDP Proxy", "RDPProxy"),
    ("Reputation", "Rep"),
    ("URL Filtering", "URLFiltering"),
    ("Video Optimization", "VideoOptimization"),
    ("Forward Proxy", "ForwardProxy"),
    ("SSL Interception", "SSLInterception"),
    ("Adaptive TCP", "AdaptiveTCP"),
    ("Connection Quality Analytics", "CQA"),
    ("Content Inspection", "CI"),
    ("Bot Management", "Bot"),
    ("API Gateway", "APIGateway"),
];

/// Name and acronym of each mode.
const MODES: &[(&str, &str)] = &[
    ("Fast Ramp", "FR"),
    ("Layer 2 mode", "L2"),
    ("Use Source IP", "USIP"),
    ("Client SideKeep-alive", "CKA"),
    ("TCP Buffering", "TCPB"),
    ("MAC-based forwarding", "MBF"),
    ("Edge configuration", "Edge"),
    ("Use Subnet IP", "USNIP"),
    ("Layer 3 mode (ip forwarding)", "L3"),
    ("Path MTU Discovery", "PMTUD"),
    ("Media Classification", "MediaClassification"),
    ("Static Route Advertisement", "SRADV"),
    ("Direct Route Advertisement", "DRADV"),
    ("Intranet Route Advertisement", "IRADV"),
    ("Ipv6 Static Route Advertisement", "SRADV6"),
    ("Ipv6 Direct Route Advertisement", "DRADV6"),
    ("Bridge BPDUs", "BridgeBPDUs"),
    ("Unified Logging Format Mode", "ULFD"),
];

fn features(row: &Row) -> String {
    switches(row, "Feature", FEATURES, 31)
}

fn modes(row: &Row) -> String {
    switches(row, "Mode", MODES, 39)
}

fn switches(row: &Row, title: &str, known: &[(&str, &str)], width: usize) -> String {
    let listed: Vec<&str> = row
        .get(&title.to_ascii_lowercase())
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let rule = "-".repeat(title.len());
    let mut out = format!(
        "\n\t{title:<width$}{:<21}Status\n\t{rule:<width$}{:<21}------\n",
        "Acronym", "-------"
    );
    for (number, (name, acronym)) in (1..).zip(known) {
        let on = is_on(row, &acronym.to_ascii_lowercase())
            || listed.iter().any(|word| word.eq_ignore_ascii_case(acronym));
        let status = if on { "ON" } else { "OFF" };
        out.push_str(&format!(
            "{number:>2})\t{name:<width$}{acronym:<21}{status}\n"
        ));
    }
    out
}
