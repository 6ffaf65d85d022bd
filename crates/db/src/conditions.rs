//! WHERE clauses of lists: made of literals of this crate, all values bound.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::db::Query;

/// Conditions that must hold together, and the values of their placeholders.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Bound>,
}

enum Bound {
    Text(String),
    Number(i64),
}

impl Conditions {
    /// The clause with its ` WHERE `; empty when there is no condition.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The placeholder of a text.
    pub(crate) fn text(&mut self, value: impl Into<String>) -> String {
        self.bind(Bound::Text(value.into()))
    }

    /// The placeholder of a number.
    pub(crate) fn number(&mut self, value: i64) -> String {
        self.bind(Bound::Number(value))
    }

    /// The placeholder of an instant, in seconds.
    pub(crate) fn time(&mut self, value: Timestamp) -> String {
        self.number(value.as_second())
    }

    /// Adds a condition.
    pub(crate) fn and(&mut self, condition: &str) {
        self.sql += if self.sql.is_empty() {
            " WHERE "
        } else {
            " AND "
        };
        self.sql += condition;
    }

    /// Adds that a column is this text.
    pub(crate) fn and_is(&mut self, column: &str, value: impl Into<String>) {
        let place = self.text(value);
        self.and(&format!("{column} = {place}"));
    }

    /// Adds that a column is one of these texts; of none, nothing is one.
    pub(crate) fn and_in(&mut self, column: &str, values: impl Iterator<Item = String>) {
        let places: Vec<String> = values.map(|value| self.text(value)).collect();
        match places.as_slice() {
            [] => self.and("1 = 0"),
            places => self.and(&format!("{column} IN ({})", places.join(", "))),
        }
    }

    /// A statement made of literals around [`Self::sql`], with the values bound.
    pub(crate) fn query(self, sql: String) -> Query<'static> {
        let query = sqlx::query(AssertSqlSafe(sql));
        let values = self.values.into_iter();
        values.fold(query, |query, value| match value {
            Bound::Text(text) => query.bind(text),
            Bound::Number(number) => query.bind(number),
        })
    }

    fn bind(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_and_number_their_values() {
        let mut conditions = Conditions::default();
        assert_eq!(conditions.sql(), "");

        conditions.and_is("a", "x");
        conditions.and_in("b", ["y", "z"].map(str::to_owned).into_iter());
        conditions.and_in("c", std::iter::empty());

        assert_eq!(
            conditions.sql(),
            " WHERE a = $1 AND b IN ($2, $3) AND 1 = 0"
        );
    }
}
