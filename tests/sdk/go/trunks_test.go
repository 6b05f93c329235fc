package sdk

import (
	"context"
	"slices"
	"testing"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

func update(id string, fields *livekit.SIPOutboundTrunkUpdate) (*livekit.SIPOutboundTrunkInfo, error) {
	return sip.UpdateSIPOutboundTrunk(context.Background(), &livekit.UpdateSIPOutboundTrunkRequest{
		SipTrunkId: id,
		Action:     &livekit.UpdateSIPOutboundTrunkRequest_Update{Update: fields},
	})
}

func list(t *testing.T, request *livekit.ListSIPOutboundTrunkRequest) (ids []string) {
	t.Helper()
	found, err := sip.ListSIPOutboundTrunk(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, trunk := range found.Items {
		ids = append(ids, trunk.SipTrunkId)
	}
	return ids
}

func TestATrunkComesBackAsItWasCreated(t *testing.T) {
	asked := &livekit.SIPOutboundTrunkInfo{
		Name:                "carrier",
		Metadata:            "m",
		Address:             "sip.example.com:5080",
		Transport:           livekit.SIPTransport_SIP_TRANSPORT_TCP,
		Numbers:             []string{"+15105550100", "+15105550101"},
		AuthUsername:        "caller",
		AuthPassword:        "correct horse",
		Headers:             map[string]string{"X-Account": "42"},
		HeadersToAttributes: map[string]string{"X-Carrier": "carrier.name"},
		AttributesToHeaders: map[string]string{"ticket": "X-Ticket"},
		IncludeHeaders:      livekit.SIPHeaderOptions_SIP_ALL_HEADERS,
		DestinationCountry:  "US",
		FromHost:            "pbx.example.com",
		Media: &livekit.SIPMediaConfig{
			OnlyListedCodecs: true,
			Codecs:           []*livekit.SIPCodec{{Name: "PCMA", Rate: 8000}},
			MediaTimeout:     durationpb.New(20e9),
		},
	}
	made := newTrunk(t, proto.Clone(asked).(*livekit.SIPOutboundTrunkInfo))
	found, err := sip.GetSIPOutboundTrunksByIDs(context.Background(), []string{made.SipTrunkId})
	if err != nil {
		t.Fatal(err)
	}
	asked.SipTrunkId = made.SipTrunkId
	for _, trunk := range []*livekit.SIPOutboundTrunkInfo{made, found[0]} {
		trunk.CreatedAt, trunk.UpdatedAt = nil, nil
		if !proto.Equal(trunk, asked) {
			t.Errorf("got %v, want %v", trunk, asked)
		}
	}
}

func TestSingleFieldsChangeAndTheOthersStay(t *testing.T) {
	id := newTrunk(t, &livekit.SIPOutboundTrunkInfo{Address: "sip.example.com", Metadata: "kept"}).SipTrunkId
	allow := livekit.SIPMediaEncryption_SIP_MEDIA_ENCRYPT_ALLOW
	changed, err := update(id, &livekit.SIPOutboundTrunkUpdate{
		Address:            proto.String("other.example.com"),
		Transport:          livekit.SIPTransport_SIP_TRANSPORT_UDP.Enum(),
		Numbers:            &livekit.ListUpdate{Add: []string{"+15105550199"}, Remove: []string{"+15105550100"}},
		AuthUsername:       proto.String("other"),
		AuthPassword:       proto.String("other password"),
		Name:               proto.String("renamed"),
		DestinationCountry: proto.String("DE"),
		FromHost:           proto.String("pbx.example.com"),
		Media:              &livekit.SIPMediaConfig{Encryption: &allow},
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "address", changed.Address, "other.example.com")
	equal(t, "transport", changed.Transport, livekit.SIPTransport_SIP_TRANSPORT_UDP)
	equal(t, "numbers", slices.Equal(changed.Numbers, []string{"+15105550199"}), true)
	equal(t, "username", changed.AuthUsername, "other")
	equal(t, "password", changed.AuthPassword, "other password")
	equal(t, "name", changed.Name, "renamed")
	equal(t, "country", changed.DestinationCountry, "DE")
	equal(t, "from host", changed.FromHost, "pbx.example.com")
	equal(t, "encryption", changed.Media.GetEncryption(), allow)
	equal(t, "metadata", changed.Metadata, "kept")
	_, err = update(id, &livekit.SIPOutboundTrunkUpdate{Numbers: &livekit.ListUpdate{}})
	wantTwirp(t, err, twirp.InvalidArgument, "list update")
	_, err = update(id, &livekit.SIPOutboundTrunkUpdate{Address: proto.String("sip:a.com")})
	wantTwirp(t, err, twirp.InvalidArgument, "not SIP URI")
}

func TestATrunkIsReplacedWhole(t *testing.T) {
	id := newTrunk(t, &livekit.SIPOutboundTrunkInfo{Address: "sip.example.com", Metadata: "old"}).SipTrunkId
	second := &livekit.SIPOutboundTrunkInfo{Name: "second", Address: "other.example.com", Numbers: []string{"+15105550177"}}
	replaced, err := sip.UpdateSIPOutboundTrunk(context.Background(), &livekit.UpdateSIPOutboundTrunkRequest{
		SipTrunkId: id,
		Action:     &livekit.UpdateSIPOutboundTrunkRequest_Replace{Replace: second},
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "id", replaced.SipTrunkId, id)
	equal(t, "name", replaced.Name, "second")
	equal(t, "metadata", replaced.Metadata, "")
}

func TestListsAreFilteredAndPaged(t *testing.T) {
	var ids []string
	for _, number := range []string{"+15105550161", "+15105550162", "+15105550163"} {
		made := newTrunk(t, &livekit.SIPOutboundTrunkInfo{Address: "sip.example.com", Numbers: []string{number}})
		ids = append(ids, made.SipTrunkId)
	}
	byNumber := list(t, &livekit.ListSIPOutboundTrunkRequest{Numbers: []string{"+15105550162"}})
	equal(t, "by number", slices.Equal(byNumber, ids[1:2]), true)
	slices.Sort(ids)
	first := list(t, &livekit.ListSIPOutboundTrunkRequest{TrunkIds: ids, Page: &livekit.Pagination{Limit: 2}})
	equal(t, "first page", slices.Equal(first, ids[:2]), true)
	page := &livekit.Pagination{AfterId: ids[1], Limit: 2}
	equal(t, "rest", slices.Equal(list(t, &livekit.ListSIPOutboundTrunkRequest{TrunkIds: ids, Page: page}), ids[2:]), true)
	found, err := sip.GetSIPOutboundTrunksByIDs(context.Background(), []string{ids[2], "ST_nothere", ids[0]})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "found", len(found), 3)
	equal(t, "in the order asked for", found[0].GetSipTrunkId(), ids[2])
	equal(t, "a hole for what is missing", found[1] == nil, true)
	equal(t, "in the order asked for", found[2].GetSipTrunkId(), ids[0])
	legacy, err := sip.ListSIPTrunk(context.Background(), &livekit.ListSIPTrunkRequest{})
	if err != nil {
		t.Fatal(err)
	}
	old := slices.IndexFunc(legacy.Items, func(trunk *livekit.SIPTrunkInfo) bool { return trunk.SipTrunkId == ids[0] })
	equal(t, "kind", legacy.Items[old].Kind, livekit.SIPTrunkInfo_TRUNK_OUTBOUND)
}

func TestADeletedTrunkIsGone(t *testing.T) {
	id := trunkTo(t, "sip.example.com")
	deleted, err := sip.DeleteSIPTrunk(context.Background(), &livekit.DeleteSIPTrunkRequest{SipTrunkId: id})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "id", deleted.SipTrunkId, id)
	equal(t, "listed", len(list(t, &livekit.ListSIPOutboundTrunkRequest{TrunkIds: []string{id}})), 0)
	_, err = update(id, &livekit.SIPOutboundTrunkUpdate{Name: proto.String("ghost")})
	wantTwirp(t, err, twirp.NotFound, "requested sip trunk does not exist")
}

func TestWhoeverHasNotTheKeyGetsNothing(t *testing.T) {
	impostor := lksdk.NewSIPClient(address, key, "not-the-secret-of-this-key-at-all")
	_, err := impostor.ListSIPOutboundTrunk(context.Background(), &livekit.ListSIPOutboundTrunkRequest{})
	wantTwirp(t, err, twirp.Unauthenticated, "")
}

func TestWhatIsNotBuiltSaysSo(t *testing.T) {
	_, err := sip.CreateSIPInboundTrunk(context.Background(), &livekit.CreateSIPInboundTrunkRequest{
		Trunk: &livekit.SIPInboundTrunkInfo{Numbers: []string{"+15105550100"}},
	})
	wantTwirp(t, err, twirp.Unimplemented, "")
}
