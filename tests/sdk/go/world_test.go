// Package sdk tells the server API as a user of the Go server SDK sees it: what it returns, what it says went wrong, and
// what goes over the SIP wire.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
)

const callee = "+15105550123"

var (
	address = os.Getenv("LIVEKIT_URL")
	key     = os.Getenv("LIVEKIT_API_KEY")
	secret  = os.Getenv("LIVEKIT_API_SECRET")
	sip     = lksdk.NewSIPClient(address, key, secret)
	rooms   = lksdk.NewRoomServiceClient(address, key, secret)
	wire    = livekit.NewSIPProtobufClient(address, http.DefaultClient) // under the SDK: asks for what that refuses by itself
	count   atomic.Int64
)

// asAdmin is for requests on the wire; the SDK's own calls bring their tokens.
func asAdmin(t *testing.T) context.Context {
	t.Helper()
	token, err := auth.NewAccessToken(key, secret).SetSIPGrant(&auth.SIPGrant{Admin: true}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := twirp.WithHTTPRequestHeaders(context.Background(), http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// newRoom names a room of this story alone.
func newRoom() string { return fmt.Sprintf("go-%d-%d", os.Getpid(), count.Add(1)) }

// through asks the world (tests/sdk/world.py) for something.
func through(t *testing.T, path string, body any, into any) {
	t.Helper()
	door := os.Getenv("WORLD_URL") + path
	var answer *http.Response
	var err error
	if body == nil {
		answer, err = http.Get(door)
	} else {
		encoded, _ := json.Marshal(body)
		answer, err = http.Post(door, "application/json", bytes.NewReader(encoded))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the world says: %s", content)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

type phone struct {
	t       *testing.T
	ID      int    `json:"id"`
	Address string `json:"address"`
}

// newPhone starts a phone; wanted is what the world's door takes.
func newPhone(t *testing.T, wanted map[string]any) *phone {
	t.Helper()
	made := &phone{t: t}
	through(t, "/phones", wanted, made)
	return made
}

func refusing(t *testing.T, code int, reason string, calls int) *phone {
	t.Helper()
	keys := map[string]any{"code": code, "reason": reason}
	return newPhone(t, map[string]any{"scenario": "refuse", "keys": keys, "calls": calls})
}

func playing(t *testing.T, scenario string) *phone {
	t.Helper()
	return newPhone(t, map[string]any{"scenario": scenario})
}

func (p *phone) requests(method string, count int) (messages []string) {
	p.t.Helper()
	through(p.t, fmt.Sprintf("/phones/%d/requests/%s?count=%d", p.ID, method, count), nil, &messages)
	return messages
}

func (p *phone) digits(count int) (digits string) {
	p.t.Helper()
	through(p.t, fmt.Sprintf("/phones/%d/digits?count=%d", p.ID, count), nil, &digits)
	return digits
}

// story waits until the phone has played its part, every message as expected.
func (p *phone) story() {
	p.t.Helper()
	var told map[string]any
	through(p.t, fmt.Sprintf("/phones/%d/story", p.ID), nil, &told)
}

type listener struct {
	t  *testing.T
	ID int `json:"id"`
}

func newListener(t *testing.T, room string) *listener {
	t.Helper()
	made := &listener{t: t}
	through(t, "/listeners", map[string]any{"room": room}, made)
	return made
}

func (l *listener) hears(identity string, hertz int) {
	l.t.Helper()
	var heard bool
	through(l.t, fmt.Sprintf("/listeners/%d/hears/%s?hertz=%d", l.ID, url.PathEscape(identity), hertz), nil, &heard)
}

func (l *listener) statuses(identity, last string) (seen []string) {
	l.t.Helper()
	through(l.t, fmt.Sprintf("/listeners/%d/statuses/%s?last=%s", l.ID, url.PathEscape(identity), last), nil, &seen)
	return seen
}

// headers gives the values of a header of a SIP message, in order.
func headers(message, name string) (values []string) {
	head, _, _ := strings.Cut(strings.ReplaceAll(message, "\r\n", "\n"), "\n\n")
	for _, line := range strings.Split(head, "\n")[1:] {
		if found, value, _ := strings.Cut(line, ":"); strings.EqualFold(found, name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func header(message, name string) string {
	return strings.Join(headers(message, name), ", ")
}

func newTrunk(t *testing.T, trunk *livekit.SIPOutboundTrunkInfo) *livekit.SIPOutboundTrunkInfo {
	t.Helper()
	if trunk.Numbers == nil {
		trunk.Numbers = []string{"+15105550100"}
	}
	made, err := sip.CreateSIPOutboundTrunk(context.Background(), &livekit.CreateSIPOutboundTrunkRequest{Trunk: trunk})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func trunkTo(t *testing.T, address string) string {
	t.Helper()
	return newTrunk(t, &livekit.SIPOutboundTrunkInfo{Name: "go", Address: address}).SipTrunkId
}

func call(trunk string) *livekit.CreateSIPParticipantRequest {
	return &livekit.CreateSIPParticipantRequest{
		SipTrunkId: trunk, SipCallTo: callee, RoomName: newRoom(), ParticipantIdentity: "callee", WaitUntilAnswered: true,
	}
}

func place(request *livekit.CreateSIPParticipantRequest) (*livekit.SIPParticipantInfo, error) {
	return sip.CreateSIPParticipant(context.Background(), request)
}

func placed(t *testing.T, request *livekit.CreateSIPParticipantRequest) *livekit.SIPParticipantInfo {
	t.Helper()
	info, err := place(request)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func seen(t *testing.T, request *livekit.CreateSIPParticipantRequest) *livekit.ParticipantInfo {
	t.Helper()
	found, err := rooms.GetParticipant(context.Background(), who(request))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func remove(t *testing.T, request *livekit.CreateSIPParticipantRequest) {
	t.Helper()
	if _, err := rooms.RemoveParticipant(context.Background(), who(request)); err != nil {
		t.Fatal(err)
	}
}

func who(request *livekit.CreateSIPParticipantRequest) *livekit.RoomParticipantIdentity {
	return &livekit.RoomParticipantIdentity{Room: request.RoomName, Identity: request.ParticipantIdentity}
}

// wantTwirp checks a failure that is not the telephone's.
func wantTwirp(t *testing.T, err error, code twirp.ErrorCode, text string) {
	t.Helper()
	var failure twirp.Error
	if !errors.As(err, &failure) {
		t.Fatalf("wanted a Twirp error, got %T %v", err, err)
	}
	if failure.Code() != code || !strings.Contains(failure.Msg(), text) {
		t.Errorf("wanted %s with %q, got %s with %q", code, text, failure.Code(), failure.Msg())
	}
	if lksdk.SIPStatusFrom(err) != nil {
		t.Errorf("no phone was asked, yet there is a SIP status: %v", err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func begins(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s: got %q, want it to begin with %q", what, got, want)
	}
}
