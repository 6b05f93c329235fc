//! Challenges as they are read: from anybody, printed and read again.

use proptest::prelude::*;

use super::*;

/// What a quoted string may hold and a header value can carry.
fn text() -> impl Strategy<Value = String> {
    "[ -~äß€]{0,20}"
}

fn algorithm() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(proptest::sample::select(vec![
        "MD5",
        "MD5-sess",
        "SHA-256",
        "SHA-256-sess",
        "SHA-512-256",
    ]))
}

prop_compose! {
    fn challenge()(
        realm in text(),
        nonce in text(),
        opaque in proptest::option::of(text()),
        algorithm in algorithm(),
        qop in proptest::sample::select(vec![Qop::Legacy, Qop::Auth, Qop::AuthInt]),
        stale: bool,
    ) -> Challenge {
        let names_algorithm = algorithm.is_some();
        let algorithm = Algorithm::from_token(algorithm.unwrap_or("MD5")).unwrap();
        Challenge { realm, nonce, opaque, algorithm, names_algorithm, qop, stale }
    }
}

proptest! {
    #[test]
    fn a_printed_challenge_reads_back_the_same(challenge in challenge()) {
        prop_assert_eq!(Challenge::read_all(&challenge.to_string()), vec![challenge]);
    }

    #[test]
    fn challenges_in_one_header_are_told_apart(several in proptest::collection::vec(challenge(), 0..5)) {
        let header = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        prop_assert_eq!(Challenge::read_all(&header), several);
    }

    #[test]
    fn the_order_and_spelling_of_fields_do_not_matter(challenge in challenge(), by in 0usize..6) {
        let printed = challenge.to_string();
        // Commas stand only between fields in what is rearranged here.
        prop_assume!(!challenge.realm.contains([',', '"', '\\']) && !challenge.nonce.contains([',', '"', '\\']));
        prop_assume!(!challenge.opaque.as_deref().unwrap_or("").contains([',', '"', '\\']));
        let mut fields: Vec<&str> = printed.strip_prefix("Digest ").unwrap().split(", ").collect();
        let count = fields.len();
        fields.rotate_left(by % count);
        let fields: Vec<String> = fields.into_iter().map(|field| {
            let (name, value) = field.split_once('=').unwrap();
            format!("{} = {value}", name.to_ascii_uppercase())
        }).collect();
        prop_assert_eq!(Challenge::read_all(&format!("dIGEST  {}", fields.join(" ,"))), vec![challenge]);
    }

    #[test]
    fn any_text_is_read_or_passed_over(text in "[^\r\n]{0,60}", likely in "(Digest |Basic |realm=|nonce=|qop=|\"|\\\\|auth|,|=| |[a-z]){0,40}") {
        for text in [text, likely] {
            for challenge in Challenge::read_all(&text) {
                prop_assert_eq!(Challenge::read_all(&challenge.to_string()), vec![challenge]);
            }
        }
    }
}
