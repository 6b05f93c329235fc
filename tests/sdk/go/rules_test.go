package sdk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// What a request and a trunk may say: every rule that can be broken, broken, and what just keeps to the rules. The files
// beside this folder are read by the suites of Python and Node too.

const plainTrunk = `{"address": "sip.example.com", "numbers": ["+15105550100"]}`

var times = regexp.MustCompile(`\{(.)\*(\d+)\}`)

// stories reads what a file beside this folder tells; `{x*257}` in it stands for 257 times x.
func stories[T any](t *testing.T, name string) (told []T) {
	t.Helper()
	content, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	text := times.ReplaceAllStringFunc(string(content), func(short string) string {
		parts := times.FindStringSubmatch(short)
		count, _ := strconv.Atoi(parts[2])
		return strings.Repeat(parts[1], count)
	})
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		t.Fatal(err)
	}
	return told
}

// given reads a message from what a story says over what is plain.
func given(story json.RawMessage, into proto.Message, plain string) error {
	var whole map[string]json.RawMessage
	for _, part := range [][]byte{[]byte(plain), story} {
		if err := json.Unmarshal(part, &whole); err != nil {
			return err
		}
	}
	both, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(both, into)
}

type refusal struct {
	Story string
	Code  twirp.ErrorCode
	Text  string
}

func (r refusal) is(t *testing.T, err error) {
	t.Helper()
	if r.Code == "" {
		r.Code = twirp.InvalidArgument
	}
	wantTwirp(t, err, r.Code, r.Text)
}

// callStory is one of refused.json or accepted.json.
type callStory struct {
	refusal
	Request json.RawMessage
}

func plainCall(t *testing.T, room string) string {
	t.Helper()
	return fmt.Sprintf(`{"sip_trunk_id": %q, "sip_call_to": %q, "room_name": %q}`, trunkTo(t, "127.0.0.1:9"), callee, room)
}

func TestACallThatBreaksARuleIsRefusedWithTheRule(t *testing.T) {
	plain := plainCall(t, "refused")
	var cannot []string
	for _, story := range stories[callStory](t, "refused.json") {
		request := &livekit.CreateSIPParticipantRequest{}
		if given(story.Request, request, plain) != nil {
			cannot = append(cannot, story.Story)
			continue
		}
		t.Run(story.Story, func(t *testing.T) {
			_, err := place(request)
			story.is(t, err)
		})
	}
	// This release has no to_user_override.
	equal(t, "cannot be asked for", strings.Join(cannot, ", "), "a To user that is a URI, a To user with blanks")
}

func TestACallThatJustKeepsToTheRulesIsPlaced(t *testing.T) {
	for _, story := range stories[callStory](t, "accepted.json") {
		t.Run(story.Story, func(t *testing.T) {
			request := &livekit.CreateSIPParticipantRequest{}
			if err := given(story.Request, request, plainCall(t, newRoom())); err != nil {
				t.Fatal(err)
			}
			info := placed(t, request)
			equal(t, "room", info.RoomName, request.RoomName)
			equal(t, "identity", info.ParticipantIdentity, cmp.Or(request.ParticipantIdentity, "sip_"+callee))
			begins(t, "call", info.SipCallId, "SCL_")
			gone := &livekit.DeleteRoomRequest{Room: request.RoomName}
			if _, err := rooms.DeleteRoom(context.Background(), gone); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// trunkStory is one of refused_trunks.json.
type trunkStory struct {
	refusal
	Create, Change json.RawMessage
	Get, Delete    *string
}

// ask does what the story does. What the SDK refuses by itself is asked for on the wire.
func (s trunkStory) ask(t *testing.T) (err error) {
	t.Helper()
	ctx := context.Background()
	switch {
	case s.Get != nil:
		_, err = wire.GetSIPOutboundTrunk(asAdmin(t), &livekit.GetSIPOutboundTrunkRequest{SipTrunkId: *s.Get})
	case s.Delete != nil:
		_, err = sip.DeleteSIPTrunk(ctx, &livekit.DeleteSIPTrunkRequest{SipTrunkId: *s.Delete})
	case s.Change != nil:
		request := &livekit.UpdateSIPOutboundTrunkRequest{}
		if err := given(s.Change, request, fmt.Sprintf(`{"sip_trunk_id": %q}`, trunkTo(t, "sip.example.com"))); err != nil {
			t.Fatal(err)
		}
		if _, err = sip.UpdateSIPOutboundTrunk(ctx, request); errors.Is(err, lksdk.ErrInvalidParameter) {
			_, err = wire.UpdateSIPOutboundTrunk(asAdmin(t), request)
		}
	default:
		request := &livekit.CreateSIPOutboundTrunkRequest{}
		if string(s.Create) != "null" {
			request.Trunk = s.trunk(t)
		}
		if _, err = sip.CreateSIPOutboundTrunk(ctx, request); errors.Is(err, lksdk.ErrInvalidParameter) {
			_, err = wire.CreateSIPOutboundTrunk(asAdmin(t), request)
		}
	}
	return err
}

func (s trunkStory) trunk(t *testing.T) *livekit.SIPOutboundTrunkInfo {
	t.Helper()
	trunk := &livekit.SIPOutboundTrunkInfo{}
	if err := given(s.Create, trunk, plainTrunk); err != nil {
		t.Fatal(err)
	}
	return trunk
}

func TestATrunkThatBreaksARuleIsRefusedWithTheRule(t *testing.T) {
	for _, story := range stories[trunkStory](t, "refused_trunks.json") {
		t.Run(story.Story, func(t *testing.T) { story.is(t, story.ask(t)) })
	}
}

func TestATrunkThatJustKeepsToTheRulesComesBackAsItWasCreated(t *testing.T) {
	for _, story := range stories[struct {
		Story string
		Trunk json.RawMessage
	}](t, "accepted_trunks.json") {
		t.Run(story.Story, func(t *testing.T) {
			asked := &livekit.SIPOutboundTrunkInfo{}
			if err := given(story.Trunk, asked, plainTrunk); err != nil {
				t.Fatal(err)
			}
			made := newTrunk(t, proto.Clone(asked).(*livekit.SIPOutboundTrunkInfo))
			made.SipTrunkId, made.CreatedAt, made.UpdatedAt = "", nil, nil
			if !proto.Equal(made, asked) {
				t.Errorf("got %v, want %v", made, asked)
			}
		})
	}
}

func TestAHeaderThatTheProtocolWritesIsSetByNoTrunkAndNoCall(t *testing.T) {
	trunk := trunkTo(t, "127.0.0.1:9")
	for _, name := range stories[string](t, "reserved_headers.json") {
		t.Run(name, func(t *testing.T) {
			refused := refusal{Text: "invalid header name: header name " + name + " not supported"}
			headers := map[string]string{name: "x"}
			made := &livekit.SIPOutboundTrunkInfo{Address: "a.com", Numbers: []string{"+1"}, Headers: headers}
			_, err := sip.CreateSIPOutboundTrunk(context.Background(), &livekit.CreateSIPOutboundTrunkRequest{Trunk: made})
			refused.is(t, err)
			request := call(trunk)
			request.Headers = headers
			_, err = place(request)
			refused.is(t, err)
		})
	}
}

func TestADurationThatProtobufDoesNotKnowIsRefused(t *testing.T) {
	trunk := trunkTo(t, "127.0.0.1:9")
	for _, duration := range []*durationpb.Duration{
		{Seconds: 315_576_000_001}, {Seconds: -315_576_000_001}, {Nanos: 1_000_000_000}, {Seconds: 1, Nanos: -1},
	} {
		for field, set := range map[string]func(*livekit.CreateSIPParticipantRequest){
			"ringing_timeout":   func(r *livekit.CreateSIPParticipantRequest) { r.RingingTimeout = duration },
			"max_call_duration": func(r *livekit.CreateSIPParticipantRequest) { r.MaxCallDuration = duration },
			"media_timeout": func(r *livekit.CreateSIPParticipantRequest) {
				r.Media = &livekit.SIPMediaConfig{MediaTimeout: duration}
			},
		} {
			request := call(trunk)
			request.WaitUntilAnswered = false
			set(request)
			_, err := place(request)
			wantTwirp(t, err, twirp.InvalidArgument, field)
		}
	}
}

func TestADurationOutOfItsRangeIsTheDefault(t *testing.T) {
	for _, seconds := range []int64{-1, 0, 25 * 3600} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			phone := playing(t, "ring_until_cancelled")
			request := call(trunkTo(t, phone.Address))
			request.WaitUntilAnswered = false
			request.RingingTimeout = &durationpb.Duration{Seconds: seconds}
			request.MaxCallDuration = &durationpb.Duration{Seconds: seconds}
			watcher := newListener(t, request.RoomName)
			placed(t, request)
			watcher.statuses("callee", "ringing")
			equal(t, "nobody gave up", seen(t, request).Attributes["sip.callStatus"], "ringing")
			remove(t, request)
			equal(t, "CANCELs", len(phone.requests("CANCEL", 1)), 1)
			phone.story()
		})
	}
}
