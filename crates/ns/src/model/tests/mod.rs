//! The rules of the running configuration, one test a rule.

mod access;
mod certificates;
mod inspection;
mod records;
mod references;
mod rules;
mod ssl;
mod views;

use super::*;
use crate::grammar::parse_line;

/// A configuration after these lines, which must all be carried out.
pub(in crate::model) fn config(lines: &str) -> Config {
    let mut config = Config::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Err(error) = apply(&mut config, line) {
            panic!("{line}: {error}");
        }
    }
    config
}

fn apply(config: &mut Config, line: &str) -> Result<Applied, String> {
    let command = parse_line(line).map_err(|fault| format!("{fault}"))?;
    config.apply(&command).map_err(|error| error.rendered())
}

fn effect(config: &mut Config, line: &str) -> Effect {
    apply(config, line).unwrap().effect
}

fn refused(config: &mut Config, line: &str) -> String {
    let before = crate::nsconf::print(config);
    let error = apply(config, line).unwrap_err();
    assert_eq!(
        before,
        crate::nsconf::print(config),
        "a refused command changed something"
    );
    error
}

fn saved(config: &Config) -> String {
    crate::nsconf::print(config)
}

const WEB: &str = "
    enable ns feature LB SSL
    add ssl certKey web1 -cert web1.pem -key web1.key
    add ssl certKey ca1 -cert ca1.pem
    add server s1 192.0.2.11
    add service svc1 s1 HTTP 8080
    add lb vserver v1 SSL 192.0.2.80 443
    bind lb vserver v1 svc1
    bind ssl vserver v1 -certkeyName web1
";
