//! What the other side says of the Opus that it wants to get (`a=fmtp`, RFC 7587 §6.1).

/// How Opus is to be made for the other side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpusTerms {
    /// It makes use of in-band error correction.
    pub fec: bool,
    /// It plays the telephone's band only (`maxplaybackrate` below 16 kHz): more would be coded for nothing.
    pub narrow: bool,
    /// The most it takes, in bit/s, if it says.
    pub max_bitrate: Option<u32>,
    /// Packets are all to be of one length.
    pub constant_bitrate: bool,
}

impl OpusTerms {
    /// What we say: copies of lost frames are made use of, and what is sent is wideband.
    pub(super) const OURS: &str = "useinbandfec=1;sprop-maxcapturerate=16000";

    /// Reads the parameters. What is not understood, or makes no sense, is as if it were not there.
    pub(super) fn parse(parameters: &str) -> Self {
        let mut terms = Self::default();
        for parameter in parameters.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let Ok(value) = value.trim().parse::<u32>() else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "useinbandfec" => terms.fec = value == 1,
                "cbr" => terms.constant_bitrate = value == 1,
                "maxplaybackrate" => terms.narrow = (8_000..16_000).contains(&value),
                "maxaveragebitrate" => {
                    terms.max_bitrate = (6_000..=510_000).contains(&value).then_some(value)
                }
                _ => {}
            }
        }
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_phone_wants_of_opus_is_read_and_nonsense_passed_over() {
        let read =
            OpusTerms::parse("maxplaybackrate=8000; stereo=0;useinbandfec=1 ;CBR=1;maxaveragebitrate=20000");
        let wanted = OpusTerms { fec: true, narrow: true, max_bitrate: Some(20_000), constant_bitrate: true };
        assert_eq!(read, wanted);
        for nothing in
            ["", ";;=", "useinbandfec", "maxaveragebitrate=5", "maxplaybackrate=-1;useinbandfec=yes"]
        {
            assert_eq!(OpusTerms::parse(nothing), OpusTerms::default(), "{nothing}");
        }
        assert!(!OpusTerms::parse("maxplaybackrate=48000").narrow);
    }
}
