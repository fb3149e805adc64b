//! Any bytes as an archive that `mount download` unpacks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a directory");
    upsun_local::soundness::mount_archive(bytes, directory.path());
});
