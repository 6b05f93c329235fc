package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// deeds is what the participant can be told to do.
type deeds struct {
	room     *lksdk.Room
	echo     <-chan media.Sample
	pictures <-chan media.Sample
}

// order is one line of standard input; every deed reads the fields it needs.
type order struct {
	Deed       string            `json:"deed"`
	Number     int               `json:"number"`
	Hertz      float64           `json:"hertz"`
	Codec      string            `json:"codec"`
	Packets    [][]byte          `json:"packets"`
	Width      int               `json:"width"`
	Height     int               `json:"height"`
	Muted      bool              `json:"muted"`
	Identity   string            `json:"identity"`
	Identities []string          `json:"identities"`
	Wanted     bool              `json:"wanted"`
	Text       string            `json:"text"`
	Topic      string            `json:"topic"`
	Reliable   *bool             `json:"reliable"`
	To         json.RawMessage   `json:"to"`
	Length     int               `json:"length"`
	Attributes map[string]string `json:"attributes"`
	Metadata   string            `json:"metadata"`
	Name       string            `json:"name"`
	Method     string            `json:"method"`
	Payload    string            `json:"payload"`
	Scenario   string            `json:"scenario"`
}

// obey runs until it is told to leave. Every order has a goroutine of its own: some wait for others.
func obey(deeds *deeds) {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var order order
		if err := json.Unmarshal(line, &order); err != nil {
			tell("failed", map[string]any{"error": err.Error()})
			continue
		}
		if order.Deed == "leave" {
			return
		}
		go func() {
			result, err := deeds.do(order)
			if err != nil {
				tell("failed", map[string]any{"number": order.Number, "error": err.Error()})
				return
			}
			done := map[string]any{"number": order.Number}
			for key, value := range result {
				done[key] = value
			}
			tell("done", done)
		}()
	}
}

func (d *deeds) do(order order) (map[string]any, error) {
	me := d.room.LocalParticipant
	switch order.Deed {
	case "speak":
		return d.speak(order)
	case "camera":
		return d.camera(order)
	case "mute":
		for _, publication := range me.TrackPublications() {
			publication.(*lksdk.LocalTrackPublication).SetMuted(order.Muted)
		}
	case "unpublish":
		for _, publication := range me.TrackPublications() {
			if err := me.UnpublishTrack(publication.SID()); err != nil {
				return nil, err
			}
		}
	case "subscribe":
		return nil, d.subscribe(order.Identity, order.Wanted)
	case "allow":
		permission := &livekit.SubscriptionPermission{AllParticipants: order.Identities == nil}
		for _, identity := range order.Identities {
			permission.TrackPermissions = append(permission.TrackPermissions,
				&livekit.TrackPermission{ParticipantIdentity: identity, AllTracks: true})
		}
		me.SetSubscriptionPermission(permission)
	case "send":
		reliable := order.Reliable == nil || *order.Reliable
		return nil, me.PublishDataPacket(lksdk.UserData([]byte(order.Text)), lksdk.WithDataPublishReliable(reliable),
			lksdk.WithDataPublishTopic(order.Topic), lksdk.WithDataPublishDestination(order.recipients()))
	case "text":
		me.SendText(order.Text, lksdk.StreamTextOptions{Topic: order.Topic, DestinationIdentities: order.recipients()})
	case "file":
		return d.file(order)
	case "listen":
		return nil, d.listen(order.Topic)
	case "attributes":
		me.SetAttributes(order.Attributes)
	case "metadata":
		me.SetMetadata(order.Metadata)
	case "name":
		me.SetName(order.Name)
	case "answer":
		return nil, d.room.RegisterRpcMethod(order.Method, func(call lksdk.RpcInvocationData) (string, error) {
			return call.Payload + " from " + me.Identity(), nil
		})
	case "ask":
		answer, err := me.PerformRpc(lksdk.PerformRpcParams{
			DestinationIdentity: order.recipient(), Method: order.Method, Payload: order.Payload,
		})
		if err != nil {
			return nil, err
		}
		return map[string]any{"answer": *answer}, nil
	case "simulate":
		return nil, d.simulate(order.Scenario)
	case "people":
		return d.people(), nil
	case "me":
		return map[string]any{
			"sid": me.SID(), "name": me.Name(), "metadata": me.Metadata(), "attributes": me.Attributes(),
		}, nil
	default:
		return nil, fmt.Errorf("no such deed: %s", order.Deed)
	}
	return nil, nil
}

// recipients reads `to` as a list of identities.
func (o order) recipients() (identities []string) {
	_ = json.Unmarshal(o.To, &identities)
	return identities
}

// recipient reads `to` as one identity.
func (o order) recipient() (identity string) {
	_ = json.Unmarshal(o.To, &identity)
	return identity
}

// speak publishes a tone in PCMU, the Opus packets of the order again and again, or the Opus that it hears.
func (d *deeds) speak(order order) (map[string]any, error) {
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	if order.Codec == "pcmu" || order.Codec == "" {
		capability = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000, Channels: 1}
	}
	track, err := lksdk.NewLocalSampleTrack(capability)
	if err != nil {
		return nil, err
	}
	options := &lksdk.TrackPublicationOptions{Name: "voice", Source: livekit.TrackSource_MICROPHONE}
	publication, err := d.room.LocalParticipant.PublishTrack(track, options)
	if err != nil {
		return nil, err
	}
	switch order.Codec {
	case "echo":
		go repeat(track, d.echo)
	case "opus":
		go loop(track, order.Packets)
	default:
		go hum(track, order.Hertz)
	}
	return map[string]any{"sid": publication.SID()}, nil
}

func repeat(track *lksdk.LocalTrack, echo <-chan media.Sample) {
	for sample := range echo {
		_ = track.WriteSample(sample, nil)
	}
}

func loop(track *lksdk.LocalTrack, packets [][]byte) {
	write(track, func(number int) []byte { return packets[number%len(packets)] })
}

func hum(track *lksdk.LocalTrack, hertz float64) {
	tone := newTone(hertz)
	write(track, func(int) []byte { return tone.frame() })
}

// write sends a frame every 20 ms, and at once those that it is late with: a ticker would leave them out.
func write(track *lksdk.LocalTrack, next func(number int) []byte) {
	begun := time.Now()
	for number := 0; ; number++ {
		time.Sleep(time.Until(begun.Add(time.Duration(number) * frame)))
		_ = track.WriteSample(media.Sample{Data: next(number), Duration: frame}, nil)
	}
}

// simulate asks for an end of the session, by livekit-client's name of it.
func (d *deeds) simulate(scenario string) error {
	scenarios := map[string]lksdk.SimulateScenario{
		"node-failure": lksdk.SimulateNodeFailure, "migration": lksdk.SimulateMigration,
		"server-leave": lksdk.SimulateServerLeave, "leave-full-reconnect": lksdk.SimulateLeaveRequestFullReconnect,
	}
	chosen, ok := scenarios[scenario]
	if !ok {
		return errors.New("no such scenario: " + scenario)
	}
	d.room.Simulate(chosen)
	return nil
}

func (d *deeds) subscribe(identity string, wanted bool) error {
	who := d.room.GetParticipantByIdentity(identity)
	if who == nil {
		return errors.New("nobody is called " + identity)
	}
	for _, publication := range who.TrackPublications() {
		if remote, ok := publication.(*lksdk.RemoteTrackPublication); ok {
			if err := remote.SetSubscribed(wanted); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *deeds) file(order order) (map[string]any, error) {
	content := make([]byte, order.Length)
	_, _ = rand.Read(content)
	name := "noise"
	writer := d.room.LocalParticipant.StreamBytes(lksdk.StreamBytesOptions{
		Topic: order.Topic, DestinationIdentities: order.recipients(), TotalSize: uint64(order.Length), FileName: &name,
	})
	written := make(chan struct{})
	done := func() { close(written) }
	writer.Write(content, &done)
	<-written
	writer.Close()
	digest := sha256.Sum256(content)
	return map[string]any{"digest": hex.EncodeToString(digest[:])}, nil
}

func (d *deeds) listen(topic string) error {
	err := d.room.RegisterTextStreamHandler(topic, func(reader *lksdk.TextStreamReader, identity string) {
		text := reader.ReadAll()
		tell("text", map[string]any{
			"identity": identity, "topic": topic, "length": len([]rune(text)), "text": text[:min(200, len(text))],
		})
	})
	if err != nil {
		return err
	}
	return d.room.RegisterByteStreamHandler(topic, func(reader *lksdk.ByteStreamReader, identity string) {
		hash := sha256.New()
		length, _ := io.Copy(hash, reader)
		tell("file", map[string]any{
			"identity": identity, "topic": topic, "length": length, "digest": hex.EncodeToString(hash.Sum(nil)),
		})
	})
}

func (d *deeds) people() map[string]any {
	people := []map[string]any{}
	for _, who := range d.room.GetRemoteParticipants() {
		tracks := []string{}
		for _, publication := range who.TrackPublications() {
			tracks = append(tracks, publication.SID())
		}
		people = append(people, map[string]any{
			"identity": who.Identity(), "name": who.Name(), "kind": who.Kind(), "metadata": who.Metadata(),
			"attributes": who.Attributes(), "tracks": tracks,
		})
	}
	return map[string]any{"people": people}
}
