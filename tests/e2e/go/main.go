// A room participant on the official Go SDK, driven by the end-to-end tests.
//
// It joins, publishes what it is told to, writes down what it hears and exchanges data. Every event is one JSON
// object on a line of standard output; commands are lines of standard input: "say TEXT", "unsubscribe IDENTITY",
// "subscribe IDENTITY", "unpublish", "leave".
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const frame = 20 * time.Millisecond

var (
	url      = flag.String("url", "", "the server's WebSocket URL")
	token    = flag.String("token", "", "the access token")
	single   = flag.Bool("single", false, "use one peer connection")
	publish  = flag.String("publish", "", "pcmu: a tone; echo: the Opus that it hears; empty: nothing")
	hertz    = flag.Float64("hertz", 600, "the tone's frequency")
	recorded = flag.String("record", ".", "the folder for IDENTITY.s16: what it heard in PCMU, 8 kHz, 16 bit")
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
	echo := make(chan media.Sample, 50)
	room, err := lksdk.ConnectToRoomWithToken(*url, *token, callbacks(echo), options()...)
	if err != nil {
		tell("failed", map[string]any{"error": err.Error()})
		os.Exit(1)
	}
	tell("connected", map[string]any{"sid": room.LocalParticipant.SID(), "server": room.ServerInfo().GetVersion()})
	if err := speak(room, echo); err != nil {
		tell("failed", map[string]any{"error": err.Error()})
		os.Exit(1)
	}
	obey(room)
	room.Disconnect()
	tell("left", nil)
}

func options() []lksdk.ConnectOption {
	if *single {
		return []lksdk.ConnectOption{lksdk.WithSinglePeerConnection()}
	}
	return nil
}

func callbacks(echo chan<- media.Sample) *lksdk.RoomCallback {
	return &lksdk.RoomCallback{
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				tell("subscribed", map[string]any{
					"identity": from.Identity(), "codec": track.Codec().MimeType, "stream": track.StreamID(), "track": track.ID(),
				})
				go listen(track, from.Identity(), echo)
			},
			OnTrackUnsubscribed: func(_ *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				tell("unsubscribed", map[string]any{"identity": from.Identity()})
			},
			OnAttributesChanged: func(changed map[string]string, of lksdk.Participant) {
				tell("attributes", map[string]any{"identity": of.Identity(), "changed": changed})
			},
			OnDataPacket: func(data lksdk.DataPacket, params lksdk.DataReceiveParams) {
				switch packet := data.(type) {
				case *lksdk.UserDataPacket:
					tell("data", map[string]any{
						"identity": params.SenderIdentity, "text": string(packet.Payload), "topic": packet.Topic,
					})
				case *livekit.SipDTMF:
					tell("digit", map[string]any{"identity": params.SenderIdentity, "digit": packet.Digit})
				}
			},
		},
		OnParticipantConnected: func(who *lksdk.RemoteParticipant) {
			tell("joined", map[string]any{"identity": who.Identity()})
		},
		OnParticipantDisconnected: func(who *lksdk.RemoteParticipant) {
			tell("gone", map[string]any{"identity": who.Identity()})
		},
		OnReconnecting: func() { tell("reconnecting", nil) },
		OnReconnected:  func() { tell("reconnected", nil) },
		OnDisconnectedWithReason: func(reason lksdk.DisconnectionReason) {
			tell("disconnected", map[string]any{"reason": string(reason)})
		},
	}
}

// listen writes down PCMU as samples, and hands Opus to whoever repeats it.
func listen(track *webrtc.TrackRemote, identity string, echo chan<- media.Sample) {
	pcmu := strings.EqualFold(track.Codec().MimeType, webrtc.MimeTypePCMU)
	file, err := os.OpenFile(filepath.Join(*recorded, identity+".s16"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		tell("failed", map[string]any{"error": err.Error()})
		return
	}
	defer file.Close()
	packets := 0
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			tell("ended", map[string]any{"identity": identity, "packets": packets})
			return
		}
		packets++
		if packets == 50 {
			tell("hearing", map[string]any{"identity": identity, "packets": packets})
		}
		if pcmu {
			_, _ = file.Write(samples(packet.Payload))
			continue
		}
		select {
		case echo <- media.Sample{Data: packet.Payload, Duration: frame}:
		default:
		}
	}
}

func speak(room *lksdk.Room, echo <-chan media.Sample) error {
	var capability webrtc.RTPCodecCapability
	switch *publish {
	case "pcmu":
		capability = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000, Channels: 1}
	case "echo":
		capability = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	default:
		return nil
	}
	track, err := lksdk.NewLocalSampleTrack(capability)
	if err != nil {
		return err
	}
	options := &lksdk.TrackPublicationOptions{Name: "voice", Source: livekit.TrackSource_MICROPHONE}
	publication, err := room.LocalParticipant.PublishTrack(track, options)
	if err != nil {
		return err
	}
	tell("published", map[string]any{"sid": publication.SID()})
	if *publish == "echo" {
		go repeat(track, echo)
	} else {
		go hum(track)
	}
	return nil
}

func repeat(track *lksdk.LocalTrack, echo <-chan media.Sample) {
	for sample := range echo {
		_ = track.WriteSample(sample, nil)
	}
}

func hum(track *lksdk.LocalTrack) {
	tone := newTone(*hertz)
	for range time.Tick(frame) {
		_ = track.WriteSample(media.Sample{Data: tone.frame(), Duration: frame}, nil)
	}
}

func obey(room *lksdk.Room) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "say":
			err := room.LocalParticipant.PublishDataPacket(
				lksdk.UserData([]byte(rest)), lksdk.WithDataPublishReliable(true), lksdk.WithDataPublishTopic("chat"))
			if err != nil {
				tell("failed", map[string]any{"error": err.Error()})
			}
		case "subscribe", "unsubscribe":
			setSubscribed(room, rest, verb == "subscribe")
		case "unpublish":
			for _, publication := range room.LocalParticipant.TrackPublications() {
				_ = room.LocalParticipant.UnpublishTrack(publication.SID())
			}
		case "leave":
			return
		}
	}
}

func setSubscribed(room *lksdk.Room, identity string, wanted bool) {
	who := room.GetParticipantByIdentity(identity)
	if who == nil {
		tell("failed", map[string]any{"error": "nobody is called " + identity})
		return
	}
	for _, publication := range who.TrackPublications() {
		if remote, ok := publication.(*lksdk.RemoteTrackPublication); ok {
			_ = remote.SetSubscribed(wanted)
		}
	}
}
