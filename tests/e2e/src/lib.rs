//! Whole journeys, told in tests.
