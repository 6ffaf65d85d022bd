//! GET: rows, and what query arguments make of them.

use evercert_ns::catalog;
use evercert_ns::nitro::Tree;
use evercert_ns::{NsError, codes};
use serde_json::{Value as Json, json};

use super::Call;
use super::envelope::{Reply, Success};
use super::url::{Page, Reading};
use super::who::Caller;
use crate::control::SUPERUSER;
use crate::read::{self, ReadQuery, Row, Rows};

/// Types that are only listed: a name is an unknown argument.
const LISTED_ONLY: &[&str] = &["sslcertfile", "sslcrlfile", "ssldhfile", "sslkeyfile"];

impl Call {
    /// Answers a GET.
    ///
    /// # Errors
    /// What the read finds, 2138 for a read the caller may not make.
    pub(super) async fn get(&self, caller: &Caller) -> Result<Reply, NsError> {
        if self.query.action.is_some() {
            return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, "action"));
        }
        let kind = self.target.kind.as_str();
        let rows = self
            .twice_if_needed(|reading| self.read(caller, reading))
            .await?;
        Ok(match rows {
            Rows::One(row) => {
                Reply::with(Success::Ok, &[(kind, Json::Object(self.projected(row)))])
            }
            Rows::List(rows) => self.list(kind, rows)?,
        })
    }

    async fn read(&self, caller: &Caller, reading: Reading) -> Result<Rows, NsError> {
        let query = self.read_query(caller, reading)?;
        match read::command(self.target.tree, &query) {
            Some(command) => self.instance.control.authorise(&caller.actor, &command)?,
            None if caller.actor.user == SUPERUSER => {}
            None => return Err(NsError::new(&codes::NOT_AUTHORIZED)),
        }
        let instance = self.instance.clone();
        // Some rows are read from files.
        let rows = tokio::task::spawn_blocking(move || read::rows(&instance, &query)).await;
        rows.unwrap_or_else(|_| Err(NsError::about(&codes::INTERNAL_ERROR, &self.target.kind)))
    }

    fn read_query(&self, caller: &Caller, reading: Reading) -> Result<ReadQuery, NsError> {
        let name = self.target.name.as_ref().map(|name| name.read(reading));
        if name.is_some() && LISTED_ONLY.contains(&self.target.kind.as_str()) {
            return Err(NsError::about(
                &codes::NO_SUCH_ARGUMENT,
                name.unwrap_or_default(),
            ));
        }
        let args = self.query.args.iter();
        Ok(ReadQuery {
            statistics: self.target.tree == Tree::Stat,
            kind: self.target.kind.clone(),
            name,
            args: args
                .map(|(key, value)| (key.clone(), value.read(reading)))
                .collect(),
            session: caller.session.as_ref().map(|session| session.sid),
            bindings: self.query.bindings,
        })
    }

    fn list(&self, kind: &str, mut rows: Vec<Row>) -> Result<Reply, NsError> {
        for filter in &self.query.filters {
            let is_field = rows.iter().any(|row| row.contains_key(filter.field()))
                || is_field_of(kind, filter.field());
            if !rows.is_empty() && !is_field {
                return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, filter.field()));
            }
        }
        rows.retain(|row| self.query.filters.iter().all(|filter| filter.matches(row)));
        if self.query.count {
            let count = json!([{ "__count": rows.len() }]);
            return Ok(Reply::with(Success::Ok, &[(kind, count)]));
        }
        if let Some(Page { size, number }) = self.query.page() {
            rows = rows
                .into_iter()
                .skip(size.saturating_mul(number - 1))
                .take(size)
                .collect();
        }
        if rows.is_empty() {
            // An empty array breaks the official Go client.
            return Ok(Reply::done(Success::Ok));
        }
        let rows = rows
            .into_iter()
            .map(|row| Json::Object(self.projected(row)));
        Ok(Reply::with(Success::Ok, &[(kind, rows.collect())]))
    }

    /// Only the fields wanted; a summary leaves out what is nested.
    fn projected(&self, mut row: Row) -> Row {
        if !self.query.attributes.is_empty() {
            row.retain(|field, _| {
                let field = field.to_ascii_lowercase();
                self.query.attributes.contains(&field)
            });
        }
        if self.query.summary {
            row.retain(|_, value| {
                !value
                    .as_array()
                    .is_some_and(|items| items.iter().any(Json::is_object))
            });
        }
        row
    }

    /// Whether name or arguments can be read in two ways.
    pub(super) fn is_ambiguous(&self) -> bool {
        let name = self.target.name.iter();
        let args = self.query.args.iter().map(|(_, value)| value);
        name.chain(args).any(super::url::Encoded::is_ambiguous)
    }

    /// Tries names and arguments decoded once, and decoded twice if those are not there.
    pub(super) async fn twice_if_needed<T, F>(
        &self,
        attempt: impl Fn(Reading) -> F,
    ) -> Result<T, NsError>
    where
        F: Future<Output = Result<T, NsError>>,
    {
        match attempt(Reading::Once).await {
            Err(error) if self.is_ambiguous() && is_absence(&error) => {
                // The first error names what the client most likely meant.
                let again = attempt(Reading::Twice).await;
                again.map_err(|second| if is_absence(&second) { error } else { second })
            }
            outcome => outcome,
        }
    }
}

/// Whether an error says that something is not there, or that the caller may not know.
fn is_absence(error: &NsError) -> bool {
    const ABSENT: &[u32] = &[
        258, 344, 351, 372, 373, 461, 462, 463, 538, 1075, 1155, 1540, 1542, 1545, 1647, 2138, 3712,
    ];
    ABSENT.contains(&error.code())
}

/// Whether a type, or a binding, has the field.
fn is_field_of(kind: &str, field: &str) -> bool {
    let resource = catalog::resource_by_nitro(kind);
    let own = resource
        .into_iter()
        .flat_map(|resource| resource.attributes);
    let bound = catalog::bindings_by_nitro(kind).flat_map(|(_, binding)| binding.attributes);
    own.chain(bound).any(|attribute| attribute.has_field(field))
}
