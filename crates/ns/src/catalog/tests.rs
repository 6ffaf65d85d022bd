//! The table's own rules: sorted, unique, documented, and acceptable to its own validator.

use std::collections::BTreeSet;

use super::*;
use crate::catalog::resource::VerbRule;
use crate::verb::Verb;
use crate::{grammar, validate};

fn all_attributes() -> impl Iterator<Item = (String, &'static Attribute)> {
    RESOURCES.iter().flat_map(|resource| {
        let own = resource
            .attributes
            .iter()
            .map(|a| (format!("{} {}", resource.name, a.name), a));
        let bound = resource.bindings.iter().flat_map(|binding| {
            binding
                .attributes
                .iter()
                .map(|a| (format!("{} {}", binding.nitro, a.name), a))
        });
        own.chain(bound)
    })
}

#[test]
fn types_are_sorted_and_unique_in_both_languages() {
    let names: Vec<_> = RESOURCES
        .iter()
        .map(|r| r.name.to_ascii_lowercase())
        .collect();
    let nitro: BTreeSet<_> = RESOURCES.iter().map(|r| r.nitro).collect();

    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    assert_eq!(nitro.len(), RESOURCES.len());
}

#[test]
fn nitro_names_are_lower_case() {
    for resource in RESOURCES {
        let nitro = [resource.nitro];
        let bindings = resource.bindings.iter().map(|binding| binding.nitro);
        for name in nitro.into_iter().chain(bindings) {
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }
}

#[test]
fn everything_is_documented_in_one_sentence() {
    for resource in RESOURCES {
        assert!(
            resource.doc.ends_with(['.', ')']) && resource.doc.len() > 5,
            "{}",
            resource.name
        );
        for binding in resource.bindings {
            assert!(binding.doc.ends_with('.'), "{}", binding.nitro);
        }
    }
    for (name, attribute) in all_attributes() {
        assert!(
            attribute.doc.ends_with('.') && attribute.doc.len() > 3,
            "{name}"
        );
        assert!(attribute.doc.len() <= 90, "{name}");
    }
}

#[test]
fn every_default_is_valid_by_its_own_validator() {
    for (name, attribute) in all_attributes() {
        let Some(default) = attribute.default else {
            continue;
        };
        let value = validate::value(attribute, default).map(|value| value.words().concat());
        assert_eq!(value, Ok(default.to_owned()), "{name}");
    }
}

#[test]
fn attribute_names_are_unique_in_both_languages() {
    for resource in RESOURCES {
        let tables = std::iter::once(resource.attributes)
            .chain(resource.bindings.iter().map(|binding| binding.attributes));
        for table in tables {
            let names: BTreeSet<_> = table.iter().map(|a| a.name.to_ascii_lowercase()).collect();
            let fields: BTreeSet<_> = table.iter().map(|a| a.field()).collect();
            assert_eq!(names.len(), table.len(), "{}", resource.name);
            assert_eq!(fields.len(), table.len(), "{}", resource.name);
        }
    }
}

#[test]
fn names_in_the_table_lead_somewhere() {
    for described in RESOURCES {
        for main in described.companion_of {
            assert!(resource(main).is_some(), "{main}");
        }
        for binding in described.bindings {
            let has = |name: &str| binding.attributes.iter().any(|a| a.name == name);
            assert!(!binding.selectors.is_empty() && binding.selectors.iter().all(|n| has(n)));
            assert!(binding.identity.iter().all(|n| has(n)), "{}", binding.nitro);
        }
    }
    for (name, attribute) in all_attributes() {
        if let Kind::Reference { to, .. } = attribute.kind {
            assert!(to.iter().all(|target| resource(target).is_some()), "{name}");
        }
        if let Kind::Choice(choices) = attribute.kind {
            assert!(!choices.is_empty(), "{name}");
        }
        if let Kind::Integer { min, max } = attribute.kind {
            assert!(min < max, "{name}");
        }
    }
}

#[test]
fn dependencies_name_arguments_of_the_same_table() {
    for resource in RESOURCES {
        let tables = std::iter::once(resource.attributes)
            .chain(resource.bindings.iter().map(|binding| binding.attributes));
        for table in tables {
            for attribute in table {
                let others = attribute
                    .requires
                    .iter()
                    .chain(attribute.excludes)
                    .chain(attribute.tail.iter());
                for other in others {
                    assert!(
                        table.iter().any(|a| a.name == *other),
                        "{}: {other}",
                        resource.name
                    );
                }
            }
        }
    }
}

#[test]
fn verbs_are_sorted_and_each_attribute_has_one() {
    for resource in RESOURCES {
        let words: Vec<_> = resource
            .verbs
            .iter()
            .map(|rule: &VerbRule| rule.verb.word())
            .collect();
        assert!(
            words.windows(2).all(|pair| pair[0] < pair[1]),
            "{}: {words:?}",
            resource.name
        );
        for attribute in resource.attributes {
            let usable = Verb::ALL
                .iter()
                .any(|verb| resource.supports(*verb) && attribute.verbs.contains(*verb));
            assert!(usable, "{} {}", resource.name, attribute.name);
        }
    }
}

#[test]
fn a_required_or_positional_argument_may_be_given() {
    for resource in RESOURCES {
        for attribute in resource.attributes {
            for verb in resource.all_verbs().filter(|verb| !verb.is_binding()) {
                if attribute.required.contains(verb) || attribute.positional.contains(verb) {
                    assert!(
                        attribute.verbs.contains(verb),
                        "{} {} {verb}",
                        resource.name,
                        attribute.name
                    );
                }
            }
        }
    }
}

#[test]
fn required_positionals_come_before_optional_ones() {
    for resource in RESOURCES {
        for verb in resource.all_verbs() {
            let bindings: Vec<_> = if verb.is_binding() {
                resource.bindings.iter().map(Some).collect()
            } else {
                vec![None]
            };
            for binding in bindings {
                let required: Vec<bool> = resource
                    .attributes_for(verb, binding)
                    .filter(|a| a.positional.contains(verb))
                    .map(|a| a.required.contains(verb))
                    .collect();
                assert!(
                    required.is_sorted_by(|a, b| a >= b),
                    "{verb} {}",
                    resource.name
                );
            }
        }
    }
}

#[test]
fn builtins_are_sorted_and_are_commands() {
    assert!(BUILTINS.windows(2).all(|pair| pair[0].line < pair[1].line));
    for builtin in BUILTINS {
        let command = grammar::parse_line(builtin.line);
        assert!(command.is_ok(), "{}: {command:?}", builtin.line);
    }
}

#[test]
fn types_of_the_running_appliance_are_found_in_any_case() {
    assert_eq!(resource("SSL CERTKEY"), Some(&SSL_CERTKEY));
    assert_eq!(resource_by_nitro("SSLCertKey"), Some(&SSL_CERTKEY));
    assert_eq!(
        bindings_by_nitro("LBVSERVER_servicegroup_binding").count(),
        1
    );
    assert!(resource("gslb site").is_none());
}

#[test]
fn side_specific_settings_are_settings_of_a_profile() {
    for name in FRONT_END_ONLY.iter().chain(BACK_END_ONLY) {
        assert!(SSL_PROFILE.attribute(name).is_some(), "{name}");
    }
    assert!(FRONT_END_ONLY.is_sorted_by_key(|name| name.to_ascii_lowercase()));
    assert!(BACK_END_ONLY.is_sorted());
}
