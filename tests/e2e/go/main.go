// A room participant on the official Go SDK, driven by the end-to-end tests.
//
// It joins, publishes what it is told to, writes down what it hears and exchanges data. Every event is one JSON
// object on a line of standard output; orders are JSON on standard input (deeds.go). The other clients speak the same
// language: see harness/client.py.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const frame = 20 * time.Millisecond

var (
	url       = flag.String("url", "", "the server's WebSocket URL")
	token     = flag.String("token", "", "the access token")
	single    = flag.Bool("single", false, "use one peer connection")
	subscribe = flag.Bool("subscribe", true, "subscribe to everything unasked")
	recorded  = flag.String("record", ".", "the folder for what it heard: IDENTITY.pcmu, .pcma and .opus (heads and payloads, see ears.go)")
)

// events writes one line at a time, whoever tells of it.
var events struct {
	sync.Mutex
	out *json.Encoder
}

func tell(event string, fields map[string]any) {
	events.Lock()
	defer events.Unlock()
	line := map[string]any{"event": event}
	for key, value := range fields {
		line[key] = value
	}
	_ = events.out.Encode(line)
}

func main() {
	flag.Parse()
	events.out = json.NewEncoder(os.Stdout)
	echo, pictures := make(chan media.Sample, 50), make(chan media.Sample, 50)
	room, err := lksdk.ConnectToRoomWithToken(*url, *token, callbacks(echo, pictures), options()...)
	if err != nil {
		tell("failed", map[string]any{"error": err.Error()})
		os.Exit(1)
	}
	tell("connected", map[string]any{"sid": room.LocalParticipant.SID(), "server": room.ServerInfo().GetVersion()})
	obey(&deeds{room: room, echo: echo, pictures: pictures})
	room.Disconnect()
	tell("over", nil)
}

func options() []lksdk.ConnectOption {
	options := []lksdk.ConnectOption{lksdk.WithAutoSubscribe(*subscribe)}
	if *single {
		options = append(options, lksdk.WithSinglePeerConnection())
	}
	return options
}

func callbacks(echo, pictures chan<- media.Sample) *lksdk.RoomCallback {
	return &lksdk.RoomCallback{
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				tell("subscribed", map[string]any{
					"identity": from.Identity(), "kind": track.Kind().String(), "sid": track.ID(), "codec": track.Codec().MimeType, "stream": track.StreamID(), "track": track.ID(),
				})
				if track.Kind() == webrtc.RTPCodecTypeAudio {
					go listen(track, from.Identity(), echo)
				} else {
					go watch(track, from, pictures)
				}
			},
			OnTrackUnsubscribed: func(_ *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				tell("unsubscribed", map[string]any{"identity": from.Identity()})
			},
			OnTrackPublished: func(publication *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				tell("published", map[string]any{"identity": from.Identity(), "sid": publication.SID()})
			},
			OnTrackUnpublished: func(publication *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				tell("unpublished", map[string]any{"identity": from.Identity(), "sid": publication.SID()})
			},
			OnTrackMuted: func(_ lksdk.TrackPublication, of lksdk.Participant) {
				tell("muted", map[string]any{"identity": of.Identity()})
			},
			OnTrackUnmuted: func(_ lksdk.TrackPublication, of lksdk.Participant) {
				tell("unmuted", map[string]any{"identity": of.Identity()})
			},
			OnMetadataChanged: func(_ string, of lksdk.Participant) {
				tell("metadata", map[string]any{"identity": of.Identity(), "metadata": of.Metadata()})
			},
			OnConnectionQualityChanged: func(update *livekit.ConnectionQualityInfo, of lksdk.Participant) {
				tell("quality", map[string]any{"identity": of.Identity(), "quality": update.Quality})
			},
			OnTranscriptionReceived: func(segments []*lksdk.TranscriptionSegment, of lksdk.Participant, _ lksdk.TrackPublication) {
				tell("transcription", map[string]any{"identity": of.Identity(), "text": segments[0].Text})
			},
			OnAttributesChanged: func(changed map[string]string, of lksdk.Participant) {
				tell("attributes", map[string]any{"identity": of.Identity(), "changed": changed})
			},
			OnDataPacket: func(data lksdk.DataPacket, params lksdk.DataReceiveParams) {
				switch packet := data.(type) {
				case *lksdk.UserDataPacket:
					tell("data", map[string]any{
						"identity": params.SenderIdentity, "topic": packet.Topic, "length": len(packet.Payload),
						"text": string(packet.Payload[:min(200, len(packet.Payload))]),
					})
				case *livekit.SipDTMF:
					tell("digit", map[string]any{"identity": params.SenderIdentity, "digit": packet.Digit})
				}
			},
		},
		OnParticipantConnected: func(who *lksdk.RemoteParticipant) {
			tell("participant", map[string]any{"identity": who.Identity(), "kind": who.Kind()})
		},
		OnParticipantDisconnected: func(who *lksdk.RemoteParticipant) {
			tell("left", map[string]any{"identity": who.Identity(), "reason": who.DisconnectReason()})
		},
		OnActiveSpeakersChanged: func(speakers []lksdk.Participant) {
			identities := []string{}
			for _, speaker := range speakers {
				identities = append(identities, speaker.Identity())
			}
			tell("speakers", map[string]any{"identities": identities})
		},
		OnRoomMetadataChanged:  func(metadata string) { tell("room_metadata", map[string]any{"metadata": metadata}) },
		OnLocalTrackSubscribed: func(*lksdk.LocalTrackPublication, *lksdk.LocalParticipant) { tell("listened_to", nil) },
		OnReconnecting:         func() { tell("reconnecting", nil) },
		OnReconnected:          func() { tell("reconnected", nil) },
		OnDisconnectedWithReason: func(reason lksdk.DisconnectionReason) {
			tell("disconnected", map[string]any{"reason": string(reason)})
		},
	}
}
