//! The cases, each a test that runs for every provider type it can befall.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};

use super::cases;
use super::scene::Scene;
use super::subject::{Subject, subjects};
use super::table::{Standing, standing};

/// Providers that are tried at the same time: all, since most of a case is waiting.
const AT_ONCE: usize = 100;
/// What a provider may take for a case on a busy machine.
const LONGEST: Duration = Duration::from_secs(100);

/// Declares the cases: name, what the matrix calls it, whether it was asked for, the test, and the function.
macro_rules! cases {
    ($($case:ident, $title:literal, $test:ident, $run:path;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Case { $($case),* }

        impl Case {
            pub(crate) const ALL: &[Self] = &[$(Self::$case),*];

            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$case => $title),* }
            }
        }

        $(#[tokio::test]
        async fn $test() {
            each(Case::$case, async |scene: &mut Scene| $run(scene).await).await;
        })*
    };
}

cases! {
    PublishedTwice, "present twice", a_value_published_twice_is_there_once, cases::values::published_twice;
    TwoValues, "two values at one name", two_values_stand_at_one_name, cases::values::two_values;
    OneWithdrawn, "withdraw one keeps the other", withdrawing_one_value_keeps_the_other, cases::values::one_withdrawn;
    Nothing, "withdraw of nothing", withdrawing_what_is_not_there_changes_nothing, cases::values::nothing_to_withdraw;
    FreshProcess, "cleanup by a fresh process without a receipt", a_fresh_process_withdraws_without_a_receipt, cases::values::fresh_process;
    Credentials, "bad credentials not retried", bad_credentials_are_told_once_and_not_shown, cases::access::bad_credentials;
    Busy, "429 retried after its time", a_busy_service_is_asked_again_after_the_time_it_names, cases::failures::busy;
    Failing, "5xx", a_failing_service_is_told_as_it_is_and_no_change_is_sent_twice_blindly, cases::failures::failing;
    Malformed, "malformed JSON", half_an_answer_is_no_answer, cases::answers::malformed;
    Html, "HTML instead of JSON", a_page_for_people_is_no_answer, cases::answers::page;
    Timeout, "timeout", silence_ends_in_an_error_in_time, cases::failures::silence;
    Reset, "reset after the body was sent", a_reset_after_the_body_was_sent_leaves_one_record, cases::failures::reset;
    SessionOver, "expired session", a_session_that_is_over_is_opened_again, cases::access::session_over;
    SecondPage, "a second page of results", long_lists_are_read_to_the_end, cases::answers::second_page;
    NoZone, "zone not found", a_zone_that_is_not_there_is_told, cases::names::no_zone;
    PublicSuffix, "second-level public suffix", the_longest_zone_is_chosen_also_below_a_public_suffix_of_two_labels, cases::names::public_suffix;
    LongName, "very long names", a_name_of_253_octets_is_published, cases::names::long_name;
    Idna, "IDNA names", a_name_in_idna_form_is_published, cases::names::idna;
    Others, "somebody else's records", records_of_others_that_look_like_ours_stay, cases::values::others;
    FirstAndLast, "first and last value of a name", the_first_value_of_a_name_makes_its_set_and_the_last_one_takes_it_away, cases::values::first_and_last;
    ManyWriters, "many writers of one name", many_writers_of_one_name_lose_nothing, cases::values::many_writers;
    LostAnswer, "answer broken off", an_answer_that_breaks_off_leaves_one_record, cases::failures::lost_answer;
    Noise, "wrong charset", octets_that_are_no_text_are_no_answer, cases::answers::noise;
    Flood, "huge body", an_endless_answer_is_not_read_to_its_end, cases::answers::flood;
    Redirect, "redirect to another host", a_redirect_to_another_host_is_not_followed, cases::access::redirect;
}

/// Runs a case for each provider type, many at a time; tells all that failed.
async fn each(case: Case, run: impl AsyncFn(&mut Scene)) {
    let try_one = async |subject: Subject| {
        let mut scene = Scene::new(subject).await;
        run(&mut scene).await;
        scene.nobody_else_was_touched();
    };
    let told = async |subject: Subject| {
        let tried = tokio::time::timeout(LONGEST, try_one(subject));
        match AssertUnwindSafe(tried).catch_unwind().await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(format!("{} (not within {LONGEST:?})", subject.code)),
            Err(_) => Some(subject.code.to_owned()),
        }
    };
    let applies = |subject: &Subject| !matches!(standing(subject, case), Standing::Not(_));
    let outcomes = futures_util::stream::iter(subjects().into_iter().filter(applies).map(told))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    assert!(!outcomes.is_empty());
    let failed: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(
        failed.is_empty(),
        "{}: failed: {}",
        case.title(),
        failed.join(", ")
    );
}
