//! The page that tells what every provider is tried with, and the guards that it is all of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::case::Case;
use super::subject::{Subject, subjects};
use super::table::{Standing, standing};

/// What every provider must be tried with, at the least.
const ASKED_FOR: [&str; 19] = [
    "present twice",
    "two values at one name",
    "withdraw one keeps the other",
    "withdraw of nothing",
    "cleanup by a fresh process without a receipt",
    "bad credentials not retried",
    "429 retried after its time",
    "5xx",
    "malformed JSON",
    "HTML instead of JSON",
    "timeout",
    "reset after the body was sent",
    "expired session",
    "a second page of results",
    "zone not found",
    "second-level public suffix",
    "very long names",
    "IDNA names",
    "somebody else's records",
];

/// `EVERCERT_BLESS=1` writes it.
const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/dns-conformance.md"
);

#[test]
fn every_provider_of_the_registry_is_tried() {
    // What a person writes is no exchange with anything.
    let registered: Vec<&str> = (evercert_dns::PROVIDERS.iter())
        .map(|one| one.code)
        .filter(|code| *code != "manual")
        .collect();
    let tried: Vec<&str> = subjects().iter().map(|subject| subject.code).collect();

    assert_eq!(tried, registered);
}

#[test]
fn every_case_that_was_asked_for_is_there_and_befalls_somebody() {
    let titles: Vec<&str> = Case::ALL.iter().map(|case| case.title()).collect();

    assert_eq!(titles[..ASKED_FOR.len()], ASKED_FOR);
    for case in Case::ALL {
        let all = subjects();
        let mut tried = all
            .iter()
            .filter(|one| standing(one, *case) == Standing::Applies);
        assert!(tried.next().is_some(), "{case:?}");
    }
}

#[test]
fn the_matrix_tells_every_provider_and_case() {
    let page = page();
    if std::env::var_os("EVERCERT_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
        return;
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(there == page, "EVERCERT_BLESS=1 writes the page anew");
}

/// Notes, numbered as they come.
#[derive(Default)]
struct Notes(Vec<&'static str>);

impl Notes {
    fn number(&mut self, note: &'static str) -> usize {
        if let Some(at) = self.0.iter().position(|known| *known == note) {
            return at + 1;
        }
        self.0.push(note);
        self.0.len()
    }
}

fn page() -> String {
    let (all, mut notes) = (subjects(), Notes::default());
    let mut page = String::from(HEAD);
    counts(&mut page, &all);
    page.push_str("\n## Provider by provider\n\n| Provider |");
    for number in 1..=Case::ALL.len() {
        write!(page, " {number} |").unwrap();
    }
    write!(page, "\n|---|{}\n", "---|".repeat(Case::ALL.len())).unwrap();
    for subject in &all {
        write!(page, "| `{}` |", subject.code).unwrap();
        for case in Case::ALL {
            let cell = match standing(subject, *case) {
                Standing::Applies => "✓".to_owned(),
                Standing::As(note) => format!("✓ <sup>{}</sup>", notes.number(note)),
                Standing::Not(note) => format!("– <sup>{}</sup>", notes.number(note)),
            };
            write!(page, " {cell} |").unwrap();
        }
        page.push('\n');
    }
    page.push_str("\n## Notes\n\n");
    for (number, note) in notes.0.iter().enumerate() {
        writeln!(page, "{}. {note}", number + 1).unwrap();
    }
    page
}

/// The cases with how many providers each is tried with.
fn counts(page: &mut String, all: &[Subject]) {
    let count = |case: Case, wanted: fn(Standing) -> bool| {
        let standings = all.iter().map(|subject| standing(subject, case));
        standings.filter(|standing| wanted(*standing)).count()
    };
    let kinds: [fn(Standing) -> bool; 3] = [
        |one| one == Standing::Applies,
        |one| matches!(one, Standing::As(_)),
        |one| matches!(one, Standing::Not(_)),
    ];
    let total = |wanted: fn(Standing) -> bool| -> usize {
        Case::ALL.iter().map(|case| count(*case, wanted)).sum()
    };
    writeln!(
        page,
        "{} providers and {} cases: {} times a case is tried as it is, {} times as the nearest thing to it, and {} times it \
         cannot come about.\n\n| | Case | as it is | nearest | cannot be |\n|---|---|---|---|---|",
        all.len(),
        Case::ALL.len(),
        total(kinds[0]),
        total(kinds[1]),
        total(kinds[2]),
    )
    .unwrap();
    for (number, case) in Case::ALL.iter().enumerate() {
        let [applies, nearest, not] = kinds.map(|kind| count(*case, kind));
        let title = case.title();
        writeln!(
            page,
            "| {} | {title} | {applies} | {nearest} | {not} |",
            number + 1
        )
        .unwrap();
    }
}

#[test]
fn no_provider_is_spared_without_a_reason() {
    let reasons: BTreeSet<&str> = subjects()
        .iter()
        .flat_map(|subject| Case::ALL.iter().map(|case| standing(subject, *case)))
        .filter_map(|standing| match standing {
            Standing::Not(reason) | Standing::As(reason) => Some(reason),
            Standing::Applies => None,
        })
        .collect();

    assert!(reasons.iter().all(|reason| reason.len() > 10));
}

const HEAD: &str = "# What every DNS provider is tried with

<!-- Written by the test `suite::matrix::the_matrix_tells_every_provider_and_case`: EVERCERT_BLESS=1 writes it anew. -->

One suite runs for every provider type (`cargo nextest run -p evercert-dns -E 'test(suite)'`). It speaks to a double of
the service, written from what is known of the real one: HTTP, signed DNS messages, zone files or programs. Records of
others stand beside ours in every case, at the same name too; a change of them fails the case, and so does a request that
nobody who knows the service would send. The tests run by the table that this page is written from. How much is known of
each service is in [the list of providers](dns-providers.md).

✓ is tried as it is, ✓ with a number as the nearest thing to it, – cannot come about; the numbers are those of the notes.

";
