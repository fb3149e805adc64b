//! Any text as `.upsun-local.yaml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    upsun_local::soundness::settings(bytes);
});
