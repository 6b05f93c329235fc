package sdk

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestACallWithEverything(t *testing.T) {
	phone := playing(t, "answer_until_bye")
	trunk := newTrunk(t, &livekit.SIPOutboundTrunkInfo{
		Address:             phone.Address,
		Transport:           livekit.SIPTransport_SIP_TRANSPORT_UDP,
		Headers:             map[string]string{"X-Account": "42", "X-Both": "trunk"},
		HeadersToAttributes: map[string]string{"X-Carrier": "carrier.name"},
		AttributesToHeaders: map[string]string{"ticket": "X-Ticket"},
	}).SipTrunkId
	request := call(trunk)
	request.SipNumber = "+15105550111"
	request.ParticipantName = "The Callee"
	request.DisplayName = proto.String("Support Line")
	request.ParticipantMetadata = `{"ticket":7}`
	request.ParticipantAttributes = map[string]string{"ticket": "7", "sip.trunkID": "forged"}
	request.Headers = map[string]string{"X-A": "b", "X-Both": "request"}
	request.IncludeHeaders = livekit.SIPHeaderOptions_SIP_X_HEADERS
	request.RingingTimeout = durationpb.New(20 * time.Second)
	request.MaxCallDuration = durationpb.New(time.Minute)
	request.KrispEnabled = true
	request.PlayDialtone = true
	info := placed(t, request)
	equal(t, "identity", info.ParticipantIdentity, "callee")
	equal(t, "room", info.RoomName, request.RoomName)
	begins(t, "participant", info.ParticipantId, "PA_")
	begins(t, "call", info.SipCallId, "SCL_")

	invite := phone.requests("INVITE", 1)[0]
	begins(t, "INVITE", invite, "INVITE sip:"+callee+"@"+phone.Address+";transport=udp SIP/2.0")
	begins(t, "From", header(invite, "From"), `"Support Line" <sip:+15105550111@`)
	for name, value := range map[string]string{"X-A": "b", "X-Account": "42", "X-Both": "request"} {
		equal(t, name, header(invite, name), value)
	}
	found := seen(t, request)
	equal(t, "sid", found.Sid, info.ParticipantId)
	equal(t, "name", found.Name, "The Callee")
	equal(t, "metadata", found.Metadata, `{"ticket":7}`)
	for name, value := range map[string]string{
		"ticket": "7", "sip.trunkID": trunk, "sip.callID": info.SipCallId, "sip.callStatus": "active",
		"sip.phoneNumber": callee, "sip.trunkPhoneNumber": "+15105550111", "sip.hostname": phone.Address,
		"sip.callIDFull": header(invite, "Call-ID"), "carrier.name": "stranger", "sip.h.x-carrier": "stranger",
	} {
		equal(t, name, found.Attributes[name], value)
	}
	remove(t, request)
	equal(t, "X-Ticket", header(phone.requests("BYE", 1)[0], "X-Ticket"), "7")
	phone.story()
}

func TestTheDisplayNameNotGivenEmptyGiven(t *testing.T) {
	phone := refusing(t, 486, "Busy Here", 3)
	trunk := trunkTo(t, phone.Address)
	for _, name := range []*string{nil, proto.String(""), proto.String(`Dr. \"Who\"`)} {
		request := call(trunk)
		request.DisplayName = name
		if _, err := place(request); err == nil {
			t.Error("a busy phone is an error")
		}
	}
	invites := phone.requests("INVITE", 3)
	begins(t, "absent", header(invites[0], "From"), `"+15105550100" <sip:+15105550100@`)
	begins(t, "empty", header(invites[1], "From"), `<sip:+15105550100@`)
	begins(t, "given", header(invites[2], "From"), `"Dr. \"Who\"" <sip:+15105550100@`)
}

func TestAHiddenNumberShowsNowhereInTheRoom(t *testing.T) {
	phone := playing(t, "answer_until_bye")
	request := call(trunkTo(t, phone.Address))
	request.HidePhoneNumber = true
	placed(t, request)
	attributes := seen(t, request).Attributes
	for _, name := range []string{"sip.phoneNumber", "sip.trunkPhoneNumber", "sip.hostname"} {
		if value, shown := attributes[name]; shown {
			t.Errorf("%s shows %s", name, value)
		}
	}
	remove(t, request)
	phone.story()
}

func TestATrunkCanComeWithTheCall(t *testing.T) {
	phone := playing(t, "answer_after_challenge")
	request := call("")
	request.SipNumber = "+15105550100"
	request.ParticipantAttributes = map[string]string{"why": "test"}
	request.Trunk = &livekit.SIPOutboundConfig{
		Hostname:            phone.Address,
		Transport:           livekit.SIPTransport_SIP_TRANSPORT_UDP,
		AuthUsername:        "caller",
		AuthPassword:        "correct horse",
		FromHost:            "pbx.example.com",
		HeadersToAttributes: map[string]string{"X-Carrier": "carrier.name"},
		AttributesToHeaders: map[string]string{"why": "X-Why"},
	}
	placed(t, request)
	invites := phone.requests("INVITE", 2)
	begins(t, "From", header(invites[0], "From"), `"+15105550100" <sip:+15105550100@pbx.example.com`)
	equal(t, "carrier.name", seen(t, request).Attributes["carrier.name"], "stranger")
	remove(t, request)
	equal(t, "X-Why", header(phone.requests("BYE", 1)[0], "X-Why"), "test")
	phone.story()
}

func TestDigitsAreSentAfterTheAnswerAndBeforeTheCallReturns(t *testing.T) {
	phone := newPhone(t, map[string]any{"baresip": true})
	request := call(trunkTo(t, phone.Address))
	request.Dtmf = "*123#ww456"
	watcher := newListener(t, request.RoomName)
	placed(t, request)
	equal(t, "digits", phone.digits(8), "*123#456")
	statuses := watcher.statuses("callee", "active")
	equal(t, "statuses", slices.Equal(statuses[len(statuses)-2:], []string{"automation", "active"}), true)
	remove(t, request)
}

func TestTheRoomHearsADialToneWhileThePhoneRings(t *testing.T) {
	phone := playing(t, "ring_until_cancelled")
	request := call(trunkTo(t, phone.Address))
	request.WaitUntilAnswered = false
	request.PlayDialtone = true
	watcher := newListener(t, request.RoomName)
	placed(t, request)
	watcher.hears("callee", 425)
	remove(t, request)
	phone.story()
}

func TestACallEndsWhenItsLongestDurationIsOver(t *testing.T) {
	phone := playing(t, "answer_until_bye")
	request := call(trunkTo(t, phone.Address))
	request.MaxCallDuration = durationpb.New(1500 * time.Millisecond)
	placed(t, request)
	phone.story()
}

func TestTheCodecsThatAreAskedForAreOffered(t *testing.T) {
	phone := refusing(t, 488, "Not Acceptable Here", 2)
	trunk := trunkTo(t, phone.Address)
	for _, only := range []bool{false, true} {
		request := call(trunk)
		request.Media = &livekit.SIPMediaConfig{OnlyListedCodecs: only, Codecs: []*livekit.SIPCodec{{Name: "PCMA"}}}
		if _, err := place(request); err == nil {
			t.Error("488 is an error")
		}
	}
	invites := phone.requests("INVITE", 2)
	for i, offer := range []string{`m=audio \d+ RTP/AVP 8 0 \d+\s`, `m=audio \d+ RTP/AVP 8 \d+\s`} {
		if !regexp.MustCompile(offer).MatchString(invites[i]) {
			t.Errorf("the offer should match %s:\n%s", offer, invites[i])
		}
	}
}

func TestARefusalCarriesTheTelephonesCode(t *testing.T) {
	for _, refusal := range []struct {
		code   int
		reason string
		grpc   codes.Code
	}{
		{486, "Busy Here", codes.ResourceExhausted},
		{603, "Decline", codes.PermissionDenied},
		{404, "Not Found", codes.NotFound},
		{480, "Temporarily Unavailable", codes.ResourceExhausted},
		{408, "Request Timeout", codes.DeadlineExceeded},
		{484, "Address Incomplete", codes.InvalidArgument},
		{503, "Service Unavailable", codes.FailedPrecondition},
	} {
		t.Run(refusal.reason, func(t *testing.T) {
			phone := refusing(t, refusal.code, refusal.reason, 1)
			_, err := place(call(trunkTo(t, phone.Address)))
			told := lksdk.SIPStatusFrom(err)
			if told == nil {
				t.Fatalf("no SIP status in %T %v", err, err)
			}
			equal(t, "SIP code", int(told.Code), refusal.code)
			equal(t, "SIP status", told.Status, refusal.reason)
			equal(t, "gRPC code", status.Code(err), refusal.grpc)
			phone.story()
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	phone := playing(t, "ring_until_cancelled")
	request := call(trunkTo(t, phone.Address))
	request.RingingTimeout = durationpb.New(time.Second)
	_, err := place(request)
	wantTwirp(t, err, twirp.Canceled, "sip request timed out")
	phone.story()
}

func TestAProgramThatGivesUpTakesItsCallWithIt(t *testing.T) {
	phone := playing(t, "ring_until_cancelled")
	ctx, cancel := context.WithCancel(context.Background())
	request := call(trunkTo(t, phone.Address))
	failed := make(chan error)
	go func() {
		_, err := sip.CreateSIPParticipant(ctx, request)
		failed <- err
	}()
	phone.requests("INVITE", 1)
	cancel()
	if err := <-failed; err == nil {
		t.Error("a cancelled context is an error")
	}
	phone.story()
}

func TestNothingListensWhereTheTrunkLeads(t *testing.T) {
	phone := refusing(t, 486, "Busy Here", 1) // on UDP only
	tcp := livekit.SIPTransport_SIP_TRANSPORT_TCP
	trunk := newTrunk(t, &livekit.SIPOutboundTrunkInfo{Address: phone.Address, Transport: tcp}).SipTrunkId
	_, err := place(call(trunk))
	wantTwirp(t, err, twirp.FailedPrecondition, "refused")
}
