//! A repository that makes Git run its code.
