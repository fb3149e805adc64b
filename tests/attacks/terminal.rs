//! Output that wants to write over what `upsun-local` says.
