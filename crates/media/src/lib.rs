//! The phone's audio: SDP, RTP, codecs, DTMF, tones, jitter buffer, mixer, voice isolation. A core without IO.
