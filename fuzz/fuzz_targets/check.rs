//! Any text as a configuration: it ends in a configuration or in problems, and both can be shown.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    upsun_local::soundness::configuration(text);
});
