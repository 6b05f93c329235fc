package sdk

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
)

const nobody = "twirp error unknown: participant does not exist"

func (l *listener) speaks(hertz int) string {
	l.t.Helper()
	var made struct{ Track string }
	through(l.t, fmt.Sprintf("/listeners/%d/voice", l.ID), map[string]any{"hertz": hertz}, &made)
	return made.Track
}

func (l *listener) silence(identity string) {
	l.t.Helper()
	var heard bool
	through(l.t, fmt.Sprintf("/listeners/%d/silence/%s", l.ID, url.PathEscape(identity)), nil, &heard)
}

func (l *listener) sees(identity string, known url.Values) (about map[string]string) {
	l.t.Helper()
	path := fmt.Sprintf("/listeners/%d/sees/%s?%s", l.ID, url.PathEscape(identity), known.Encode())
	through(l.t, path, nil, &about)
	return about
}

func (l *listener) room(known url.Values) (about map[string]string) {
	l.t.Helper()
	through(l.t, fmt.Sprintf("/listeners/%d/room?%s", l.ID, known.Encode()), nil, &about)
	return about
}

type message struct{ From, Text, Topic string }

func (l *listener) data(count int) (got []message) {
	l.t.Helper()
	through(l.t, fmt.Sprintf("/listeners/%d/data?count=%d", l.ID, count), nil, &got)
	return got
}

func (l *listener) left(identity string) (reason livekit.DisconnectReason) {
	l.t.Helper()
	through(l.t, fmt.Sprintf("/listeners/%d/left/%s", l.ID, url.PathEscape(identity)), nil, &reason)
	return reason
}

func (p *phone) hears(hertz int) {
	p.t.Helper()
	var heard bool
	through(p.t, fmt.Sprintf("/phones/%d/hears?hertz=%d", p.ID, hertz), nil, &heard)
}

// talking gives a phone that hums 700 Hz in a room where somebody listens.
func talking(t *testing.T) (*phone, *listener, *livekit.RoomParticipantIdentity) {
	t.Helper()
	phone := newPhone(t, map[string]any{"baresip": true})
	request := call(trunkTo(t, phone.Address))
	watcher := newListener(t, request.RoomName)
	placed(t, request)
	watcher.hears("callee", 700)
	return phone, watcher, who(request)
}

func deleteRoom(t *testing.T, room string) {
	t.Helper()
	if _, err := rooms.DeleteRoom(context.Background(), &livekit.DeleteRoomRequest{Room: room}); err != nil {
		t.Fatal(err)
	}
}

func TestARoomIsMadeAsAskedFoundAndDeleted(t *testing.T) {
	ctx, name := context.Background(), newRoom()
	made, err := rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{
		Name: name, EmptyTimeout: 77, DepartureTimeout: 7, MaxParticipants: 2, Metadata: "m",
	})
	if err != nil {
		t.Fatal(err)
	}
	begins(t, "sid", made.Sid, "RM_")
	equal(t, "empty timeout", made.EmptyTimeout, 77)
	equal(t, "departure timeout", made.DepartureTimeout, 7)
	equal(t, "participants", made.MaxParticipants, 2)
	watcher := newListener(t, name)
	changed, err := rooms.UpdateRoomMetadata(ctx, &livekit.UpdateRoomMetadataRequest{Room: name, Metadata: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "metadata", changed.Metadata, "hello")
	equal(t, "name", watcher.room(url.Values{"metadata": {"hello"}})["name"], name)
	found, err := rooms.ListRooms(ctx, &livekit.ListRoomsRequest{Names: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "metadata", found.Rooms[0].Metadata, "hello")
	deleteRoom(t, name)
	_, err = rooms.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: name})
	wantTwirp(t, err, twirp.NotFound, "twirp error unknown: requested room does not exist")
	_, err = rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: strings.Repeat("x", 257)})
	wantTwirp(t, err, twirp.InvalidArgument, "room name length exceeds limits: max length 256")
}

func TestAPhonesNameMetadataAndAttributesChange(t *testing.T) {
	phone := playing(t, "answer_until_bye")
	trunk := newTrunk(t, &livekit.SIPOutboundTrunkInfo{
		Address: phone.Address, AttributesToHeaders: map[string]string{"ticket": "X-Ticket"},
	}).SipTrunkId
	request := call(trunk)
	request.ParticipantAttributes = map[string]string{"ticket": "1", "plain": "x"}
	watcher := newListener(t, request.RoomName)
	placed(t, request)
	updated, err := rooms.UpdateParticipant(context.Background(), &livekit.UpdateParticipantRequest{
		Room: request.RoomName, Identity: "callee", Name: "Caller", Metadata: "m",
		Attributes: map[string]string{"ticket": "42", "plain": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "name", updated.Name, "Caller")
	if _, there := updated.Attributes["plain"]; there {
		t.Error("an empty value deletes")
	}
	known := url.Values{"name": {"Caller"}, "metadata": {"m"}, "ticket": {"42"}}
	equal(t, "status", watcher.sees("callee", known)["sip.callStatus"], "active")
	remove(t, request)
	equal(t, "X-Ticket", header(phone.requests("BYE", 1)[0], "X-Ticket"), "42")
	equal(t, "reason", watcher.left("callee"), livekit.DisconnectReason_PARTICIPANT_REMOVED)
	phone.story()
	for _, story := range []struct {
		update *livekit.UpdateParticipantRequest
		text   string
	}{
		{&livekit.UpdateParticipantRequest{Name: strings.Repeat("x", 257)}, "name length exceeds limits 256"},
		{&livekit.UpdateParticipantRequest{Metadata: strings.Repeat("x", 512<<10+1)}, "metadata size exceeds limits 524288"},
		{
			&livekit.UpdateParticipantRequest{Attributes: map[string]string{"a": strings.Repeat("x", 64<<10)}},
			"attribute size exceeds limits 65536",
		},
	} {
		story.update.Room, story.update.Identity = request.RoomName, fmt.Sprintf("listener-%d", watcher.ID)
		_, err := rooms.UpdateParticipant(context.Background(), story.update)
		wantTwirp(t, err, twirp.InvalidArgument, story.text)
	}
}

func TestAMutedPhoneIsSilentInTheRoom(t *testing.T) {
	_, watcher, who := talking(t)
	found, err := rooms.GetParticipant(context.Background(), who)
	if err != nil {
		t.Fatal(err)
	}
	mute := &livekit.MuteRoomTrackRequest{Room: who.Room, Identity: who.Identity, TrackSid: found.Tracks[0].Sid, Muted: true}
	muted, err := rooms.MutePublishedTrack(context.Background(), mute)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "muted", muted.Track.Muted, true)
	watcher.sees("callee", url.Values{"muted": {"true"}})
	watcher.silence("callee")
	mute.Muted = false
	_, err = rooms.MutePublishedTrack(context.Background(), mute)
	wantTwirp(t, err, twirp.FailedPrecondition, "twirp error unknown: remote unmute not enabled")
	deleteRoom(t, who.Room)
}

func TestAPhoneHearsWhomItIsSubscribedTo(t *testing.T) {
	phone, watcher, who := talking(t)
	track := watcher.speaks(1100)
	phone.hears(1100)
	_, err := rooms.UpdateSubscriptions(context.Background(), &livekit.UpdateSubscriptionsRequest{
		Room: who.Room, Identity: who.Identity, TrackSids: []string{track}, Subscribe: false,
	})
	if err != nil {
		t.Fatal(err)
	}
	newListener(t, who.Room).speaks(1700)
	phone.hears(1700)
	deleteRoom(t, who.Room)
}

func TestDataGoesToAllOrToSome(t *testing.T) {
	room := newRoom()
	one, two := newListener(t, room), newListener(t, room)
	for _, request := range []*livekit.SendDataRequest{
		{Data: []byte("all"), Topic: proto.String("t")},
		{Data: []byte("two"), DestinationIdentities: []string{fmt.Sprintf("listener-%d", two.ID)}},
		{Data: []byte("last")},
	} {
		request.Room = room
		if _, err := rooms.SendData(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	plain := []message{{Text: "all", Topic: "t"}, {Text: "two"}, {Text: "last"}}
	equal(t, "two's", slices.Equal(two.data(3), plain), true)
	equal(t, "one's", slices.Equal(one.data(2), []message{plain[0], plain[2]}), true)
	_, err := rooms.SendData(context.Background(), &livekit.SendDataRequest{Room: newRoom()})
	wantTwirp(t, err, twirp.NotFound, "twirp error unknown: requested room does not exist")
}

func TestAPhoneIsMovedToAnotherRoomAndItsCallGoesOn(t *testing.T) {
	phone, watcher, who := talking(t)
	destination := newRoom()
	agent := newListener(t, destination)
	agent.speaks(1700)
	move := &livekit.MoveParticipantRequest{Room: who.Room, Identity: who.Identity, DestinationRoom: destination}
	if _, err := rooms.MoveParticipant(context.Background(), move); err != nil {
		t.Fatal(err)
	}
	agent.hears("callee", 700)
	phone.hears(1700)
	equal(t, "reason", watcher.left("callee"), livekit.DisconnectReason_MIGRATION)
	_, err := rooms.MoveParticipant(context.Background(), move)
	wantTwirp(t, err, twirp.NotFound, nobody)
	deleteRoom(t, destination)
}

func TestAPhoneIsForwardedToAnotherRoomAndStaysInItsOwn(t *testing.T) {
	_, watcher, who := talking(t)
	destination := newRoom()
	agent := newListener(t, destination)
	forward := &livekit.ForwardParticipantRequest{Room: who.Room, Identity: who.Identity, DestinationRoom: destination}
	if _, err := rooms.ForwardParticipant(context.Background(), forward); err != nil {
		t.Fatal(err)
	}
	agent.hears("callee", 700)
	guest := &livekit.RoomParticipantIdentity{Room: destination, Identity: "callee"}
	seen, err := rooms.GetParticipant(context.Background(), guest)
	if err != nil {
		t.Fatal(err)
	}
	details := []livekit.ParticipantInfo_KindDetail{livekit.ParticipantInfo_FORWARDED}
	equal(t, "what it is", slices.Equal(seen.KindDetails, details), true)
	onward := &livekit.ForwardParticipantRequest{Room: destination, Identity: "callee", DestinationRoom: newRoom()}
	_, err = rooms.ForwardParticipant(context.Background(), onward)
	wantTwirp(t, err, twirp.FailedPrecondition, "twirp error unknown: participant is forwarded from another room")
	if _, err := rooms.RemoveParticipant(context.Background(), guest); err != nil {
		t.Fatal(err)
	}
	equal(t, "reason", agent.left("callee"), livekit.DisconnectReason_PARTICIPANT_REMOVED)
	equal(t, "its call", watcher.sees("callee", nil)["sip.callStatus"], "active")
	deleteRoom(t, destination)
}
