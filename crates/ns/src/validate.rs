//! Checks that need the catalogue only: the value of one attribute, and the shape of one command.
//!
//! The command line and NITRO both come through here, so that they accept and refuse the same things.

use std::net::IpAddr;

use crate::catalog::{Attribute, BindingType, Kind, SSL_CERTKEY};
use crate::codes::{self, ErrorCode};
use crate::command::{Command, Verb};
use crate::error::NsError;
use crate::value::Value;

/// Longest expression, in characters.
const MAX_EXPRESSION: usize = 8191;
/// Longest contents of a file, in base64 characters.
const MAX_CONTENT: usize = 16 * 1024 * 1024;
/// Longest secret, in characters: stored forms are longer than what people type.
const MAX_SECRET: usize = 1023;
/// Longest word that names another object, in characters.
const MAX_REFERENCE: usize = 255;
/// The port written as `*`.
pub const ANY_PORT: u64 = 65535;
/// Units of an interval.
pub const INTERVAL_UNITS: &[&str] = &["MSEC", "SEC", "MIN"];

/// The value an attribute has when this word is written for it.
///
/// # Errors
/// NetScaler's error for the word: not one of the choices, out of range, too long, no address, a bad name.
pub fn value(attribute: &Attribute, word: &str) -> Result<Value, NsError> {
    if let Some((fewest, most)) = attribute.length {
        check_length(attribute, word, fewest.into(), most.into())?;
    }
    match attribute.kind {
        Kind::Choice(choices) => choice(choices, word)
            .map(Value::Choice)
            .ok_or_else(|| refuse(attribute, &codes::INVALID_ARGUMENT_VALUE, word)),
        Kind::Content => content(attribute, word),
        Kind::Domain => domain(attribute, word),
        Kind::Expression => bounded(attribute, word, MAX_EXPRESSION).and_then(not_empty(attribute)),
        Kind::Flag => Ok(Value::Flag),
        Kind::Host { .. } => match word.parse() {
            Ok(ip) => Ok(Value::Ip(ip)),
            Err(_) => bounded(attribute, word, MAX_REFERENCE).and_then(not_empty(attribute)),
        },
        Kind::Integer { min, max } => integer(attribute, word, min, max),
        Kind::Interval { .. } | Kind::List(_) => words(attribute, &[word.to_owned()]),
        Kind::Ip => word
            .parse()
            .map(Value::Ip)
            .map_err(|_| NsError::about(&codes::INVALID_IP, word)),
        Kind::Name(max) => object_name(attribute, word, max),
        Kind::OptionalSecret | Kind::Secret => {
            bounded(attribute, word, MAX_SECRET)?;
            Ok(Value::Secret(word.to_owned().into()))
        }
        Kind::Port if word == "*" => Ok(Value::Integer(ANY_PORT)),
        Kind::Port => integer(attribute, word, 0, ANY_PORT),
        Kind::Reference { or, .. } => match choice(or, word) {
            Some(keyword) => Ok(Value::Text(keyword.to_owned())),
            None => bounded(attribute, word, MAX_REFERENCE).and_then(not_empty(attribute)),
        },
        Kind::Text(max) => bounded(attribute, word, max.into()),
    }
}

/// The value of an attribute that may be several words: a list, or a number with its unit.
///
/// # Errors
/// As [`value`]; [`codes::TOO_MANY_VALUES`] when the attribute takes one word.
pub fn words(attribute: &Attribute, words: &[String]) -> Result<Value, NsError> {
    let Some(first) = words.first() else {
        return Err(NsError::about(
            &codes::ARGUMENT_VALUE_MISSING,
            attribute.name,
        ));
    };
    match attribute.kind {
        Kind::List(choices) => list(attribute, choices, words),
        Kind::Interval { .. } => interval(attribute, words),
        _ if words.len() > 1 => Err(NsError::about(&codes::TOO_MANY_VALUES, attribute.name)),
        _ => value(attribute, first),
    }
}

/// Completes a command and checks its shape: required arguments, pre-requisites, exclusions.
///
/// An optional positional argument that was left out before one that was given gets its default, so that the command
/// can be written as a line.
///
/// # Errors
/// NetScaler's error for the first thing that is missing or in excess.
pub fn complete(mut command: Command) -> Result<Command, NsError> {
    fill_keys(&mut command)?;
    fill_gaps(&mut command)?;
    spell_addresses(&mut command);
    for attribute in command.attributes() {
        let given = command.has(attribute.name);
        if !given && attribute.required.contains(command.verb()) {
            return Err(NsError::about(&codes::ARGUMENT_MISSING, attribute.name));
        }
        // `unset` names arguments one by one; dependencies are those of values.
        if given && command.verb() != Verb::Unset {
            check_dependencies(&command, attribute)?;
        }
    }
    check_target(&command)?;
    check_one_of(&command)?;
    check_not_empty(&command)?;
    Ok(command)
}

/// A server that is named by an address has that name in the address's one spelling, because a service says an address.
fn spell_addresses(command: &mut Command) {
    if command.resource().name != "server" {
        return;
    }
    for name in ["name", "newName"] {
        let address = command.text(name).and_then(|name| name.parse().ok());
        if let Some(ip) = address.map(|ip: IpAddr| ip.to_string()) {
            command.values_mut().insert(name, Value::Text(ip));
        }
    }
}

/// What is bound must be named.
fn check_target(command: &Command) -> Result<(), NsError> {
    match command.binding().and_then(BindingType::target) {
        Some(target) if !command.has(target.name) => {
            Err(NsError::about(&codes::ARGUMENT_MISSING, target.name))
        }
        _ => Ok(()),
    }
}

/// Of some arguments exactly one must be given: `kill system session` takes a number or `-all`.
fn check_one_of(command: &Command) -> Result<(), NsError> {
    let rules = command.resource().one_of.iter();
    for rule in rules.filter(|rule| rule.verb == command.verb()) {
        let mut given = rule.names.iter().filter(|name| command.has(name));
        match (given.next(), given.next(), rule.names.first()) {
            (Some(one), Some(other), _) => {
                return Err(NsError::argument(&codes::ARGUMENTS_EXCLUDE, one, other));
            }
            (None, _, Some(first)) => {
                return Err(NsError::about(&codes::ARGUMENT_MISSING, *first));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A key that was left out and has a default: `set HA node` means node 0.
fn fill_keys(command: &mut Command) -> Result<(), NsError> {
    if matches!(command.verb(), Verb::Show | Verb::Stat) {
        return Ok(());
    }
    for key in command.resource().keys() {
        let optional = !key.required.contains(command.verb());
        if let Some(default) = key.default
            && optional
            && !command.has(key.name)
        {
            let value = value(key, default)?;
            command.values_mut().insert(key.name, value);
        }
    }
    Ok(())
}

fn check_dependencies(command: &Command, attribute: &Attribute) -> Result<(), NsError> {
    for other in attribute.requires {
        if !command.has(other) {
            return Err(NsError::argument(
                &codes::PREREQUISITE_MISSING,
                attribute.name,
                other,
            ));
        }
    }
    for other in attribute.excludes {
        if command.has(other) {
            return Err(NsError::argument(
                &codes::ARGUMENTS_EXCLUDE,
                attribute.name,
                other,
            ));
        }
    }
    Ok(())
}

fn check_not_empty(command: &Command) -> Result<(), NsError> {
    let keys = command.resource().keys().count();
    let only_keys = command.values().len() <= keys;
    match command.verb() {
        // Clients send an empty update of a certificate and expect success.
        Verb::Set if only_keys && *command.resource() != SSL_CERTKEY => {
            Err(NsError::new(&codes::NO_ARGUMENTS))
        }
        Verb::Unset if only_keys => Err(NsError::new(&codes::TOO_FEW_ARGUMENTS)),
        _ => Ok(()),
    }
}

fn fill_gaps(command: &mut Command) -> Result<(), NsError> {
    let verb = command.verb();
    let positional: Vec<_> = command
        .attributes()
        .filter(|a| a.positional.contains(verb))
        .collect();
    let Some(last) = positional.iter().rposition(|a| command.has(a.name)) else {
        return Ok(());
    };
    for attribute in &positional[..last] {
        if command.has(attribute.name) {
            continue;
        }
        let Some(default) = attribute.default else {
            return Err(NsError::about(&codes::ARGUMENT_MISSING, attribute.name));
        };
        let value = value(attribute, default)?;
        command.values_mut().insert(attribute.name, value);
    }
    Ok(())
}

fn choice(choices: &'static [&'static str], word: &str) -> Option<&'static str> {
    choices
        .iter()
        .copied()
        .find(|choice| choice.eq_ignore_ascii_case(word))
}

fn integer(attribute: &Attribute, word: &str, min: u64, max: u64) -> Result<Value, NsError> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(refuse(attribute, &codes::INVALID_ARGUMENT_VALUE, word));
    }
    match word.parse::<u64>() {
        Ok(number) if number < min => Err(refuse(attribute, &codes::INTEGER_TOO_SMALL, word)),
        Ok(number) if number <= max => Ok(Value::Integer(number)),
        _ => Err(refuse(attribute, &codes::INTEGER_TOO_LARGE, word)),
    }
}

fn list(
    attribute: &Attribute,
    choices: &'static [&'static str],
    words: &[String],
) -> Result<Value, NsError> {
    if attribute
        .most_words
        .is_some_and(|most| words.len() > most.into())
    {
        return Err(NsError::about(&codes::TOO_MANY_VALUES, attribute.name));
    }
    let mut list: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        if let Some((fewest, most)) = attribute.length {
            check_length(attribute, word, fewest.into(), most.into())?;
        }
        if choices.is_empty() {
            bounded(attribute, word, MAX_REFERENCE)?;
            list.push(word.clone());
            continue;
        }
        let known = choice(choices, full_name(word))
            .ok_or_else(|| refuse(attribute, &codes::INVALID_ARGUMENT_VALUE, word))?;
        if !list.iter().any(|have| have == known) {
            list.push(known.to_owned());
        }
    }
    Ok(Value::List(list))
}

/// The code of a feature that NetScaler's documents write out.
fn full_name(word: &str) -> &str {
    match word.eq_ignore_ascii_case("contentInspection") {
        true => "CI",
        false => word,
    }
}

fn interval(attribute: &Attribute, words: &[String]) -> Result<Value, NsError> {
    integer(attribute, &words[0], 0, 20_940_000)?;
    match words {
        [number] => Ok(Value::List(vec![number.clone()])),
        [number, unit] => choice(INTERVAL_UNITS, unit)
            .map(|unit| Value::List(vec![number.clone(), unit.to_owned()]))
            .ok_or_else(|| refuse(attribute, &codes::INVALID_ARGUMENT_VALUE, unit)),
        _ => Err(NsError::about(&codes::TOO_MANY_VALUES, attribute.name)),
    }
}

fn object_name(attribute: &Attribute, word: &str, max: u16) -> Result<Value, NsError> {
    not_empty(attribute)(bounded(attribute, word, max.into())?)?;
    let mut characters = word.chars();
    let first = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let regular = first && characters.all(|c| c.is_ascii_alphanumeric() || "_#. :@=-".contains(c));
    // A server made by `add service` is named by its address, `::1` among them.
    if regular || word.parse::<IpAddr>().is_ok() {
        Ok(Value::Text(word.to_owned()))
    } else {
        Err(refuse(attribute, &codes::INVALID_NAME, word))
    }
}

/// A domain name without its final dot; the root is `.`.
fn domain(attribute: &Attribute, word: &str) -> Result<Value, NsError> {
    const LONGEST: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let name = word.strip_suffix('.').unwrap_or(word);
    if word == "." {
        return Ok(Value::Text(word.to_owned()));
    }
    if name.is_empty() {
        return Err(NsError::about(&codes::STRING_TOO_SHORT, attribute.name));
    }
    let longest_label = name.split('.').map(str::len).max().unwrap_or_default();
    if name.len() > LONGEST || longest_label > LONGEST_LABEL {
        return Err(NsError::about(&codes::STRING_TOO_LONG, attribute.name));
    }
    let regular = name.bytes().all(|byte| byte.is_ascii_graphic())
        && name.split('.').all(|label| !label.is_empty());
    if regular {
        Ok(Value::Text(name.to_owned()))
    } else {
        Err(refuse(attribute, &codes::INVALID_ARGUMENT_VALUE, word))
    }
}

/// Base64, with the line breaks that some clients put in taken out.
fn content(attribute: &Attribute, word: &str) -> Result<Value, NsError> {
    let text: String = word.chars().filter(|c| !c.is_whitespace()).collect();
    if text.len() > MAX_CONTENT {
        return Err(NsError::about(&codes::STRING_TOO_LONG, attribute.name));
    }
    let data = text.trim_end_matches('=');
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let whole = text.len().is_multiple_of(4) && text.len() - data.len() <= 2;
    if whole && data.bytes().all(alphabet) {
        Ok(Value::Secret(text.into()))
    } else {
        Err(refuse(attribute, &codes::INVALID_ARGUMENT_VALUE, word))
    }
}

fn check_length(
    attribute: &Attribute,
    word: &str,
    fewest: usize,
    most: usize,
) -> Result<(), NsError> {
    let length = word.chars().count();
    if length < fewest {
        return Err(NsError::about(&codes::STRING_TOO_SHORT, attribute.name));
    }
    if length > most {
        return Err(NsError::about(&codes::STRING_TOO_LONG, attribute.name));
    }
    Ok(())
}

/// Text without control characters: a line break in a value would be a second command in ns.conf.
fn bounded(attribute: &Attribute, word: &str, max: usize) -> Result<Value, NsError> {
    if word.chars().any(|c| c.is_control() && c != '\t') {
        return Err(NsError::about(
            &codes::INVALID_ARGUMENT_VALUE,
            attribute.name,
        ));
    }
    if word.chars().count() > max {
        return Err(NsError::about(&codes::STRING_TOO_LONG, attribute.name));
    }
    Ok(Value::Text(word.to_owned()))
}

fn not_empty(attribute: &Attribute) -> impl Fn(Value) -> Result<Value, NsError> {
    move |value| match value.as_text() {
        Some("") => Err(NsError::about(&codes::STRING_TOO_SHORT, attribute.name)),
        _ => Ok(value),
    }
}

/// The error with the refused word, unless the word is secret.
fn refuse(attribute: &Attribute, code: &'static ErrorCode, word: &str) -> NsError {
    if attribute.kind.is_secret() {
        NsError::about(code, attribute.name)
    } else {
        NsError::argument(code, attribute.name, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{self, LB_VSERVER, SERVICE};

    fn attribute(resource: &'static catalog::ResourceType, name: &str) -> &'static Attribute {
        resource.attribute(name).unwrap()
    }

    fn refused(resource: &'static catalog::ResourceType, name: &str, word: &str) -> String {
        value(attribute(resource, name), word)
            .unwrap_err()
            .rendered()
    }

    #[test]
    fn values_are_made_canonical() {
        let kind = attribute(&LB_VSERVER, "serviceType");
        let ip = attribute(&LB_VSERVER, "IPAddress");
        let port = attribute(&LB_VSERVER, "port");

        assert_eq!(value(kind, "ssl_tcp"), Ok(Value::Choice("SSL_TCP")));
        assert_eq!(
            value(ip, "2001:DB8:0::1").map(|v| v.words()),
            Ok(vec!["2001:db8::1".to_owned()])
        );
        assert_eq!(value(port, "*"), Ok(Value::Integer(65535)));
    }

    #[test]
    fn refusals_are_worded_as_netscaler_words_them() {
        insta::assert_snapshot!(refused(&LB_VSERVER, "serviceType", "HTTPS"), @"ERROR: Invalid argument value [serviceType, HTTPS]");
        insta::assert_snapshot!(refused(&LB_VSERVER, "IPAddress", "10.0.0.256"), @"ERROR: Invalid IP address [10.0.0.256]");
        insta::assert_snapshot!(refused(&LB_VSERVER, "port", "70000"), @"ERROR: Integer value exceeds maximum [port, 70000]");
        insta::assert_snapshot!(refused(&SSL_CERTKEY, "notificationPeriod", "5"), @"ERROR: Integer value below minimum [notificationPeriod, 5]");
        insta::assert_snapshot!(refused(&SSL_CERTKEY, "notificationPeriod", "-5"), @"ERROR: Invalid argument value [notificationPeriod, -5]");
        insta::assert_snapshot!(refused(&LB_VSERVER, "name", "-x"), @"ERROR: Invalid name; names must begin with an alphanumeric character or underscore and must contain only alphanumerics, _ # . space : @ = or - [name, -x]");
        insta::assert_snapshot!(refused(&SSL_CERTKEY, "certkeyName", &"x".repeat(64)), @"ERROR: String length exceeds maximum [certkeyName]");
        insta::assert_snapshot!(refused(&SERVICE, "name", ""), @"ERROR: String too short [name]");
    }

    #[test]
    fn a_line_break_is_no_value() {
        insta::assert_snapshot!(refused(&LB_VSERVER, "comment", "a\nrm ssl certKey b"), @"ERROR: Invalid argument value [comment]");
    }

    #[test]
    fn a_secret_is_not_repeated_in_an_error() {
        let secret = attribute(&SSL_CERTKEY, "passplain");

        let error = value(secret, "hun\rter2").unwrap_err();

        assert!(!error.rendered().contains("hun"), "{error:?}");
    }

    #[test]
    fn a_gap_before_a_positional_is_filled_with_its_default() {
        let command = Command::new(Verb::Add, &LB_VSERVER)
            .with("name", Value::Text("v".to_owned()))
            .with("serviceType", Value::Choice("HTTP"))
            .with("port", Value::Integer(80));

        let command = complete(command).unwrap();

        assert_eq!(
            command.ip("IPAddress").map(|ip| ip.to_string()),
            Some("0.0.0.0".to_owned())
        );
    }

    #[test]
    fn missing_and_dependent_arguments_are_named() {
        let missing = complete(Command::new(Verb::Add, &LB_VSERVER)).unwrap_err();
        let bind = &catalog::SSL_VSERVER.bindings[0];
        let crl = Command::binding_of(Verb::Bind, &catalog::SSL_VSERVER, bind)
            .with("vServerName", Value::Text("v".to_owned()))
            .with("certkeyName", Value::Text("c".to_owned()))
            .with("crlCheck", Value::Choice("Mandatory"));
        let prerequisite = complete(crl.clone()).unwrap_err();
        let both = complete(
            crl.with("CA", Value::Flag)
                .with("ocspCheck", Value::Choice("Optional")),
        )
        .unwrap_err();

        insta::assert_snapshot!(missing.rendered(), @"ERROR: Required argument missing [name]");
        insta::assert_snapshot!(prerequisite.rendered(), @"ERROR: Argument pre-requisite missing [crlCheck, CA]");
        insta::assert_snapshot!(both.rendered(), @"ERROR: Arguments cannot both be specified [crlCheck, ocspCheck]");
    }

    #[test]
    fn set_and_unset_need_something_to_do() {
        let name = Value::Text("v".to_owned());
        let set = Command::new(Verb::Set, &LB_VSERVER).with("name", name.clone());
        let unset = Command::new(Verb::Unset, &LB_VSERVER).with("name", name.clone());
        let certkey = Command::new(Verb::Set, &SSL_CERTKEY).with("certkeyName", name);

        assert_eq!(complete(set).unwrap_err().code(), 431);
        assert_eq!(complete(unset).unwrap_err().code(), 1094);
        assert!(complete(certkey).is_ok());
    }
}
