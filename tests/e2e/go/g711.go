package main

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// linear holds the sample of every mu-law byte (ITU-T G.711).
var linear = func() (table [256]int16) {
	for code := range table {
		inverted := ^byte(code)
		magnitude := (int32(inverted&0x0f)<<3+0x84)<<((inverted>>4)&7) - 0x84
		if inverted&0x80 != 0 {
			magnitude = -magnitude
		}
		table[code] = int16(magnitude)
	}
	return table
}()

// samples decodes mu-law to 16-bit little-endian samples.
func samples(payload []byte) []byte {
	out := make([]byte, 0, 2*len(payload))
	for _, code := range payload {
		out = binary.LittleEndian.AppendUint16(out, uint16(linear[code]))
	}
	return out
}

func muLaw(sample int16) byte {
	magnitude, sign := int32(sample), byte(0)
	if magnitude < 0 {
		magnitude, sign = -magnitude, 0x80
	}
	magnitude = min(magnitude+0x84, 0x7fff)
	exponent := bits.Len32(uint32(magnitude)) - 8
	mantissa := byte(magnitude>>(exponent+3)) & 0x0f
	return ^(sign | byte(exponent)<<4 | mantissa)
}

// tone is a sine at 8 kHz, in mu-law.
type tone struct{ phase, step float64 }

func newTone(hertz float64) *tone {
	return &tone{step: 2 * math.Pi * hertz / 8000}
}

func (t *tone) frame() []byte {
	out := make([]byte, 160)
	for i := range out {
		out[i] = muLaw(int16(0.3 * 32767 * math.Sin(t.phase)))
		t.phase += t.step
	}
	return out
}
