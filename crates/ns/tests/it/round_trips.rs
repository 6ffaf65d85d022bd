//! What is written is read back: command line, ns.conf, NITRO, and the configuration as a whole.

use evercert_ns::catalog::{Attribute, Kind, RESOURCES, ResourceType, Save};
use evercert_ns::grammar::{parse_line, print};
use evercert_ns::model::Object;
use evercert_ns::nsconf::{self, Policy};
use evercert_ns::{Command, Config, Value, Verb, nitro, validate};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value as Json;

use crate::generate::{command, command_about_few, command_of, forms, smallest};

#[test]
fn the_smallest_command_of_every_form_goes_through_every_face() {
    for form in forms() {
        let command = smallest(form);
        let line = print(&command);

        assert_eq!(parse_line(&line).as_ref(), Ok(&command), "{line}");
        assert_eq!(
            nitro::from_request(&nitro::to_request(&command)),
            Ok(vec![command]),
            "{line}"
        );
    }
}

/// Some commands of every verb of every type, with every face.
#[test]
fn commands_of_every_form_go_through_every_face() {
    const CASES: u32 = 6;
    for form in forms() {
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(CASES)
        });
        let outcome = runner.run(&command_of(form), |command| {
            let line = print(&command);
            prop_assert_eq!(parse_line(&line), Ok(command.clone()), "{}", line);
            let parsed = nsconf::parse(&line);
            prop_assert_eq!(&parsed.commands, &[(1, command.clone())]);
            let request = nitro::to_request(&command);
            prop_assert_eq!(nitro::from_request(&request), Ok(vec![command]), "{}", line);
            Ok(())
        });
        assert!(outcome.is_ok(), "{form:?}: {}", outcome.unwrap_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_printed_command_is_read_back(command in command()) {
        let line = print(&command);

        prop_assert_eq!(parse_line(&line), Ok(command), "{}", line);
    }

    #[test]
    fn a_file_of_commands_is_read_back(commands in prop::collection::vec(command(), 0..6)) {
        let text: String = commands.iter().map(|command| print(command) + "\n").collect();

        let parsed = nsconf::parse(&text);

        prop_assert_eq!(parsed.errors, []);
        let read: Vec<_> = parsed.commands.into_iter().map(|(_, command)| command).collect();
        prop_assert_eq!(read, commands);
    }

    #[test]
    fn a_request_is_read_back(command in command()) {
        let request = nitro::to_request(&command);

        prop_assert_eq!(nitro::from_request(&request), Ok(vec![command]));
    }

    #[test]
    fn printing_for_logs_shows_no_secret(command in command()) {
        let masked = command.to_string();

        for (_, value) in command.values().iter() {
            if let Value::Secret(secret) = value
                && secret.expose().len() > 6
            {
                prop_assert!(!masked.contains(secret.expose().as_str()), "{}", masked);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_saved_configuration_makes_the_same_configuration(
        commands in prop::collection::vec(command_about_few(), 0..120),
    ) {
        let mut config = Config::new();
        for command in &commands {
            let before = config.clone();
            if config.apply(command).is_err() {
                prop_assert!(config == before, "refused: {}", command);
            }
        }

        let text = nsconf::print(&config);
        let loaded = nsconf::load(&text, Policy::Strict);

        prop_assert!(loaded.is_ok(), "{}\n{}", loaded.unwrap_err(), text);
        let again = loaded.unwrap().config;
        prop_assert_eq!(nsconf::print(&again), text.as_str());
        prop_assert!(again == config, "another configuration:\n{}", text);
        let views: Vec<_> = config.vservers().collect();
        prop_assert_eq!(again.vservers().collect::<Vec<_>>(), views);
    }

    #[test]
    fn an_object_as_json_makes_the_same_object(
        commands in prop::collection::vec(command_about_few(), 0..120),
    ) {
        let config = after(&commands);
        for object in all_objects(&config) {
            let resource = object.resource();
            if !resource.supports(Verb::Add) || object.is_factory() {
                continue;
            }
            let Json::Object(mut fields) = nitro::object_to_json(object) else {
                panic!("{resource:?}");
            };
            let addable = |field: &str| {
                let mut attributes = resource.attributes_for(Verb::Add, None);
                attributes.any(|attribute| attribute.has_field(field) || has_unit(attribute, field))
            };
            fields.retain(|field, _| addable(field));
            for (field, secret) in secrets_needed(resource) {
                fields.insert(field, secret.into());
            }
            let command = nitro::from_json(Verb::Add, resource.nitro, &Json::Object(fields));
            prop_assert!(command.is_ok(), "{}: {:?}", resource.name, command);
            let command = command.unwrap();
            for attribute in resource.attributes_for(Verb::Add, None) {
                if attribute.kind.is_secret() || attribute.save == Save::Never {
                    continue;
                }
                let again = command.value(attribute.name).cloned();
                prop_assert_eq!(again, object.effective(attribute.name), "{}", command);
            }
        }
    }

    #[test]
    fn unset_gives_an_attribute_its_default_again(
        commands in prop::collection::vec(command_about_few(), 0..120),
    ) {
        let config = after(&commands);
        for object in all_objects(&config) {
            let resource = object.resource();
            if !resource.supports(Verb::Unset) {
                continue;
            }
            let given = resource.attributes_for(Verb::Unset, None).filter(|attribute| {
                let says_which = attribute.is_key || attribute.positional.contains(Verb::Unset);
                !says_which && object.value(attribute.name).is_some()
            });
            for attribute in given {
                let mut command = Command::new(Verb::Unset, resource).with(attribute.name, Value::Flag);
                for key in resource.attributes_for(Verb::Unset, None) {
                    let needed = key.is_key || key.required.contains(Verb::Unset);
                    if let Some(value) = object.value(key.name).filter(|_| needed) {
                        command = command.with(key.name, value.clone());
                    }
                }
                let mut changed = config.clone();
                if changed.apply(&command).is_err() {
                    prop_assert!(changed == config, "refused: {}", command);
                    continue;
                }
                let now = changed.object(resource.name, &object.key());
                let value = now.and_then(|object| object.effective(attribute.name));
                let default = attribute.default.map(|word| validate::value(attribute, word));
                prop_assert_eq!(value.map(Ok), default, "{}", command);
            }
        }
    }
}

/// The configuration after those of the commands that can be carried out.
fn after(commands: &[Command]) -> Config {
    let mut config = Config::new();
    for command in commands {
        let _refused = config.apply(command);
    }
    config
}

fn all_objects(config: &Config) -> impl Iterator<Item = &Object> {
    RESOURCES
        .iter()
        .flat_map(|resource| config.objects(resource.name))
}

fn has_unit(attribute: &Attribute, field: &str) -> bool {
    matches!(attribute.kind, Kind::Interval { unit_field } if unit_field == field)
}

/// Secrets are not shown, and must be given again.
fn secrets_needed(resource: &ResourceType) -> Vec<(String, &'static str)> {
    resource
        .attributes
        .iter()
        .filter(|attribute| attribute.kind.is_secret() && attribute.required.contains(Verb::Add))
        .map(|attribute| (attribute.field(), "s3cret"))
        .collect()
}
