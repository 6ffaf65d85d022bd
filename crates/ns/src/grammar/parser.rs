//! Reads one line into a command, or says which word is wrong and what was expected.

use evercert_types::Secret;

use crate::catalog::{RESOURCES, ResourceType};
use crate::codes;
use crate::command::{Command, Verb};
use crate::error::NsError;
use crate::grammar::arguments::Arguments;
use crate::grammar::fault::{ParseError, fault};
use crate::grammar::lexer::{Token, tokenize};
use crate::grammar::lookup::{self, Found};
use crate::grammar::several;

/// Reads one line.
///
/// ```
/// let command = evercert_ns::grammar::parse_line("bind ssl vserver vs_web --certkeyName web1 -SNICert")?;
/// assert_eq!(command.key(), "vs_web");
/// assert!(command.has("SNICert"));
/// # Ok::<(), evercert_ns::grammar::ParseError>(())
/// ```
///
/// # Errors
/// The first fault of the line.
pub fn parse_line(line: &str) -> Result<Command, ParseError> {
    read_line(line).map_err(|fault| fault.without_secrets(line))
}

/// Reads one line that may stand for several commands: `rm server a b`, `add server s[1-3] 192.0.2.[1-3]`.
///
/// # Errors
/// The first fault of the line.
pub fn parse_all(line: &str) -> Result<Vec<Command>, ParseError> {
    read_lines(line, None).map_err(|fault| fault.without_secrets(line))
}

/// Reads one line, with the secret that was asked for because [`secret_wanted`] said so.
///
/// # Errors
/// The first fault of the line.
pub fn parse_all_with(line: &str, secret: &Secret<String>) -> Result<Vec<Command>, ParseError> {
    read_lines(line, Some(secret)).map_err(|fault| fault.without_secrets(line))
}

/// The argument whose secret a person must be asked for: `add ssl certKey c -cert a -password`, `add system user u`.
pub fn secret_wanted(line: &str) -> Option<&'static str> {
    let asking = Secret::from("asked".to_owned());
    let with = parse_all_with(line, &asking).ok()?;
    let without = parse_all(line).ok();
    let first = with.first()?;
    first
        .attributes()
        .filter(|attribute| attribute.kind.is_secret())
        .find(|attribute| {
            let before = without.as_ref().and_then(|commands| commands.first());
            first.value(attribute.name) != before.and_then(|command| command.value(attribute.name))
        })
        .map(|attribute| attribute.name)
}

fn read_lines(line: &str, secret: Option<&Secret<String>>) -> Result<Vec<Command>, ParseError> {
    let tokens = words(line)?;
    let (verb, resource, rest) = head(&tokens, line.len())?;
    let read = |tokens: &[Token]| {
        Arguments::new(verb, resource, tokens, line.len())?
            .answering(secret)
            .read()
    };
    several::variants(verb, resource, rest, &read)?
        .iter()
        .map(|tokens| read(tokens))
        .collect()
}

fn read_line(line: &str) -> Result<Command, ParseError> {
    let tokens = words(line)?;
    let (verb, resource, rest) = head(&tokens, line.len())?;
    Arguments::new(verb, resource, rest, line.len())?.read()
}

fn words(line: &str) -> Result<Vec<Token>, ParseError> {
    tokenize(line).map_err(|fault| ParseError {
        word: line.get(fault.span.clone()).unwrap_or_default().to_owned(),
        span: fault.span,
        expected: String::new(),
        error: fault.error,
    })
}

/// The verb and the resource type, and the words after them.
fn head(
    tokens: &[Token],
    end: usize,
) -> Result<(Verb, &'static ResourceType, &[Token]), ParseError> {
    let Some(first) = tokens.first() else {
        return Err(ParseError {
            error: NsError::new(&codes::NO_SUCH_COMMAND),
            word: String::new(),
            span: 0..end,
            expected: "a command".to_owned(),
        });
    };
    match lookup::verb(&first.text) {
        Found::One(verb) => {
            let words: Vec<_> = tokens[1..]
                .iter()
                .map(|token| token.text.as_str())
                .collect();
            match lookup::resource(verb, &words) {
                Found::One((resource, used)) => Ok((verb, resource, &tokens[1 + used..])),
                Found::None => Err(no_resource(verb, &tokens[1..], end)),
                Found::Many(names) => Err(ambiguous(&tokens[1..], &names)),
            }
        }
        Found::Many(names) => Err(ambiguous(tokens, &names)),
        Found::None => run_together(tokens).ok_or_else(|| no_verb(first)),
    }
}

/// `shsslvs` for `show ssl vserver`.
fn run_together(tokens: &[Token]) -> Option<(Verb, &'static ResourceType, &[Token])> {
    let word = &tokens[0].text;
    let cuts = word.char_indices().map(|(at, _)| at).filter(|at| *at >= 2);
    let mut readings = cuts.filter_map(|at| {
        let Found::One(verb) = lookup::verb(&word[..at]) else {
            return None;
        };
        match lookup::resource(verb, &[&word[at..]]) {
            Found::One((resource, 1)) => Some((verb, resource)),
            _ => None,
        }
    });
    let (verb, resource) = readings.next()?;
    readings
        .all(|(v, r)| v == verb && r == resource)
        .then_some((verb, resource, &tokens[1..]))
}

fn no_verb(token: &Token) -> ParseError {
    let near = lookup::nearest(Verb::ALL.iter().map(|verb| verb.word()), &token.text);
    let expected = near.map_or_else(
        || "a verb such as add, bind, link, rm, set, show, unset or update".to_owned(),
        |word| format!("`{word}`"),
    );
    fault(&codes::NO_SUCH_COMMAND, token, expected)
}

fn no_resource(verb: Verb, tokens: &[Token], end: usize) -> ParseError {
    let known = || RESOURCES.iter().filter(move |r| r.supports(verb));
    let Some(token) = tokens.first() else {
        return ParseError {
            error: NsError::new(&codes::TOO_FEW_ARGUMENTS),
            word: String::new(),
            span: end..end,
            expected: format!("an object type after `{verb}`"),
        };
    };
    let second = tokens.get(1).map(|t| t.text.as_str()).unwrap_or_default();
    let both = format!("{} {second}", token.text);
    let other = crate::catalog::resource(&both).or_else(|| crate::catalog::resource(&token.text));
    let expected = if let Some(resource) = other {
        let verbs: Vec<_> = resource.all_verbs().map(Verb::word).collect();
        format!("one of {} before `{}`", verbs.join(", "), resource.name)
    } else if let Some(near) = lookup::nearest(known().map(|r| r.name), &both)
        .or_else(|| lookup::nearest(known().map(|r| r.name), &token.text))
    {
        format!("`{near}`")
    } else {
        let of_group: Vec<_> = known()
            .filter(|r| r.group().eq_ignore_ascii_case(&token.text))
            .map(|r| r.name)
            .collect();
        if of_group.is_empty() {
            format!("an object type that `{verb}` takes; this one is not supported")
        } else {
            format!("one of {}", of_group.join(", "))
        }
    };
    let is_group = known().any(|r| r.group().eq_ignore_ascii_case(&token.text));
    if is_group && tokens.len() == 1 {
        return ParseError {
            error: NsError::new(&codes::TOO_FEW_ARGUMENTS),
            word: String::new(),
            span: end..end,
            expected,
        };
    }
    let at_fault = tokens.get(1).filter(|_| is_group).unwrap_or(token);
    fault(&codes::NO_SUCH_COMMAND, at_fault, expected)
}

fn ambiguous(tokens: &[Token], names: &[String]) -> ParseError {
    let expected = format!("one of {}", names.join(", "));
    match tokens.first() {
        Some(token) => fault(&codes::AMBIGUOUS_COMMAND, token, expected),
        None => ParseError {
            error: NsError::new(&codes::TOO_FEW_ARGUMENTS),
            word: String::new(),
            span: 0..0,
            expected,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::print;

    fn read(line: &str) -> String {
        match parse_line(line) {
            Ok(command) => print(&command),
            Err(fault) => format!(
                "{} | {} | {}",
                fault.error().rendered(),
                &line[fault.span()],
                fault.remedy()
            ),
        }
    }

    #[test]
    fn words_may_be_abbreviated_and_run_together() {
        insta::assert_snapshot!(read("sh ssl vs v"), @"show ssl vserver v");
        insta::assert_snapshot!(read("shsslvs"), @"show ssl vserver");
        insta::assert_snapshot!(read("sh certkey web1"), @"show ssl certKey web1");
        insta::assert_snapshot!(read("show sslvserver v"), @"show ssl vserver v");
        insta::assert_snapshot!(read("save config"), @"save ns config");
        insta::assert_snapshot!(read("sh run"), @"show ns runningConfig");
        insta::assert_snapshot!(read("UPD SSL CERTKEY c -CERT a -NODOM"), @"update ssl certKey c -cert a -noDomainCheck");
    }

    #[test]
    fn arguments_may_come_in_any_order() {
        insta::assert_snapshot!(read("add lb vserver -comment x v HTTP -lbMethod LRTM 192.0.2.1 80"), @"add lb vserver v HTTP 192.0.2.1 80 -lbMethod LRTM -comment x");
        insta::assert_snapshot!(read("add lb monitor m HTTP -respCode 200 302 -secure YES"), @"add lb monitor m HTTP -respCode 200 302 -secure YES");
        insta::assert_snapshot!(read("set ns param -cip ENABLED -httpPort 80 8080"), @"set ns param -httpPort 80 8080 -cip ENABLED");
        insta::assert_snapshot!(read("add ssl certKey c -password -cert a -key b"), @"add ssl certKey c -cert a -key b -password");
        insta::assert_snapshot!(read("unbind lb vserver v svc1"), @"unbind lb vserver v svc1");
        insta::assert_snapshot!(read("unbind lb vserver v -policyName p -type REQUEST"), @"unbind lb vserver v -policyName p -type REQUEST");
    }

    #[test]
    fn secrets_that_were_left_out_are_asked_for() {
        let secret = Secret::from("hunter2".to_owned());
        let with = |line: &str| {
            let commands = parse_all_with(line, &secret).unwrap();
            print(&commands[0])
        };

        assert_eq!(
            secret_wanted("add ssl certKey c -cert a -password -inform PFX"),
            Some("password")
        );
        assert_eq!(secret_wanted("add system user u"), Some("password"));
        assert_eq!(
            secret_wanted("create ssl rsakey k 2048 -aes256 -password"),
            Some("password")
        );
        assert_eq!(
            secret_wanted("add ssl certKey c -cert a -password -passplain x"),
            None
        );
        assert_eq!(secret_wanted("add system user u pw"), None);
        assert_eq!(secret_wanted("show version"), None);
        assert_eq!(secret_wanted("add system user"), None);
        assert_eq!(with("add system user u"), "add system user u hunter2");
        assert_eq!(
            with("add ssl certKey c -cert a -password"),
            "add ssl certKey c -cert a -password hunter2"
        );
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        insta::assert_snapshot!(read("ad"), @"ERROR: Too few arguments |  | Expected an object type after `add`.");
        insta::assert_snapshot!(read("u lb vserver v"), @"ERROR: Ambiguous command name [u] | u | Expected one of unbind, unlink, unset, unsign, update.");
        insta::assert_snapshot!(read("shw lb vserver v"), @"ERROR: No such command [shw] | shw | Expected `show`.");
        insta::assert_snapshot!(read("show"), @"ERROR: Too few arguments |  | Expected an object type after `show`.");
        insta::assert_snapshot!(read("show ssl"), @"ERROR: Too few arguments |  | Expected one of ssl action, ssl caCertBundle, ssl caCertGroup, ssl certBundle, ssl certChain, ssl certFile, ssl certificateChain, ssl certKey, ssl certKeyBundle, ssl certLink, ssl cipher, ssl ciphersuite, ssl crl, ssl crlFile, ssl dhFile, ssl keyFile, ssl ocspResponder, ssl parameter, ssl policy, ssl profile, ssl service, ssl serviceGroup, ssl vserver, ssl zeroTouchParam.");
        insta::assert_snapshot!(read("show vserver v"), @"ERROR: Ambiguous command name [vserver] | vserver | Expected one of authentication vserver, cs vserver, lb vserver, ssl vserver, vpn vserver.");
        insta::assert_snapshot!(read("show gslb site"), @"ERROR: No such command [gslb] | gslb | Expected an object type that `show` takes; this one is not supported.");
        insta::assert_snapshot!(read("add ssl frob x"), @"ERROR: No such command [frob] | frob | Expected `ssl crl`.");
        insta::assert_snapshot!(read("link lb vserver v"), @"ERROR: No such command [lb] | lb | Expected one of add, bind, disable, enable, rename, rm, set, show, stat, unbind, unset before `lb vserver`.");
        insta::assert_snapshot!(read("add server s 192.0.2.1 extra"), @"ERROR: No such argument [extra] | extra | Expected an argument name that begins with -.");
        insta::assert_snapshot!(read("add server s 192.0.2.1 -td 1 -td 2"), @"ERROR: Argument has too many values [td] | 2 | Expected -td once.");
        insta::assert_snapshot!(read("bind ssl vserver v"), @"ERROR: Too few arguments |  | Expected one of -certkeyName, -cipherName, -eccCurveName, -CACertBundleName, -certkeyBundleName, -policyName.");
        insta::assert_snapshot!(read("bind ssl vserver v -certkeyName c -cipherName d"), @"ERROR: Arguments cannot both be specified [certkeyName, cipherName] | -cipherName | Expected either -certkeyName or -cipherName.");
        insta::assert_snapshot!(read("bind ssl vserver v -certkeyName c -CA -SNICert"), @"ERROR: Arguments cannot both be specified [CA, SNICert] |  | Keep one of the two.");
        insta::assert_snapshot!(read("bind ssl profile p -certkeyName c"), @"ERROR: Required argument missing [forgingCACertkey] |  | Expected -forgingCACertkey.");
        insta::assert_snapshot!(read("set lb vserver v"), @"ERROR: No arguments to set |  | Expected one of -IPAddress, -ipset, -persistenceType, -timeout, -persistenceBackup, -backupPersistenceTimeout, -lbMethod, -hashLength, -netmask, -v6netmasklen, -backupLBMethod, -cookieName, …");
        insta::assert_snapshot!(read("unset lb vserver v"), @"ERROR: Too few arguments |  | Expected one of -ipset, -persistenceType, -timeout, -persistenceBackup, -backupPersistenceTimeout, -lbMethod, -hashLength, -netmask, -v6netmasklen, -backupLBMethod, -cookieName, -rule, …");
        insta::assert_snapshot!(read("enable ns feature"), @"ERROR: Required argument missing [feature] |  | Expected one or more of WL, SP, LB, CS, CR, SC, CMP, PQ, SSL, GSLB, HDOSP, CF, IC, SSLVPN, AAA, OSPF, RIP, BGP, REWRITE, IPv6PT, AppFw, RESPONDER, HTMLInjection, PUSH, AppFlow, CloudBridge, ISIS, CH, AppQoE, ContentAccelerator, RISE, FEO, LSN, RDPProxy, Rep, URLFiltering, VideoOptimization, ForwardProxy, SSLInterception, AdaptiveTCP, CQA, CI, Bot, APIGateway for <feature>.");
        insta::assert_snapshot!(read("enable ns feature LB FROB"), @"ERROR: Invalid argument value [feature, FROB] | FROB | Expected one or more of WL, SP, LB, CS, CR, SC, CMP, PQ, SSL, GSLB, HDOSP, CF, IC, SSLVPN, AAA, OSPF, RIP, BGP, REWRITE, IPv6PT, AppFw, RESPONDER, HTMLInjection, PUSH, AppFlow, CloudBridge, ISIS, CH, AppQoE, ContentAccelerator, RISE, FEO, LSN, RDPProxy, Rep, URLFiltering, VideoOptimization, ForwardProxy, SSLInterception, AdaptiveTCP, CQA, CI, Bot, APIGateway for feature.");
        insta::assert_snapshot!(read("set lb monitor m HTTP -interval 5 HOURS"), @"ERROR: No such argument [HOURS] | HOURS | Expected an argument name that begins with -.");
    }
}
