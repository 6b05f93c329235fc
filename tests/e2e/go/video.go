package main

import (
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
)

// latest is how many packets of a picture may come late.
const latest = 200

// watch puts together the pictures of a track, and says when ten of them are whole. It has neither encoder nor decoder: what it
// shows itself is what it sees.
func watch(track *webrtc.TrackRemote, from *lksdk.RemoteParticipant, pictures chan<- media.Sample) {
	var depacketizer rtp.Depacketizer = &codecs.VP8Packet{}
	if strings.EqualFold(track.Codec().MimeType, webrtc.MimeTypeH264) {
		depacketizer = &codecs.H264Packet{}
	}
	builder := samplebuilder.New(latest, depacketizer, track.Codec().ClockRate)
	asked, seen := time.Time{}, 0
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if time.Since(asked) > time.Second { // whoever sees it through us begins with a key frame
			from.WritePLI(track.SSRC())
			asked = time.Now()
		}
		builder.Push(packet)
		for sample := builder.Pop(); sample != nil; sample = builder.Pop() {
			if seen++; seen == 10 {
				tell("saw", map[string]any{"identity": from.Identity(), "codec": track.Codec().MimeType, "pictures": seen})
			}
			select {
			case pictures <- *sample:
			default:
			}
		}
	}
}

// camera shows the pictures that it sees, in their codec.
func (d *deeds) camera(order order) (map[string]any, error) {
	capability := webrtc.RTPCodecCapability{MimeType: "video/" + order.Codec, ClockRate: 90000}
	track, err := lksdk.NewLocalSampleTrack(capability)
	if err != nil {
		return nil, err
	}
	options := &lksdk.TrackPublicationOptions{
		Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: order.Width, VideoHeight: order.Height,
	}
	publication, err := d.room.LocalParticipant.PublishTrack(track, options)
	if err != nil {
		return nil, err
	}
	go repeat(track, d.pictures)
	return map[string]any{"sid": publication.SID()}, nil
}
