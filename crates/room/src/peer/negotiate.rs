//! Offers and answers of one peer connection (RFC 8829): the client's offers answered by us, and ours by it.
//!
//! Which track goes on which section is settled here; when to negotiate is not.

use std::panic::catch_unwind;

use str0m::change::{SdpAnswer, SdpApi, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::media::{Direction, MediaKind, Mid};
use thiserror::Error;

use super::{Kind, Peer, describe, offer};
use crate::ids::TrackSid;

/// Larger descriptions are refused; a browser's with a hundred sections has 300 KB.
const MAX_DESCRIPTION: usize = 1 << 20;

/// Why a description came to nothing; always the client's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NegotiationError {
    #[error("the description is too long")]
    TooLong,
    #[error("the description is no SDP")]
    Unparsable,
    #[error("the description was refused: {0}")]
    Refused(String),
    #[error("an answer to no offer")]
    NotAsked,
    #[error("the peer connection is gone")]
    Gone,
}

/// A track that needs a section to be sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) track: TrackSid,
    pub(crate) kind: Kind,
    /// `<participant sid>|<track sid>`.
    pub(crate) stream: String,
}

/// A track and the section it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) track: TrackSid,
    pub(crate) mid: Mid,
}

/// An offer of ours that waits for its answer.
pub(super) struct Outstanding {
    pending: SdpPendingOffer,
    placed: Vec<Placed>,
    /// Sections it brings.
    made: Vec<Mid>,
    /// Sections it shows to be free.
    freed: Vec<Mid>,
}

/// The client's offers.
impl Peer {
    /// Takes in an offer, to be followed by [`Peer::answer`] once its sections have got their tracks. Returns the
    /// published tracks that ended with it.
    pub(crate) fn offered(&mut self, offer: &str) -> Result<Vec<TrackSid>, NegotiationError> {
        if offer.len() > MAX_DESCRIPTION {
            return Err(NegotiationError::TooLong);
        }
        let parsed = catch_unwind(|| SdpOffer::from_sdp_string(&offer::tailored(offer)));
        let parsed = parsed.ok().and_then(Result::ok).ok_or(NegotiationError::Unparsable)?;
        self.offer = Some(parsed);
        Ok(self.sections.offered(&offer::sections(offer)))
    }

    /// Puts tracks on free sections of the offer, as far as there are any.
    pub(crate) fn place(&mut self, wanted: Vec<Wanted>) -> Vec<Placed> {
        let placed = wanted.into_iter().filter_map(|Wanted { track, kind, stream }| {
            self.sections.assign(kind, &stream, &track).map(|mid| Placed { track, mid })
        });
        placed.collect()
    }

    /// Answers the offer taken in last.
    pub(crate) fn answer(&mut self) -> Result<String, NegotiationError> {
        let offer = self.offer.take().ok_or(NegotiationError::Gone)?;
        let accepted = self.guarded(|rtc| rtc.sdp_api().accept_offer(offer)).ok_or(NegotiationError::Gone)?;
        let accepted = accepted.map_err(|error| NegotiationError::Refused(error.to_string()))?;
        let text = describe::write(&accepted.to_sdp_string(), |mid| self.sections.plan(mid));
        self.sections.answered(describe::agreed(&text));
        self.negotiated();
        Ok(text)
    }

    /// Frees a section. Its next track gets an SSRC of its own: with the old one libwebrtc would count packets
    /// and play nothing.
    pub(crate) fn free(&mut self, mid: Mid) {
        self.sections.free(mid);
        self.audio.free(mid);
        self.guarded(|rtc| {
            let mut direct = rtc.direct_api();
            let old = direct.stream_tx_by_mid(mid, None).map(|tx| (tx.ssrc(), tx.rtx()));
            if let Some((old, resends)) = old {
                // Not reset: str0m would look for it by its old SSRC when the client reports on it.
                direct.remove_stream_tx(old);
                let resends = resends.map(|_| direct.new_ssrc());
                let ssrc = direct.new_ssrc();
                direct.declare_stream_tx(ssrc, resends, mid, None);
            }
        });
    }

    /// A description is in force, perhaps with an ICE restart.
    fn negotiated(&mut self) {
        self.queued = true;
        if let Some(creds) = self.guarded(|rtc| rtc.direct_api().local_ice_credentials())
            && creds.ufrag != self.ufrag
        {
            self.ufrag = creds.ufrag;
            self.remote_candidates = 0;
        }
    }
}

/// Our offers: one at a time.
impl Peer {
    /// Offers what has changed, with sections for these tracks: used ones that are free, and new ones. `None` when
    /// there is nothing to offer, or the last offer is not answered.
    pub(crate) fn make_offer(&mut self, wanted: Vec<Wanted>, restart_ice: bool) -> Option<String> {
        if self.outstanding.is_some() {
            return None;
        }
        let channels = std::mem::take(&mut self.opens_channels);
        let freed = self.sections.to_show();
        let (mut placed, mut homeless) = (Vec::new(), Vec::new());
        for wanted in wanted {
            match self.sections.assign(wanted.kind, &wanted.stream, &wanted.track) {
                Some(mid) => placed.push(Placed { track: wanted.track, mid }),
                None => homeless.push(wanted),
            }
        }
        let (offer, pending, made) = self.guarded(|rtc| {
            let mut api = rtc.sdp_api();
            if channels {
                for config in channel_configs() {
                    api.add_channel_with_config(config);
                }
            }
            freed.iter().for_each(|mid| api.set_direction(*mid, Direction::Inactive));
            placed.iter().for_each(|placed| api.set_direction(placed.mid, Direction::SendOnly));
            let made: Vec<Mid> = homeless.iter().map(|wanted| add_section(&mut api, wanted)).collect();
            if restart_ice {
                api.ice_restart(true);
            }
            api.apply().map(|(offer, pending)| (offer, pending, made))
        })??;
        for (Wanted { track, kind, stream }, mid) in homeless.into_iter().zip(&made) {
            self.sections.add(*mid, kind, &stream, &track);
            placed.push(Placed { track, mid: *mid });
        }
        self.outstanding = Some(Outstanding { pending, placed, made, freed });
        Some(describe::write(&offer.to_sdp_string(), |mid| self.sections.plan(mid)))
    }

    /// The tracks of the offer that is out.
    pub(crate) fn offered_tracks(&self) -> &[Placed] {
        self.outstanding.as_ref().map_or(&[], |outstanding| &outstanding.placed)
    }

    /// Whether an answer knows the sections that the offer that is out brings.
    pub(crate) fn is_answered_by(&self, answer: &str) -> bool {
        let Some(Outstanding { made, .. }) = &self.outstanding else { return false };
        let agreed = describe::agreed(answer);
        !made.is_empty() && made.iter().all(|mid| agreed.iter().any(|section| section.mid == *mid))
    }

    /// Takes in the answer to our offer. Returns the tracks that have sections with it.
    pub(crate) fn answered(&mut self, answer: &str) -> Result<Vec<Placed>, NegotiationError> {
        if answer.len() > MAX_DESCRIPTION {
            return Err(NegotiationError::TooLong);
        }
        let parsed = catch_unwind(|| SdpAnswer::from_sdp_string(&offer::tailored(answer)));
        let parsed = parsed.ok().and_then(Result::ok).ok_or(NegotiationError::Unparsable)?;
        let Outstanding { pending, placed, freed, .. } =
            self.outstanding.take().ok_or(NegotiationError::NotAsked)?;
        let accepted = self.guarded(|rtc| rtc.sdp_api().accept_answer(pending, parsed));
        let accepted = accepted.ok_or(NegotiationError::Gone)?;
        accepted.map_err(|error| NegotiationError::Refused(error.to_string()))?;
        self.sections.answered(describe::agreed(answer));
        self.sections.shown(&freed);
        self.negotiated();
        Ok(placed)
    }

    /// Takes back the offer that is out: it got lost. Returns the tracks that are without sections again.
    pub(crate) fn withdraw_offer(&mut self) -> Vec<Placed> {
        let Some(Outstanding { placed, made, .. }) = self.outstanding.take() else { return Vec::new() };
        for placed in &placed {
            if made.contains(&placed.mid) {
                self.sections.remove(placed.mid);
            } else {
                self.free(placed.mid);
            }
        }
        placed
    }
}

fn add_section(api: &mut SdpApi<'_>, wanted: &Wanted) -> Mid {
    let (stream, track) = (Some(wanted.stream.clone()), Some(wanted.track.to_string()));
    let kind = if wanted.kind == Kind::Video { MediaKind::Video } else { MediaKind::Audio };
    api.add_media(kind, Direction::SendOnly, stream, track, None)
}

/// LiveKit's channels. Nothing is sent on the third, but newer clients wait for it.
fn channel_configs() -> [ChannelConfig; 3] {
    let unreliable = Reliability::MaxRetransmits { retransmits: 0 };
    let channel = |label: &str, ordered, reliability| ChannelConfig {
        label: label.to_owned(),
        ordered,
        reliability,
        ..Default::default()
    };
    [
        channel("_reliable", true, Reliability::Reliable),
        channel("_lossy", false, unreliable),
        channel("_data_track", false, unreliable),
    ]
}
