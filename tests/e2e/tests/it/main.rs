//! Journeys: one file a story, told with the program as its users run it.

mod bad_input;
mod kill;
mod pebble;
mod small_disk;
mod two_consoles;
