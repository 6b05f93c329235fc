package main

import (
	"math"
	"math/bits"
)

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
