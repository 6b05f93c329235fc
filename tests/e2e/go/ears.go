package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// tracks counts those that were listened to: timestamps compare only within one.
var tracks atomic.Uint32

// listen writes down what a track carries, packet by packet as it came: what was lost, or never sent, is a hole in the timestamps.
func listen(track *webrtc.TrackRemote, identity string, echo chan<- media.Sample) {
	codec := strings.ToLower(strings.TrimPrefix(track.Codec().MimeType, "audio/"))
	name := identity + "." + codec
	file, err := os.OpenFile(filepath.Join(*recorded, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		tell("failed", map[string]any{"error": err.Error()})
		return
	}
	defer file.Close()
	number, packets := tracks.Add(1), 0
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
		_, _ = file.Write(append(head(number, packet), packet.Payload...))
		if codec != "opus" {
			continue
		}
		select {
		case echo <- media.Sample{Data: packet.Payload, Duration: frame}:
		default:
		}
	}
}

// head is, in little endian: when the packet came in nanoseconds (64 bit), the number of its track (32), its RTP timestamp (32), the
// length of its payload (16). It is read in harness/packets.py.
func head(track uint32, packet *rtp.Packet) []byte {
	head := binary.LittleEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	head = binary.LittleEndian.AppendUint32(head, track)
	head = binary.LittleEndian.AppendUint32(head, packet.Timestamp)
	return binary.LittleEndian.AppendUint16(head, uint16(len(packet.Payload)))
}
