//! What may come next on a line that is being typed.

use crate::catalog::{Attribute, Kind, RESOURCES, ResourceType};
use crate::command::Verb;
use crate::grammar::help;
use crate::grammar::lexer::{Token, quote, tokenize};
use crate::grammar::lookup::{self, Found};

/// One way to go on: the whole word to put in place of the last one, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word, quoted if it needs to be.
    pub text: String,
    /// One sentence.
    pub doc: String,
}

/// The words that may complete the line, without knowing what is configured.
pub fn complete(line: &str) -> Vec<Candidate> {
    complete_with(line, &|_| Vec::new())
}

/// The words that may complete the line; `names` tells the names of a resource type's objects.
pub fn complete_with(line: &str, names: &dyn Fn(&str) -> Vec<String>) -> Vec<Candidate> {
    let Ok(mut tokens) = tokenize(line) else {
        return Vec::new();
    };
    let new_word = line.is_empty() || line.ends_with(char::is_whitespace);
    let partial = if new_word { None } else { tokens.pop() };
    let start = partial.map(|token| token.text).unwrap_or_default();
    let mut candidates = candidates(&tokens, names);
    candidates.retain(|candidate| begins(&candidate.text, &start));
    candidates
}

fn candidates(tokens: &[Token], names: &dyn Fn(&str) -> Vec<String>) -> Vec<Candidate> {
    let Some(first) = tokens.first() else {
        return verbs();
    };
    let Found::One(verb) = lookup::verb(&first.text) else {
        return Vec::new();
    };
    let words: Vec<_> = tokens[1..].iter().map(|t| t.text.as_str()).collect();
    match lookup::resource(verb, &words) {
        Found::One((resource, used)) => arguments(verb, resource, &tokens[1 + used..], names),
        _ if words.len() <= 1 => types(verb, words.first().copied()),
        _ => Vec::new(),
    }
}

fn verbs() -> Vec<Candidate> {
    Verb::ALL
        .iter()
        .filter(|verb| RESOURCES.iter().any(|r| r.supports(**verb)))
        .map(|verb| candidate(verb.word(), "Verb."))
        .collect()
}

/// Group words and ungrouped types; after a group word, the nouns of the group.
fn types(verb: Verb, group: Option<&str>) -> Vec<Candidate> {
    let known = RESOURCES.iter().filter(|r| r.supports(verb));
    if let Some(group) = group {
        return known
            .filter(|r| r.name.contains(' ') && begins(r.group(), group))
            .map(|r| candidate(r.noun(), r.doc))
            .collect();
    }
    let mut found: Vec<Candidate> = Vec::new();
    for resource in known {
        let (word, doc) = match resource.name.split_once(' ') {
            Some((group, _)) => (group, "Group of object types."),
            None => (resource.name, resource.doc),
        };
        if !found.iter().any(|have| have.text == word) {
            found.push(candidate(word, doc));
        }
    }
    found
}

fn arguments(
    verb: Verb,
    resource: &'static ResourceType,
    tokens: &[Token],
    names: &dyn Fn(&str) -> Vec<String>,
) -> Vec<Candidate> {
    let mut attributes: Vec<&'static Attribute> = Vec::new();
    let bindings: Vec<_> = if verb.is_binding() {
        resource.bindings.iter().map(Some).collect()
    } else {
        vec![None]
    };
    for attribute in bindings
        .into_iter()
        .flat_map(|binding| resource.attributes_for(verb, binding))
    {
        if !attributes.iter().any(|have| have.name == attribute.name) {
            attributes.push(attribute);
        }
    }
    let place = Place::after(verb, &attributes, tokens);
    if let Some(attribute) = place.value_of {
        return values(attribute, names);
    }
    let positional = place.positional.map(|attribute| {
        let existing = attribute.is_key && matches!(attribute.kind, Kind::Name(_));
        if existing && verb != Verb::Add {
            let own = names(resource.name);
            own.iter()
                .map(|name| candidate(&quote(name), resource.doc))
                .collect()
        } else {
            values(attribute, names)
        }
    });
    let named = attributes
        .iter()
        .filter(|a| !a.positional.contains(verb) && !place.given.contains(&a.name))
        .map(|a| candidate(&format!("-{}", a.name), a.doc));
    positional.into_iter().flatten().chain(named).collect()
}

/// Where in the arguments the line has come to.
struct Place {
    value_of: Option<&'static Attribute>,
    positional: Option<&'static Attribute>,
    given: Vec<&'static str>,
}

impl Place {
    fn after(verb: Verb, attributes: &[&'static Attribute], tokens: &[Token]) -> Self {
        let mut positional = attributes
            .iter()
            .copied()
            .filter(|a| a.positional.contains(verb))
            .peekable();
        let mut place = Self {
            value_of: None,
            positional: None,
            given: Vec::new(),
        };
        for token in tokens {
            if let Some(name) = token.option() {
                let named = attributes.iter().map(|a| (*a, a.name));
                let found = match lookup::by_prefix(named, name) {
                    Found::One(attribute) => Some(attribute),
                    _ => None,
                };
                place.given.extend(found.map(|a| a.name));
                let flag = |a: &&Attribute| verb == Verb::Unset || matches!(a.kind, Kind::Flag);
                place.value_of = found.filter(|a| !flag(a));
            } else if place.value_of.is_some_and(|a| a.kind.is_repeated()) {
                // A list goes on until the next argument name.
            } else if place.value_of.take().is_none()
                && !positional.peek().is_some_and(|a| a.kind.is_repeated())
            {
                positional.next();
            }
        }
        place.positional = positional.next();
        place
    }
}

fn values(attribute: &'static Attribute, names: &dyn Fn(&str) -> Vec<String>) -> Vec<Candidate> {
    match attribute.kind {
        Kind::Choice(words) | Kind::List(words) => words
            .iter()
            .map(|word| candidate(word, attribute.doc))
            .collect(),
        Kind::Reference { to, or } => to
            .iter()
            .flat_map(|resource| names(resource))
            .map(|name| candidate(&quote(&name), attribute.doc))
            .chain(or.iter().map(|word| candidate(word, attribute.doc)))
            .collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .chain(hint(attribute))
    .collect()
}

/// A place-holder such as `<port>` where nothing can be completed, so that people see what is wanted.
fn hint(attribute: &'static Attribute) -> Option<Candidate> {
    let completes = matches!(
        attribute.kind,
        Kind::Choice(_) | Kind::List(&[_, ..]) | Kind::Reference { .. }
    );
    (!completes).then(|| {
        candidate(
            &format!("<{}>", attribute.name),
            &format!("{} {}", attribute.doc, help::expectation(attribute)),
        )
    })
}

fn candidate(text: &str, doc: &str) -> Candidate {
    Candidate {
        text: text.to_owned(),
        doc: doc.to_owned(),
    }
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> String {
        let names = |resource: &str| match resource {
            "ssl certKey" => vec!["web1".to_owned(), "my cert".to_owned()],
            _ => Vec::new(),
        };
        let texts: Vec<_> = complete_with(line, &names)
            .into_iter()
            .map(|candidate| candidate.text)
            .collect();
        texts.join(" ")
    }

    #[test]
    fn verbs_and_types_are_completed() {
        insta::assert_snapshot!(words("un"), @"unbind unlink unset");
        insta::assert_snapshot!(words("add "), @"authentication contentInspection cs dns HA lb ns policy responder route server service serviceGroup ssl system vpn");
        insta::assert_snapshot!(words("add ssl "), @"action caCertBundle caCertGroup certificateChain certKey certKeyBundle cipher crl ocspResponder policy profile");
        insta::assert_snapshot!(words("show ssl v"), @"vserver");
    }

    #[test]
    fn arguments_and_their_values_are_completed() {
        insta::assert_snapshot!(words("add lb vserver v "), @"ADNS ADNS_TCP ANY DHCPRA DIAMETER DNS DNS_TCP DTLS FIX FTP GRE HTTP HTTP_QUIC IPFIX LOGSTREAM LOGSTREAM_SSL MONGO MONGO_TLS MQTT MQTT_TLS MSSQL MYSQL NNTP ORACLE PPTP PROXY QUIC QUIC_BRIDGE RADIUS RADIUSListener RDP RPCSVR RTSP SIP_SSL SIP_TCP SIP_UDP SMPP SNMP SSL SSL_BRIDGE SSL_DIAMETER SSL_FIX SSL_TCP SYSLOGTCP SYSLOGUDP TCP TFTP UDP USER_SSL_TCP USER_TCP -ipset -range -persistenceType -timeout -persistenceBackup -backupPersistenceTimeout -lbMethod -hashLength -netmask -v6netmasklen -backupLBMethod -cookieName -rule -Listenpolicy -Listenpriority -resRule -persistMask -v6persistmasklen -rtspNat -m -tosId -dataLength -dataOffset -sessionless -trofsPersistence -state -connfailover -redirectURL -cacheable -cltTimeout -soMethod -soPersistence -soPersistenceTimeOut -healthThreshold -soThreshold -soBackupAction -redirectPortRewrite -downStateFlush -backupVServer -disablePrimaryOnDown -insertVserverIPPort -vipHeader -AuthenticationHost -Authentication -authn401 -authnVsName -authnProfile -push -pushVserver -pushLabel -pushMultiClients -tcpProfileName -httpProfileName -dbProfileName -comment -l2Conn -appflowLog -netProfile -icmpVsrResponse -RHIstate -newServiceRequest -newServiceRequestUnit -newServiceRequestIncrementInterval -minAutoscaleMembers -maxAutoscaleMembers -skippersistency -td -macmodeRetainvlan -processLocal -dnsProfileName -lbprofilename -redirectFromPort -httpsRedirectUrl -retainConnectionsOnCluster -quicProfileName -tcpProbePort -probeProtocol -probePort -apiProfile");
        insta::assert_snapshot!(words("bind ssl vserver v -"), @"-certkeyName -CA -crlCheck -ocspCheck -skipCAName -SNICert -cipherName -cipherPriority -eccCurveName -CACertBundleName -skipCACertBundle -certkeyBundleName -SNICertkeybundle -policyName -priority -gotoPriorityExpression -type -invoke -labelType -labelName");
        insta::assert_snapshot!(words("bind ssl vserver v -certkeyName "), @r#"web1 "my cert""#);
        insta::assert_snapshot!(words("bind ssl vserver v -certkeyName web1 -s"), @"-skipCAName -SNICert -skipCACertBundle -SNICertkeybundle");
        insta::assert_snapshot!(words("set ssl vserver v -tls13 en"), @"ENABLED");
        insta::assert_snapshot!(words("enable ns feature LB S"), @"SP SC SSL SSLVPN SSLInterception");
        insta::assert_snapshot!(words("add server s "), @"<IPAddress> -translationIp -translationMask -domainResolveRetry -state -ipv6Address -comment -td -queryType");
    }

    #[test]
    fn a_line_that_makes_no_sense_completes_to_nothing() {
        assert_eq!(words("frob "), "");
        assert_eq!(words("add \"x"), "");
    }
}
