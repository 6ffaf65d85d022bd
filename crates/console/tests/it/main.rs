//! The Console as a whole, against real CAs and DNS servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acme_dns;
mod challenges_listener;
mod challenges_manual;
mod dns_changes;
mod dns_mapping;
mod dns_orphans;
mod dns_watch;
mod faces;
mod issue_change;
mod issue_pebble;
mod issue_shared;
mod issue_terms;
mod lab;
mod ledger_failover;
mod ledger_limits;
mod lifecycle_failure;
mod lifecycle_issue;
mod lifecycle_manage;
mod lifecycle_pebble;
mod lifecycle_renewal;
mod lifecycle_resume;
mod lifecycle_shared;
mod manage_bulk;
mod manage_lists;
mod manage_material;
mod manage_revoke;
mod messages;
mod quirk_world;
mod quirks_orders;
mod renewal_info;
mod renewal_plan;
mod simulation;
mod single_value;
mod stub_world;
mod ui;
mod vendors_add;
mod vendors_edit;
mod vendors_scene;
mod vendors_select;
mod world;
