//! Any text as what the container of a source operation tells of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    upsun_local::soundness::left(bytes);
});
