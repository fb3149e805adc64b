//! Any bytes as what `git ls-files` says of a repository.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    upsun_local::soundness::listing(bytes);
});
