package sdk

import (
	"context"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
)

// What the SDK takes beside a request, and the deprecated names of what is in one.

// answering is a phone that rings for so long, answers, and takes whatever ends the call.
func answering(t *testing.T, after time.Duration) *phone {
	t.Helper()
	keys := map[string]any{"ring": after.Milliseconds(), "contact": "[local_ip]:[local_port]"}
	return newPhone(t, map[string]any{"scenario": "until_the_end", "keys": keys})
}

// waitingFor is a context whose requests say how long their caller waits, as the SDK's do for deadlines below 5 s.
func waitingFor(t *testing.T, milliseconds string) context.Context {
	t.Helper()
	ctx, err := twirp.WithHTTPRequestHeaders(context.Background(), http.Header{"X-Twirp-Timeout-Ms": {milliseconds}})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func TestACallThatIsNotWaitedForOutlivesTheDeadlineOfItsRequest(t *testing.T) {
	phone := answering(t, 2*time.Second)
	request := call(trunkTo(t, phone.Address))
	request.WaitUntilAnswered = false
	watcher := newListener(t, request.RoomName)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := sip.CreateSIPParticipant(ctx, request); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	equal(t, "after the deadline", seen(t, request).Attributes["sip.callStatus"], "ringing")
	watcher.statuses("callee", "active")
	remove(t, request)
	phone.story()
}

func TestADeadlineBelowTheRingingTimeoutCutsOffNoPhoneThatRings(t *testing.T) {
	phone := answering(t, 1500*time.Millisecond)
	request := call(trunkTo(t, phone.Address))
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if _, err := sip.CreateSIPParticipant(ctx, request); err != nil {
		t.Fatal(err)
	}
	equal(t, "status", seen(t, request).Attributes["sip.callStatus"], "active")
	remove(t, request)
	phone.story()
}

func TestACallThatNobodyAnswersEndsWithItsCallersPatience(t *testing.T) {
	phone := playing(t, "ring_until_cancelled")
	_, err := sip.CreateSIPParticipant(waitingFor(t, "1500"), call(trunkTo(t, phone.Address)))
	wantTwirp(t, err, twirp.DeadlineExceeded, "twirp error unknown: request timed out")
	phone.story()
}

func TestWhosePatienceEndsWithTheDigitsUnsentIsToldThatThePhoneHasAnswered(t *testing.T) {
	phone := playing(t, "answer_until_bye")
	request := call(trunkTo(t, phone.Address))
	request.Dtmf = "wwwwwwwwww"
	watcher := newListener(t, request.RoomName)
	info, err := sip.CreateSIPParticipant(waitingFor(t, "1500"), request)
	if err != nil {
		t.Fatal(err)
	}
	found := seen(t, request)
	equal(t, "participant", found.Sid, info.ParticipantId)
	equal(t, "the digits go on", found.Attributes["sip.callStatus"], "automation")
	watcher.statuses("callee", "active")
	remove(t, request)
	phone.story()
}

func TestRequiredEncryptionIsOfferedWhoeverAsksByWhicheverName(t *testing.T) {
	require := livekit.SIPMediaEncryption_SIP_MEDIA_ENCRYPT_REQUIRE
	media := &livekit.SIPMediaConfig{Encryption: &require}
	for name, fields := range map[string]struct {
		trunk   *livekit.SIPOutboundTrunkInfo
		request *livekit.CreateSIPParticipantRequest
	}{
		"the request":             {request: &livekit.CreateSIPParticipantRequest{Media: media}},
		"the request, deprecated": {request: &livekit.CreateSIPParticipantRequest{MediaEncryption: require}},
		"the trunk":               {trunk: &livekit.SIPOutboundTrunkInfo{Media: media}},
		"the trunk, deprecated":   {trunk: &livekit.SIPOutboundTrunkInfo{MediaEncryption: require}},
	} {
		t.Run(name, func(t *testing.T) {
			phone := refusing(t, 488, "Not Acceptable Here", 1)
			trunk := &livekit.SIPOutboundTrunkInfo{Address: phone.Address}
			proto.Merge(trunk, fields.trunk)
			request := call(newTrunk(t, trunk).SipTrunkId)
			proto.Merge(request, fields.request)
			_, err := place(request)
			equal(t, "refused by the phone", lksdk.SIPStatusFrom(err).GetCode(), livekit.SIPStatusCode(488))
			offer := phone.requests("INVITE", 1)[0]
			if !regexp.MustCompile(`m=audio \d+ RTP/SAVP (?s:.*)a=crypto:1 `).MatchString(offer) {
				t.Errorf("not offered encrypted:\n%s", offer)
			}
		})
	}
}

func TestPasswordsAreLeftOutOfATrunkThatIsFetched(t *testing.T) {
	var hiding struct{ URL string }
	through(t, "/servers", map[string]any{"api": map[string]any{"hide_passwords": true}}, &hiding)
	made, err := lksdk.NewSIPClient(hiding.URL, key, secret).CreateSIPOutboundTrunk(context.Background(),
		&livekit.CreateSIPOutboundTrunkRequest{Trunk: &livekit.SIPOutboundTrunkInfo{
			Address: "sip.example.com", Numbers: []string{"+15105550100"}, AuthUsername: "caller", AuthPassword: "correct horse",
		}})
	if err != nil {
		t.Fatal(err)
	}
	client := livekit.NewSIPProtobufClient(hiding.URL, http.DefaultClient)
	one := &livekit.GetSIPOutboundTrunkRequest{SipTrunkId: made.SipTrunkId}
	found, err := client.GetSIPOutboundTrunk(asAdmin(t), one)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "user name", found.Trunk.AuthUsername, "caller")
	equal(t, "password", found.Trunk.AuthPassword, "")
}
