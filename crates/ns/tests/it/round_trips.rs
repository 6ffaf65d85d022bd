//! What is written is read back: command line, ns.conf, NITRO, and the configuration as a whole.

use evercert_ns::grammar::{parse_line, print};
use evercert_ns::nsconf::{self, Policy};
use evercert_ns::{Config, nitro};
use proptest::prelude::*;

use crate::generate::{command, command_about_few, forms, smallest};

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
            if let evercert_ns::Value::Secret(secret) = value
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
        prop_assert_eq!(nsconf::print(&again), text);
        let views: Vec<_> = config.vservers().collect();
        prop_assert_eq!(again.vservers().collect::<Vec<_>>(), views);
    }
}
