//! Help texts: verbs, synopses, arguments. All from the catalogue.

use crate::catalog::{Attribute, BindingType, Effect, Kind, OneOf, RESOURCES, ResourceType};
use crate::command::Verb;

/// The verbs, and the object types each takes.
pub fn overview() -> String {
    let mut text = String::from("A command is a verb, an object type, and arguments:\n");
    for verb in Verb::ALL {
        let names: Vec<_> = RESOURCES
            .iter()
            .filter(|r| r.supports(*verb))
            .map(|r| r.name)
            .collect();
        if !names.is_empty() {
            text.push_str(&format!("  {:<8} {}\n", verb.word(), names.join(", ")));
        }
    }
    text
}

/// How a verb of a resource type is written, one line for each thing that can be bound.
pub fn synopsis(verb: Verb, resource: &'static ResourceType) -> Vec<String> {
    if !resource.supports(verb) {
        return Vec::new();
    }
    if verb.is_binding() {
        return resource
            .bindings
            .iter()
            .map(|binding| synopsis_of(verb, resource, Some(binding)))
            .collect();
    }
    vec![synopsis_of(verb, resource, None)]
}

/// The synopses of a resource type and one line for each argument.
pub fn usage(verb: Verb, resource: &'static ResourceType) -> String {
    let mut text = format!("{}\n", resource.doc);
    for line in synopsis(verb, resource) {
        text.push_str(&format!("  {line}\n"));
    }
    let bindings: Vec<_> = if verb.is_binding() {
        resource.bindings.iter().map(Some).collect()
    } else {
        vec![None]
    };
    let mut told: Vec<&str> = Vec::new();
    for binding in bindings {
        for attribute in resource.attributes_for(verb, binding) {
            if !told.contains(&attribute.name) {
                told.push(attribute.name);
                text.push_str(&argument_line(verb, attribute));
            }
        }
    }
    text
}

/// One synopsis: `add lb vserver <name> <serviceType> [<IPAddress> [<port>]] [-lbMethod …]`.
pub(crate) fn synopsis_of(
    verb: Verb,
    resource: &'static ResourceType,
    binding: Option<&'static BindingType>,
) -> String {
    let mut line = format!("{verb} {}", resource.name);
    let mut open = 0;
    let places = resource
        .attributes_for(verb, binding)
        .filter(|a| a.positional.contains(verb))
        .count();
    for attribute in resource.attributes_for(verb, binding) {
        let required = attribute.required.contains(verb);
        let alternatives = resource
            .one_of
            .iter()
            .find(|rule| rule.verb == verb && rule.names.contains(&attribute.name));
        if let Some(rule) = alternatives {
            if rule.names.first() == Some(&attribute.name) {
                line.push_str(&format!(" {}", alternatives_of(rule, resource)));
            }
            continue;
        }
        if attribute.positional.contains(verb) {
            let several_names = verb == Verb::Rm && places == 1;
            let dots = if attribute.kind.is_repeated() || several_names {
                " ..."
            } else {
                ""
            };
            let bracket = if required { "" } else { "[" };
            open += usize::from(!required);
            line.push_str(&format!(" {bracket}<{}>{dots}", attribute.name));
            continue;
        }
        line.push_str(&"]".repeat(std::mem::take(&mut open)));
        let value = match value_shape(attribute) {
            _ if verb == Verb::Unset => String::new(),
            shape if shape.is_empty() => shape,
            shape => format!(" {shape}"),
        };
        if required || binding.is_some_and(|b| b.selectors.contains(&attribute.name)) {
            line.push_str(&format!(" -{}{value}", attribute.name));
        } else {
            line.push_str(&format!(" [-{}{value}]", attribute.name));
        }
    }
    line.push_str(&"]".repeat(open));
    line
}

/// `( <sid> | -all )`.
fn alternatives_of(rule: &OneOf, resource: &'static ResourceType) -> String {
    let each: Vec<String> = rule
        .names
        .iter()
        .filter_map(|name| resource.attribute(name))
        .map(|attribute| {
            if attribute.positional.contains(rule.verb) {
                let dots = if attribute.kind.is_repeated() {
                    " ..."
                } else {
                    ""
                };
                return format!("<{}>{dots}", attribute.name);
            }
            match value_shape(attribute) {
                shape if shape.is_empty() => format!("-{}", attribute.name),
                shape => format!("-{} {shape}", attribute.name),
            }
        })
        .collect();
    format!("( {} )", each.join(" | "))
}

/// What may be written for the attribute, in words: `one of ENABLED, DISABLED`.
pub(crate) fn expectation(attribute: &Attribute) -> String {
    if let Some((fewest, most)) = attribute.length {
        let what = if attribute.kind.is_secret() {
            "a secret"
        } else {
            "text"
        };
        return match (fewest, most) {
            (0 | 1, most) => format!("{what} of up to {most} characters"),
            (fewest, most) if fewest == most => format!("{what} of {most} characters"),
            (fewest, most) => format!("{what} of {fewest} to {most} characters"),
        };
    }
    match attribute.kind {
        Kind::Choice(choices) => format!("one of {}", choices.join(", ")),
        Kind::Content => "a file's contents in base64".to_owned(),
        Kind::Domain => "a domain name".to_owned(),
        Kind::Expression => "an expression".to_owned(),
        Kind::Flag => "no value".to_owned(),
        Kind::Host { .. } => "an address or a name".to_owned(),
        Kind::Integer { min, max } => format!("a number from {min} to {max}"),
        Kind::Interval { .. } => "a number and MSEC, SEC or MIN".to_owned(),
        Kind::Ip => "an IPv4 or IPv6 address".to_owned(),
        Kind::List([]) => "one or more words".to_owned(),
        Kind::List(words) => format!("one or more of {}", words.join(", ")),
        Kind::Name(max) => format!("a name of up to {max} characters"),
        Kind::OptionalSecret | Kind::Secret => "a secret".to_owned(),
        Kind::Port => "a port from 0 to 65535, or *".to_owned(),
        Kind::Reference { to, or: [] } => format!("the name of a {}", to.join(" or ")),
        Kind::Reference { to, or } => {
            format!("the name of a {}, or {}", to.join(" or "), or.join(", "))
        }
        Kind::Text(max) => format!("text of up to {max} characters"),
    }
}

fn argument_line(verb: Verb, attribute: &Attribute) -> String {
    let dash = if attribute.positional.contains(verb) {
        ""
    } else {
        "-"
    };
    let unit = attribute
        .unit
        .map(|unit| format!(", in {unit}"))
        .unwrap_or_default();
    let default = attribute
        .default
        .map(|value| format!("; default {value}"))
        .unwrap_or_default();
    let stored = match attribute.effect {
        Effect::Acts => "",
        Effect::Stored => " (kept only)",
    };
    format!(
        "    {:<28} {} {}{unit}{default}{stored}\n",
        format!("{dash}{}", attribute.name),
        attribute.doc,
        capitalised(&expectation(attribute)),
    )
}

fn value_shape(attribute: &Attribute) -> String {
    match attribute.kind {
        Kind::Choice(choices) if choices.len() <= 4 => format!("( {} )", choices.join(" | ")),
        Kind::Flag => String::new(),
        Kind::List(_) => format!("<{}> ...", attribute.name),
        Kind::OptionalSecret => format!("[<{}>]", attribute.name),
        _ => format!("<{}>", attribute.name),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{LB_VSERVER, NS_FEATURE, SSL_CERTKEY, SSL_PROFILE, SSL_VSERVER};

    #[test]
    fn synopses_show_what_is_optional() {
        insta::assert_snapshot!(synopsis(Verb::Link, &SSL_CERTKEY).join("\n"), @"link ssl certKey <certkeyName> <linkCertKeyName>");
        insta::assert_snapshot!(synopsis(Verb::Enable, &NS_FEATURE).join("\n"), @"enable ns feature <feature> ...");
        insta::assert_snapshot!(synopsis(Verb::Bind, &SSL_VSERVER).join("\n"), @"
    bind ssl vserver <vServerName> -certkeyName <certkeyName> [-CA] [-crlCheck ( Mandatory | Optional )] [-ocspCheck ( Mandatory | Optional )] [-skipCAName] [-SNICert]
    bind ssl vserver <vServerName> -cipherName <cipherName> [-cipherPriority <cipherPriority>]
    bind ssl vserver <vServerName> -eccCurveName <eccCurveName>
    bind ssl vserver <vServerName> -CACertBundleName <CACertBundleName> [-skipCACertBundle]
    bind ssl vserver <vServerName> -certkeyBundleName <certkeyBundleName> [-SNICertkeybundle]
    bind ssl vserver <vServerName> -policyName <policyName> [-priority <priority>] [-gotoPriorityExpression <gotoPriorityExpression>] [-type ( INTERCEPT_REQ | REQUEST | CLIENTHELLO_REQ )] [-invoke] [-labelType ( reqvserver | resvserver | policylabel | vserver )] [-labelName <labelName>]
");
        insta::assert_snapshot!(synopsis(Verb::Unbind, &SSL_PROFILE).join("\n"), @"
    unbind ssl profile <name> -cipherName <cipherName> [-cipherPriority <cipherPriority>]
    unbind ssl profile <name> -eccCurveName <eccCurveName>
    unbind ssl profile <name> -CACertBundleName <CACertBundleName> [-skipCACertBundle]
    unbind ssl profile <name> -certkeyName <certkeyName> -forgingCACertkey
    unbind ssl profile <name> -ssliCACertkey <ssliCACertkey>
");
        insta::assert_snapshot!(synopsis(Verb::Add, &LB_VSERVER)[0].chars().take(120).collect::<String>(), @"add lb vserver <name> <serviceType> [<IPAddress> [<port>]] [-ipset <ipset>] [-range <range>] [-persistenceType <persiste");
    }

    #[test]
    fn a_verb_the_type_does_not_have_has_no_synopsis() {
        assert!(synopsis(Verb::Link, &LB_VSERVER).is_empty());
    }

    #[test]
    fn usage_explains_every_argument_once() {
        insta::assert_snapshot!(usage(Verb::Bind, &SSL_VSERVER), @"
    SSL settings of a virtual server of type SSL or SSL_TCP.
      bind ssl vserver <vServerName> -certkeyName <certkeyName> [-CA] [-crlCheck ( Mandatory | Optional )] [-ocspCheck ( Mandatory | Optional )] [-skipCAName] [-SNICert]
      bind ssl vserver <vServerName> -cipherName <cipherName> [-cipherPriority <cipherPriority>]
      bind ssl vserver <vServerName> -eccCurveName <eccCurveName>
      bind ssl vserver <vServerName> -CACertBundleName <CACertBundleName> [-skipCACertBundle]
      bind ssl vserver <vServerName> -certkeyBundleName <certkeyBundleName> [-SNICertkeybundle]
      bind ssl vserver <vServerName> -policyName <policyName> [-priority <priority>] [-gotoPriorityExpression <gotoPriorityExpression>] [-type ( INTERCEPT_REQ | REQUEST | CLIENTHELLO_REQ )] [-invoke] [-labelType ( reqvserver | resvserver | policylabel | vserver )] [-labelName <labelName>]
        vServerName                  Name of the virtual server. The name of a authentication vserver or cs vserver or lb vserver or vpn vserver
        -certkeyName                 Certificate. The name of a ssl certKey
        -CA                          It verifies the other side. No value
        -crlCheck                    Check the CA's CRL. One of Mandatory, Optional
        -ocspCheck                   Check by OCSP. One of Mandatory, Optional
        -skipCAName                  Do not name the CA to clients. No value
        -SNICert                     It is chosen by SNI. No value
        -cipherName                  Cipher or cipher group. Text of up to 255 characters (kept only)
        -cipherPriority              Place in the list. A number from 1 to 1000 (kept only)
        -eccCurveName                Elliptic curve. One of ALL, P_224, P_256, P_384, P_521, X_25519 (kept only)
        -CACertBundleName            Bundle of CA certificates. The name of a ssl caCertBundle
        -skipCACertBundle            Do not name its CAs to clients. No value
        -certkeyBundleName           Bundle. The name of a ssl certKeyBundle
        -SNICertkeybundle            It is chosen by SNI. No value
        -policyName                  SSL policy. The name of a ssl policy (kept only)
        -priority                    Lower numbers are looked at first. A number from 0 to 64000 (kept only)
        -gotoPriorityExpression      What follows a match. Text of up to 255 characters (kept only)
        -type                        When it is looked at. One of INTERCEPT_REQ, REQUEST, CLIENTHELLO_REQ (kept only)
        -invoke                      After a match, go on with other policies. No value (kept only)
        -labelType                   Where the other policies are. One of reqvserver, resvserver, policylabel, vserver (kept only)
        -labelName                   Name of that label or virtual server. Text of up to 255 characters (kept only)
");
    }

    #[test]
    fn the_overview_names_every_type() {
        let text = overview();

        for resource in RESOURCES {
            assert!(text.contains(resource.name), "{}", resource.name);
        }
    }
}
