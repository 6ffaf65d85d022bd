//! Costs of the language: microseconds a line to parse, print and turn into a request, and to load and save a large
//! ns.conf.
//!
//! `cargo bench -p evercert-ns`; the last line is one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use evercert_ns::nsconf::{self, Policy};
use evercert_ns::{Command, catalog, expr, grammar, nitro};

/// Lines of the large file.
const LINES: usize = 50_000;
/// Times each short line is read.
const ROUNDS: usize = 20_000;

const SHORT: &[(&str, &str)] = &[
    ("parse_show_us", "show ssl certKey web1"),
    ("parse_abbreviated_us", "sh ssl vs vs_web"),
    ("parse_run_together_us", "shsslvs"),
    (
        "parse_add_lb_vserver_us",
        "add lb vserver v SSL 192.0.2.80 443 -persistenceType COOKIEINSERT -lbMethod ROUNDROBIN -cltTimeout 180",
    ),
    (
        "parse_bind_us",
        "bind ssl vserver vs_web -certkeyName web1 -SNICert",
    ),
];

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn main() {
    let mut results: BTreeMap<&str, f64> = BTreeMap::new();
    // The indexes of the catalogue are made at the first use.
    results.insert("first_line_ms", millis(time(|| parse("show version"))));
    for (what, line) in SHORT {
        let took = time(|| (0..ROUNDS).for_each(|_| parse(line)));
        results.insert(what, micros(took, ROUNDS));
    }
    let took = time(|| {
        for _ in 0..ROUNDS {
            assert!(black_box(catalog::resource_by_nitro("sslzerotouchparam")).is_some());
        }
    });
    results.insert("type_by_nitro_ns", 1000.0 * micros(took, ROUNDS));
    let rule = r#"HTTP.REQ.HOSTNAME.EQ("www.example.com") && HTTP.REQ.URL.EQ("/.well-known/acme-challenge/t")"#;
    let took = time(|| (0..ROUNDS).for_each(|_| assert!(black_box(expr::parse(rule)).is_ok())));
    results.insert("parse_expression_us", micros(took, ROUNDS));

    large(&mut results);
    for (what, value) in &results {
        println!("{what:>32} {value:>12.3}");
    }
    println!("{}", serde_json::json!(results));
}

/// A file as an appliance with thousands of virtual servers has it.
fn large(results: &mut BTreeMap<&str, f64>) {
    let text = file();
    let lines = text.lines().count();
    let took = time(|| assert!(nsconf::parse(&text).errors.is_empty()));
    results.insert("large_parse_us_per_line", micros(took, lines));
    let commands: Vec<Command> = nsconf::parse(&text)
        .commands
        .into_iter()
        .map(|(_, command)| command)
        .collect();
    let took = time(|| {
        commands
            .iter()
            .for_each(|command| drop(black_box(grammar::print(command))))
    });
    results.insert("large_print_us_per_line", micros(took, lines));
    let took = time(|| {
        commands
            .iter()
            .for_each(|command| drop(black_box(nitro::to_request(command))))
    });
    results.insert("large_request_us_per_line", micros(took, lines));
    let began = Instant::now();
    let loaded = nsconf::load(&text, Policy::Strict).expect("the benchmark's own file is good");
    results.insert("large_load_ms", millis(began.elapsed()));
    let took = time(|| drop(black_box(nsconf::print(&loaded.config))));
    results.insert("large_save_ms", millis(took));
    let took = time(|| drop(black_box(loaded.config.clone())));
    results.insert("large_snapshot_us", micros(took, 1));
}

fn file() -> String {
    let mut text = String::from("enable ns feature LB CS SSL RESPONDER\n");
    let mut written = 1;
    let mut number = 0;
    while written < LINES {
        let (high, low) = (number / 250, number % 250 + 1);
        let lines = [
            format!("add ssl certKey ck{number} -cert ck{number}.pem -key ck{number}.key"),
            format!("add server s{number} 10.1.{high}.{low}"),
            format!("add service svc{number} s{number} HTTP 8080 -cltTimeout 180 -svrTimeout 360"),
            format!(
                "add lb vserver v{number} SSL 10.2.{high}.{low} 443 -persistenceType NONE -cltTimeout 180"
            ),
            format!("bind lb vserver v{number} svc{number}"),
            format!(
                "add responder policy p{number} \"HTTP.REQ.URL.STARTSWITH(\\\"/{number}\\\")\" NOOP"
            ),
            format!(
                "bind lb vserver v{number} -policyName p{number} -priority 100 -gotoPriorityExpression END"
            ),
            format!("add service ip{number} 10.3.{high}.{low} HTTP 80"),
            format!("set ssl vserver v{number} -tls13 ENABLED -SNIEnable ENABLED"),
            format!("bind ssl vserver v{number} -certkeyName ck{number}"),
        ];
        for line in lines {
            let _infallible = writeln!(text, "{line}");
            written += 1;
        }
        number += 1;
    }
    text
}

fn parse(line: &str) {
    assert!(black_box(grammar::parse_line(line)).is_ok());
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn micros(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e6 / count as f64
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}
