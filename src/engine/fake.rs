//! An engine that only records: for tests of what happens in which order.
