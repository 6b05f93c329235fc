// Hands what it hears to the page in pieces of 20 ms.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(sampleRate / 50);
    this.filled = 0;
  }

  process([[channel]]) {
    const samples = channel ?? new Float32Array(128);
    for (const sample of samples) {
      this.piece[this.filled] = sample;
      this.filled += 1;
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('recorder', Recorder);
