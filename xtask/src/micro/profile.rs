//! Reading what callgrind wrote: how many instructions ran in whose functions.
//!
//! Its format is described in Valgrind's manual, "Callgrind Format Specification". Only the costs of functions themselves are
//! read; those of calls are the callees'.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

/// Whose code a function is.
pub(crate) struct Owner {
    pub(crate) name: &'static str,
    /// Words of which its functions' names hold one.
    words: &'static [&'static str],
}

/// In this order: a function that names two belongs to the first.
pub(crate) const OWNERS: [Owner; 5] = [
    Owner { name: "codec", words: &["opus_pure", "audio_codec", "nnnoiseless"] },
    Owner {
        name: "engine",
        words: &["str0m", "sctp_proto", "dimpl", "aws_lc", "gcm", "aes_", "_ctr32", "sha1_", "sha256_"],
    },
    Owner { name: "ours", words: &["call::", "media::", "rtp::", "room::", "sip::", "micro::", "livekit"] },
    Owner {
        name: "memory",
        words: &["malloc", "free", "realloc", "calloc", "memcpy", "memmove", "memset", "unlink_chunk"],
    },
    Owner { name: "other", words: &[""] },
];

/// Instructions by owner.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    by_owner: [u64; OWNERS.len()],
}

impl Profile {
    pub(crate) fn all(&self) -> u64 {
        self.by_owner.iter().sum()
    }

    pub(crate) fn of(&self, owner: usize) -> u64 {
        self.by_owner[owner]
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let open = File::open(file).with_context(|| format!("opening {}", file.display()))?;
        let mut reader = Reader::default();
        for line in BufReader::new(open).lines() {
            reader.line(&line.context("reading a profile")?);
        }
        Ok(reader.profile)
    }
}

#[derive(Default)]
struct Reader {
    profile: Profile,
    /// Names are written once and called by number afterwards.
    owners: HashMap<String, usize>,
    owner: usize,
    /// The next line is the cost of a call.
    call: bool,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(function) = line.strip_prefix("fn=") {
            self.owner = self.known(function);
        } else if let Some(function) = line.strip_prefix("cfn=") {
            self.known(function);
        } else if line.starts_with("calls=") {
            self.call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if !std::mem::take(&mut self.call) {
                self.profile.by_owner[self.owner] += cost.unwrap_or(0);
            }
        }
    }

    /// `(12) name` the first time, `(12)` from then on.
    fn known(&mut self, function: &str) -> usize {
        let (number, name) = function.split_once(' ').unwrap_or((function, ""));
        if name.is_empty() {
            return self.owners.get(number).copied().unwrap_or(OWNERS.len() - 1);
        }
        let owner = OWNERS.iter().position(|owner| owner.words.iter().any(|word| name.contains(word)));
        let owner = owner.unwrap_or(OWNERS.len() - 1);
        self.owners.insert(number.to_owned(), owner);
        owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_s_own_cost_is_its_owner_s_and_a_call_s_is_not() {
        let mut reader = Reader::default();
        let text = "fl=(1) a.rs\nfn=(1) room::track::forward\n10 5\n+2 7\ncfn=(2) str0m::Rtc::poll\n\
                    calls=1 20\n12 1000\n\nfn=(2)\n20 900\n* 100\n\nfn=(3) malloc\n0 3\n\nfn=(1)\n11 1\n";
        text.lines().for_each(|line| reader.line(line));
        let of = |name: &str| {
            let at = OWNERS.iter().position(|owner| owner.name == name).unwrap_or(0);
            reader.profile.of(at)
        };
        assert_eq!((of("ours"), of("engine"), of("memory")), (13, 1000, 3));
        assert_eq!(reader.profile.all(), 1016);
    }
}
