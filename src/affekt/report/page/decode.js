// From the base64 text in the page to typed arrays.

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

async function gunzip(bytes) {
  if (typeof DecompressionStream !== 'function') return inflate(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Fallback for browsers without DecompressionStream: RFC 1951 over the plain gzip header that Python writes
// (10 bytes, no name). The last four bytes hold the length of what comes out.
function inflate(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4).getUint32(0, true);
  const out = new Uint8Array(size);
  let at = 10, put = 0, hold = 0, held = 0;
  const bits = (n) => {
    while (held < n) { hold |= bytes[at++] << held; held += 8; }
    const value = hold & ((1 << n) - 1);
    hold >>>= n; held -= n;
    return value;
  };
  const table = (lengths) => {
    const counts = new Uint16Array(16), starts = new Uint16Array(16), symbols = new Uint16Array(lengths.length);
    for (const length of lengths) counts[length]++;
    counts[0] = 0;
    for (let i = 1; i < 15; i++) starts[i + 1] = starts[i] + counts[i];
    lengths.forEach((length, symbol) => { if (length) symbols[starts[length]++] = symbol; });
    return { counts, symbols };
  };
  const symbol = ({ counts, symbols }) => {
    let code = 0, first = 0, index = 0;
    for (let length = 1; length < 16; length++) {
      code |= bits(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + code - first];
      index += count; first = (first + count) << 1; code <<= 1;
    }
    throw new Error('the data in this file is damaged');
  };
  const lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const farBase = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
  let last = 0;
  while (!last) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 0) {
      hold = held = 0;
      const n = bytes[at] | (bytes[at + 1] << 8);
      out.set(bytes.subarray(at + 4, at + 4 + n), put);
      at += 4 + n; put += n;
      continue;
    }
    let literals, far;
    if (kind === 1) {
      const lengths = [];
      for (let i = 0; i < 288; i++) lengths.push(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
      literals = table(lengths); far = table(new Array(30).fill(5));
    } else {
      const nLiterals = bits(5) + 257, nFar = bits(5) + 1, nCodes = bits(4) + 4;
      const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
      const codes = new Array(19).fill(0);
      for (let i = 0; i < nCodes; i++) codes[order[i]] = bits(3);
      const reader = table(codes), lengths = [];
      while (lengths.length < nLiterals + nFar) {
        const s = symbol(reader);
        if (s < 16) lengths.push(s);
        else {
          const value = s === 16 ? lengths[lengths.length - 1] : 0;
          let n = s === 16 ? 3 + bits(2) : s === 17 ? 3 + bits(3) : 11 + bits(7);
          while (n--) lengths.push(value);
        }
      }
      literals = table(lengths.slice(0, nLiterals)); far = table(lengths.slice(nLiterals));
    }
    for (;;) {
      const s = symbol(literals);
      if (s < 256) { out[put++] = s; continue; }
      if (s === 256) break;
      const n = lengthBase[s - 257] + bits(lengthBits[s - 257]);
      const f = symbol(far);
      const back = farBase[f] + bits(f < 4 ? 0 : (f >> 1) - 1);
      for (let i = 0; i < n; i++, put++) out[put] = out[put - back];
    }
  }
  return out;
}

const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };
const NONE = 65535;

// Reads the container: length of the header, header, arrays. Returns an object with one accessor a field.
function columns(bytes) {
  const headLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const utf8 = new TextDecoder();
  const head = JSON.parse(utf8.decode(bytes.subarray(4, 4 + headLength)));
  const base = bytes.byteOffset + 4 + headLength;
  const get = (name) => {
    const [kind, at, length] = head.columns[name];
    return new KINDS[kind](bytes.buffer, base + at, length);
  };
  const strings = (name) => {
    const to = get(name + '.to'), blob = get(name);
    return (i) => (to[i] === to[i + 1] ? '' : utf8.decode(blob.subarray(to[i], to[i + 1])));
  };
  const thousandths = (name) => Float32Array.from(get(name), (v) => (v === -2147483648 ? NaN : v / 1000));
  const n = head.n, scores = get('scores'), labels = get('labels'), labelsTo = get('labels.to');
  const numbers = {};
  for (const d of head.dimensions) {
    numbers[d] = { value: thousandths(d), low: thousandths(d + '.low'), high: thousandths(d + '.high') };
  }
  const ev = { to: get('evidence.to'), modality: get('evidence.modality'), cue: strings('evidence.cue'), start: get('evidence.start'),
    end: get('evidence.end'), weight: get('evidence.weight'), label: get('evidence.label') };
  const win = { to: get('windows.to'), start: get('windows.start'), end: get('windows.end'), scores: get('windows.scores'),
    valence: thousandths('windows.valence'), arousal: thousandths('windows.arousal'), dominance: thousandths('windows.dominance') };
  const width = win.start.length ? win.scores.length / win.start.length : 0;
  const because = { to: get('causes.to'), turn: get('causes.turn'), start: get('causes.start'), end: get('causes.end'), score: get('causes.score') };
  const text = strings('text');
  const seen = { to: get('faces.to'), time: get('faces.time'), box: get('faces.box') }, between = strings('conflict.between'), conflict = get('conflict');
  const said = { to: get('channels.to'), name: get('channels.name'), what: get('channels.said') };
  return {
    n, axisKind: head.axis, axis: get('axis'), speakers: head.speakers, reasons: head.reasons, languages: head.languages, numbers, dimensions: head.dimensions,
    id: strings('id'), text, source: strings('source'), time: strings('time'), explanation: strings('explanation'),
    dialogues: head.dialogues, dialogue: get('dialogue'), turn: get('turn'), turning: get('turning'),
    people: head.people, person: get('person'), channelNames: head.channels.slice(1),
    // What each channel of row i says: its share in the reading, its first label (-1 for none) and the score of that.
    channels(i) {
      const out = [];
      for (let k = said.to[i]; k < said.to[i + 1]; k++) {
        const [weight, label, score] = said.what.subarray(3 * k, 3 * k + 3);
        out.push({ name: head.channels[said.name[k]], weight: weight / 1000, label: label === NONE ? -1 : label, score: score === NONE ? NaN : score / 1000 });
      }
      return out;
    },
    conflict: (i) => (conflict[i] === NONE ? null : { score: conflict[i] / 1000, between: between(i) }),
    // Where the face of row i is at `t`: left, top, width, height in pixels of the video; null where it is not seen.
    face(i, t) {
      let a = seen.to[i], b = seen.to[i + 1];
      const end = b, at = (k) => seen.box.subarray(4 * k, 4 * k + 4);
      while (a < b) { const m = (a + b) >> 1; if (seen.time[m] <= t) a = m + 1; else b = m; }
      const k = a - 1;
      if (k < seen.to[i]) return a < end && seen.time[a] - t < 0.3 ? at(a) : null;
      const after = a < end ? seen.time[a] - seen.time[k] : Infinity;
      if (after > 1.1) return t - seen.time[k] < 1.1 ? at(k) : null;
      const share = (t - seen.time[k]) / after, next = at(a);
      return Float32Array.from(at(k), (v, n) => v + share * (next[n] - v));
    },
    causes(i) {
      const out = [];
      for (let k = because.to[i]; k < because.to[i + 1]; k++) out.push({ turn: because.turn[k], start: because.start[k], end: because.end[k], score: because.score[k] / 1000 });
      return out;
    },
    index: get('index'), length: get('length'), start: get('start'), end: get('end'),
    confidence: Float32Array.from(get('confidence'), (v) => (v === NONE ? NaN : v / 1000)),
    speaker: get('speaker'), reason: get('abstained'), language: get('language'),
    score: (i, l) => { const v = scores[l * n + i]; return v === NONE ? NaN : v / 1000; },
    labels: (i) => labels.subarray(labelsTo[i], labelsTo[i + 1]),
    first: (i) => (labelsTo[i] === labelsTo[i + 1] ? -1 : labels[labelsTo[i]]),
    marksWords: head.modalities.includes('text'),
    evidence(i) {
      const out = [];
      const whole = ev.to[i] === ev.to[i + 1] ? '' : text(i);
      for (let k = ev.to[i]; k < ev.to[i + 1]; k++) {
        const modality = head.modalities[ev.modality[k]], start = ev.start[k], end = ev.end[k];
        out.push({ modality, start, end, weight: ev.weight[k], label: ev.label[k] === NONE ? -1 : ev.label[k],
          cue: ev.cue(k) || whole.slice(start, end) });
      }
      return out;
    },
    windowCount: (i) => win.to[i + 1] - win.to[i],
    windows(i) {
      const out = [];
      for (let k = win.to[i]; k < win.to[i + 1]; k++) {
        out.push({ start: win.start[k], end: win.end[k], valence: win.valence[k], arousal: win.arousal[k], dominance: win.dominance[k],
          score: (l) => { const v = win.scores[k * width + l]; return v === NONE ? NaN : v / 1000; } });
      }
      return out;
    },
  };
}
