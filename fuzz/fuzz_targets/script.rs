//! Any text as a shell script, such as `.environment` or a hook.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    upsun_local::soundness::script(bytes);
});
