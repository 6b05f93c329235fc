#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::run("rtp_session", data));
