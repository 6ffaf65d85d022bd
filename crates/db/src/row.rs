//! Reading rows: typed columns, and one error that names the column when a value does not fit.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::error::{DbError, Doing};

/// The driver's own error, the source, names the column.
const READING: &str = "reading a row";

/// Typed access to the columns of a row.
pub(crate) trait Fields {
    /// A `TEXT NOT NULL` column.
    fn text(&self, column: &'static str) -> Result<String, DbError>;
    /// A `TEXT` column.
    fn opt_text(&self, column: &'static str) -> Result<Option<String>, DbError>;
    /// A `BIGINT NOT NULL` column.
    fn int(&self, column: &'static str) -> Result<i64, DbError>;
    /// A `BIGINT` column.
    fn opt_int(&self, column: &'static str) -> Result<Option<i64>, DbError>;

    /// A count, as `BIGINT NOT NULL`.
    fn count(&self, column: &'static str) -> Result<u64, DbError> {
        u64::try_from(self.int(column)?).map_err(|e| misread(column, e))
    }

    /// A truth value, kept as 0 or 1.
    fn flag(&self, column: &'static str) -> Result<bool, DbError> {
        Ok(self.int(column)? != 0)
    }

    /// An instant, kept as Unix seconds.
    fn time(&self, column: &'static str) -> Result<Timestamp, DbError> {
        Timestamp::from_second(self.int(column)?).map_err(|e| misread(column, e))
    }

    /// An instant or none, kept as Unix seconds.
    fn opt_time(&self, column: &'static str) -> Result<Option<Timestamp>, DbError> {
        self.opt_int(column)?
            .map(|seconds| Timestamp::from_second(seconds).map_err(|e| misread(column, e)))
            .transpose()
    }

    /// An instant, kept as Unix milliseconds.
    fn time_ms(&self, column: &'static str) -> Result<Timestamp, DbError> {
        Timestamp::from_millisecond(self.int(column)?).map_err(|e| misread(column, e))
    }

    /// An id, state or other value with a text form.
    fn parse<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, DbError> {
        let text = self.text(column)?;
        text.parse().map_err(|e: T::Err| misread(column, e))
    }

    /// The same, where the column may be null.
    fn opt_parse<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, DbError> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|e: T::Err| misread(column, e)))
            .transpose()
    }

    /// A value kept as JSON.
    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, DbError> {
        serde_json::from_str(&self.text(column)?).map_err(|e| misread(column, e))
    }

    /// A value or none, kept as JSON.
    fn opt_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, DbError> {
        self.opt_text(column)?
            .map(|text| serde_json::from_str(&text).map_err(|e| misread(column, e)))
            .transpose()
    }
}

impl Fields for AnyRow {
    fn text(&self, column: &'static str) -> Result<String, DbError> {
        self.try_get(column).doing(READING)
    }

    fn opt_text(&self, column: &'static str) -> Result<Option<String>, DbError> {
        self.try_get(column).doing(READING)
    }

    fn int(&self, column: &'static str) -> Result<i64, DbError> {
        self.try_get(column).doing(READING)
    }

    fn opt_int(&self, column: &'static str) -> Result<Option<i64>, DbError> {
        self.try_get(column).doing(READING)
    }
}

/// A value as the JSON text of a column.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|e| DbError::inconsistent("writing a value as JSON", e))
}

fn misread(column: &'static str, cause: impl Display) -> DbError {
    DbError::inconsistent(format!("reading column {column}"), cause.to_string())
}
