//! Nothing that is typed, uploaded or read can make the parsers panic.

use evercert_ns::nsconf::{self, Policy};
use evercert_ns::{Verb, grammar, nitro};
use proptest::prelude::*;

use crate::generate::command;

/// A valid line with some characters replaced, dropped or put in.
fn damaged_line() -> impl Strategy<Value = String> {
    let damage =
        prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3_u8), 1..4);
    (command(), damage).prop_map(|(command, damage)| {
        let mut characters: Vec<char> = grammar::print(&command).chars().collect();
        for (index, c, what) in damage {
            let at = index.index(characters.len());
            match what {
                0 => characters[at] = c,
                1 => characters.insert(at, c),
                _ => characters.truncate(at.max(1)),
            }
        }
        characters.into_iter().collect()
    })
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        let field = prop_oneof![
            "[a-z]{1,6}",
            Just("name".to_owned()),
            Just("port".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::btree_map(field, inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_line_makes_the_parser_panic(line in prop_oneof!["\\PC*", damaged_line()]) {
        match grammar::parse_line(&line) {
            Ok(command) => prop_assert_eq!(grammar::parse_line(&grammar::print(&command)), Ok(command)),
            Err(fault) => {
                prop_assert!(line.get(fault.span()).is_some());
                prop_assert!(!fault.remedy().is_empty());
            }
        }
        let _masked = grammar::mask_line(&line);
        let _candidates = grammar::complete(&line);
    }

    #[test]
    fn no_file_makes_the_loader_panic(
        lines in prop::collection::vec(prop_oneof!["\\PC*", damaged_line()], 0..8),
    ) {
        let text = lines.join("\n");

        let loaded = nsconf::load(&text, Policy::Skip);

        prop_assert!(loaded.is_ok());
    }

    #[test]
    fn no_json_makes_the_reader_panic(fields in json(), which in any::<prop::sample::Index>()) {
        let resources = evercert_ns::catalog::RESOURCES;
        let resource = resources[which.index(resources.len())];

        let read = nitro::from_json(Verb::Add, resource.nitro, &fields);

        if let Ok(command) = read {
            prop_assert_eq!(grammar::parse_line(&grammar::print(&command)), Ok(command));
        }
    }
}
