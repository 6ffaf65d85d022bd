//! Journeys: one file a story, told with the program as its users run it.

#![expect(
    clippy::unwrap_used,
    reason = "a journey that cannot go on fails there"
)]

mod bad_input;
mod challenges;
mod chaos;
mod dns_providers;
mod dns_worlds;
mod introduced;
mod issue;
mod kill;
mod manage;
mod messages;
mod pebble;
mod shell;
mod small_disk;
mod two_consoles;
mod vendors;
