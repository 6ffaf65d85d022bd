//! The parts of a point in time, UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::error::Undef;

pub(super) fn civil(seconds: i64) -> Result<DateTime, Undef> {
    let timestamp = Timestamp::from_second(seconds).map_err(|_| Undef)?;
    Ok(Offset::UTC.to_datetime(timestamp))
}
