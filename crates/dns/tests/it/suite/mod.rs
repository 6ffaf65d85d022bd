//! The one suite that every provider must pass, against a double written from what is known of the real service.
//!
//! Each [case] is run for each [subject]; the [table] tells what cannot befall whom, and the [matrix] shows it.

mod case;
mod cases;
mod kept_zones;
mod line;
mod listing;
mod lone;
mod matrix;
mod quirks;
mod refusals_l_to_z;
mod scene;
mod services;
mod signed;
mod stages;
mod subject;
mod table;
mod world;

use self::lone::{NAME, Scene, answer, each, target};
use self::scene::{FIRST, SECOND};
