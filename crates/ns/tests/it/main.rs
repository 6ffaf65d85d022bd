//! The language as a whole: generated commands through every face, arbitrary text, and a site's ns.conf.

mod arbitrary_text;
mod generate;
mod reference_page;
mod round_trips;
mod site;
