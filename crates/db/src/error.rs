//! What can go wrong with the database, in the terms a caller decides by.

use std::error::Error;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DbErrorKind {
    /// A unique value is taken, or the change contradicts another one.
    Conflict,
    /// Something still refers to the row, or the row referred to is gone.
    Referenced,
    /// The server, the file or the disk does not answer; the same call may succeed later.
    Unavailable,
    /// A row does not hold what this program writes.
    Inconsistent,
    /// A sealed value cannot be opened: damaged, moved, or sealed with another master key.
    Sealed,
    /// The URL or the migrations do not fit this program.
    Configuration,
}

/// A failed database operation: what was attempted; the cause is the source.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct DbError {
    kind: DbErrorKind,
    doing: String,
    /// Better advice than that of the kind.
    advice: Option<&'static str>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl DbError {
    pub(crate) fn new(kind: DbErrorKind, doing: impl Into<String>) -> Self {
        Self {
            kind,
            doing: doing.into(),
            advice: None,
            source: None,
        }
    }

    pub(crate) fn because(
        kind: DbErrorKind,
        doing: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            doing: doing.into(),
            advice: None,
            source: Some(source.into()),
        }
    }

    pub(crate) fn with_advice(mut self, advice: Option<&'static str>) -> Self {
        self.advice = advice;
        self
    }

    /// A row that this program cannot have written.
    pub(crate) fn inconsistent(
        doing: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::because(DbErrorKind::Inconsistent, doing, source)
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> DbErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, DbErrorKind::Unavailable)
    }

    /// Whether a unique value was taken.
    pub const fn is_conflict(&self) -> bool {
        matches!(self.kind, DbErrorKind::Conflict)
    }

    /// What an operator can do about it.
    pub const fn remedy(&self) -> Option<&'static str> {
        if self.advice.is_some() {
            return self.advice;
        }
        match self.kind {
            DbErrorKind::Unavailable => {
                Some("Check the database server, and the free space and permissions of its disk.")
            }
            DbErrorKind::Sealed => Some(
                "Start the Console with the master key that this database was made with \
                 (master.key in its data directory, or EVERCERT_MASTER_KEY).",
            ),
            DbErrorKind::Configuration => {
                Some("Check the database URL, and that no newer Evercert has used this database.")
            }
            DbErrorKind::Inconsistent => Some(
                "The database was changed by another program, or is damaged: restore a backup.",
            ),
            DbErrorKind::Conflict | DbErrorKind::Referenced => None,
        }
    }
}

/// Names what was attempted when the driver fails.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, DbError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, what: &'static str) -> Result<T, DbError> {
        self.map_err(|source| DbError::because(kind_of(&source), what, source))
    }
}

pub(crate) fn kind_of(error: &sqlx::Error) -> DbErrorKind {
    use sqlx::error::ErrorKind;
    match error {
        sqlx::Error::Database(e) => match e.kind() {
            ErrorKind::UniqueViolation => DbErrorKind::Conflict,
            ErrorKind::ForeignKeyViolation => DbErrorKind::Referenced,
            ErrorKind::NotNullViolation | ErrorKind::CheckViolation => DbErrorKind::Inconsistent,
            _ => DbErrorKind::Unavailable,
        },
        sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. } => DbErrorKind::Inconsistent,
        sqlx::Error::Configuration(_) => DbErrorKind::Configuration,
        _ => DbErrorKind::Unavailable,
    }
}
