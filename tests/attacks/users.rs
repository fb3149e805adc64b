//! Another user of the machine who was there first.
