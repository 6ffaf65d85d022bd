//! One suite of behaviours, run on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod opening;
mod suite;

/// Expands to one test per function of the suite on SQLite, and to one test of all of it on PostgreSQL.
macro_rules! suite {
    ($($module:ident :: { $($name:ident),* $(,)? }),* $(,)?) => {
        mod sqlite {
            $($(#[tokio::test]
            async fn $name() {
                let scene = crate::suite::Scene::sqlite().await;
                crate::suite::$module::$name(&scene).await;
            })*)*
        }
        mod postgres {
            /// One server for all of it: starting one takes longer than the suite.
            #[tokio::test]
            async fn the_same_suite() {
                let server = evercert_testkit::start_or_skip!(
                    evercert_testkit::Postgres::start().await
                );
                $($(
                    println!("{}::{}", stringify!($module), stringify!($name));
                    let scene = crate::suite::Scene::postgres(&server).await;
                    crate::suite::$module::$name(&scene).await;
                    scene.db.close().await;
                )*)*
            }
        }
    };
}

suite! {
    core::{
        migrations_are_idempotent,
        another_master_key_is_refused_at_start,
        sealed_values_open_after_reopening,
        read_modify_writes_do_not_collide,
        a_dropped_unit_of_work_changes_nothing,
        a_step_is_there_for_others_once_committed_and_gone_when_dropped,
    },
    jobs::{
        each_job_is_claimed_once_under_contention,
        a_job_is_planned_once_and_the_earlier_time_wins,
        an_expired_lease_is_claimed_by_another,
        own_leases_are_released_at_start,
        a_lost_lease_cannot_be_finished_or_renewed,
    },
    leases::{
        one_owner_holds_a_lease,
        an_expired_lease_changes_hands,
        own_leases_are_given_up_by_prefix,
    },
    challenges::{
        responses_take_revisions_and_are_found_by_what_a_ca_asks_for,
        a_response_that_is_published_again_stays_as_it_is,
        responses_of_no_running_order_are_swept,
        the_revision_never_falls_behind_the_clock,
        manual_challenges_are_confirmed_once_asked_for,
    },
    ledger::{
        a_bucket_is_never_overdrawn_by_several_consoles,
        tokens_come_back_and_the_ca_s_word_comes_first,
        an_issuance_is_remembered_by_its_names,
    },
    plans::{
        planned_hours_are_counted_for_each_vendor,
        planned_renewals_come_in_pages_that_fit_together,
        what_expires_first_is_ordered_first,
        a_change_asks_for_a_new_plan,
        useless_answers_about_renewal_are_counted,
    },
    certificates::{
        a_certificate_is_read_back,
        certificates_are_listed_by_bytes_and_searched_in_any_case,
        the_same_names_in_any_order_are_duplicates,
        a_version_in_force_starts_a_new_plan,
        a_versions_key_is_sealed_and_opens,
        old_versions_go_but_never_the_one_in_force,
        what_is_due_waits_after_a_failure_until_its_time_or_an_edit,
        vendors_keep_their_secrets_and_are_not_removed_in_use,
        a_registration_keeps_the_key_of_its_first_attempt,
        an_account_is_replaced_and_changes_its_key_once_at_a_time,
        a_vendors_certificates_tell_their_lifetimes_and_issuers,
    },
    issue::{
        a_key_is_laid_down_sealed_and_taken_away,
        a_slot_goes_and_its_versions_stay,
        addresses_count_among_the_same_names,
        copies_of_a_leaf_are_found_in_every_certificate,
        certificates_are_found_by_what_their_terms_name,
    },
    listing::{
        every_condition_of_a_list_restricts_it,
        pages_fit_together_in_every_order,
        a_list_shows_keys_versions_and_running_orders,
        certificates_with_the_same_names_are_grouped,
    },
    order_log::{
        attempts_are_filtered_and_paged,
        old_attempts_go_but_the_newest_stays,
        what_a_long_log_takes_to_list,
    },
    revocations::{
        a_revocation_is_read_back_and_asked_for_once,
        a_revocation_waits_while_its_version_is_in_force,
        a_revocation_without_a_job_is_found,
    },
    orders::{
        an_order_is_read_back_and_runs_alone,
        of_two_workers_one_moves_an_order_on,
        steps_leave_what_they_found_and_the_key_goes_at_the_end,
        two_running_orders_never_share_a_url,
        an_order_without_a_job_is_found,
        a_due_slot_with_a_running_order_is_left_alone,
        authorizations_are_replaced_by_url,
        the_longest_mapped_domain_decides,
        the_journal_outlives_order_and_certificate,
        a_shared_value_is_left_to_the_last,
        the_one_value_of_a_provider_belongs_to_one_order,
        the_few_places_at_a_name_belong_to_one_order,
        the_first_account_of_a_domain_stands,
        events_come_in_pages_newest_first,
        another_account_lets_placed_orders_begin_anew,
    },
    access::{
        user_names_are_unique,
        a_session_is_found_until_it_is_removed,
        sessions_that_are_over_are_forgotten,
        an_api_token_is_found_by_its_hash_until_it_is_removed,
        the_first_value_of_a_setting_stands,
        a_sealed_setting_is_not_readable_at_rest,
        audit_entries_follow_one_another_under_contention,
        an_audit_entry_rolled_back_leaves_no_gap,
        a_changed_audit_entry_is_found,
        a_removed_audit_entry_is_found,
        a_cut_audit_log_is_found,
    },
    event_log::{ events_are_filtered_and_newest_first },
    instances::{
        names_are_made_unique,
        a_name_taken_meanwhile_is_a_conflict,
        every_change_of_the_register_is_counted,
        a_report_is_read_back,
        being_heard_of_never_goes_back,
        exceptions_are_replaced_as_a_whole,
        handshakes_add_up_within_a_generation,
        an_exception_of_the_next_generation_starts_its_count_anew,
        what_a_removed_instance_said_goes_with_it,
        an_enrolment_token_is_used_once,
        an_enrolment_token_ends,
    },
    store_items::{
        revisions_have_no_gaps_under_contention,
        a_change_rolled_back_takes_no_revision,
        a_removed_item_stays_as_a_tombstone,
        an_item_remembers_the_scopes_it_had,
        changes_come_in_order_and_in_pieces,
        a_new_epoch_is_begun_once_and_is_larger,
    },
}
