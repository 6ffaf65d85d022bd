//! One suite of behaviours, run on SQLite and on PostgreSQL.

mod suite;

/// Expands to one module per engine with one test per function of the suite.
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
            $($(#[tokio::test]
            async fn $name() {
                let Some(scene) = crate::suite::Scene::postgres().await else { return };
                crate::suite::$module::$name(&scene).await;
            })*)*
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
    },
    jobs::{
        each_job_is_claimed_once_under_contention,
        a_job_is_planned_once_and_the_earlier_time_wins,
        an_expired_lease_is_claimed_by_another,
        own_leases_are_released_at_start,
        a_lost_lease_cannot_be_finished_or_renewed,
        the_next_job_is_announced,
    },
    leases::{
        one_owner_holds_a_lease,
        an_expired_lease_changes_hands,
        own_leases_are_given_up_by_prefix,
    },
}
