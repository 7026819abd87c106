// One recording as tracks above one another, all along the same seconds: waveform, spectrogram, a lane for each speaker,
// a curve for each scale. `tracks` draws what stays; what moves (playhead, pointer) is drawn on a second canvas above.

const MOST_LANES = 12, MOST_CURVES = 6;
const TALL = { overview: 16, waveform: 76, spectrogram: 92, axis: 22, lane: 26, channel: 20, curve: 64, gap: 8 };
const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

// --- A recording with its rows ---------------------------------------------------------------------------------------

// What is known of a recording: `facts` from Python, or null where rows alone tell of it.
function makeTape(name, list, facts, k) {
  const order = Uint32Array.from(list).sort((a, b) => D.start[a] - D.start[b] || a - b);
  const tape = { name, title: facts?.title || name, facts, k, rows: order, starts: Float64Array.from(order, (i) => D.start[i]), longest: 0, seconds: facts?.seconds || 0,
    audio: null, absent: false, shades: null, levels: null, peaks: null };
  for (const i of order) {
    tape.longest = Math.max(tape.longest, D.end[i] - D.start[i]);
    tape.seconds = Math.max(tape.seconds, D.end[i]);
  }
  tape.seconds = Math.max(tape.seconds, 0.1);
  const speakers = [...new Set(Array.from(order, who))], kept = speakers.slice(0, MOST_LANES);
  tape.names = kept.map((name) => name);
  if (speakers.length > kept.length) tape.names[kept.length - 1] = `${speakers.length - kept.length + 1} others`;
  tape.lane = new Map(speakers.map((s, n) => [s, Math.min(n, kept.length - 1)]));
  const channels = new Set(Array.from(order, (i) => D.channels(i).map((c) => c.name)).flat());
  // One alone says what the reading says.
  tape.channels = channels.size > 1 ? ['text', 'voice', 'face', ...channels].filter((name, n, all) => channels.has(name) && all.indexOf(name) === n) : [];
  tape.curves = D.dimensions.filter((d) => order.some((i) => !Number.isNaN(D.numbers[d].value[i]))).slice(0, MOST_CURVES);
  return tape;
}

const laneOf = (tape, i) => tape.lane.get(who(i));

// Pictures are unpacked when their recording is shown for the first time.
async function unpack(tape) {
  const { waveform, spectrogram } = tape.facts || {};
  if (tape.peaks || tape.levels || !(waveform || spectrogram)) return;
  if (waveform) {
    const bytes = await gunzip(fromBase64(waveform[1])), peaks = Float32Array.from(bytes, (v) => (v / 255) ** 2);
    tape.peaks = { step: waveform[0], values: peaks, most: Math.max(0.02, ...peaks) };
  }
  if (spectrogram) tape.levels = { step: spectrogram[0], bands: spectrogram[1], values: await gunzip(fromBase64(spectrogram[2])) };
}

// The first place in `tape.rows` whose row starts after `t`.
function placeAfter(tape, t) {
  let a = 0, b = tape.starts.length;
  while (a < b) { const m = (a + b) >> 1; if (tape.starts[m] <= t) a = m + 1; else b = m; }
  return a;
}

// The row that is spoken at `t`: of several the one that began last; -1 in silence. `fits` narrows the choice.
function rowAt(tape, t, fits = () => true) {
  for (let k = placeAfter(tape, t) - 1; k >= 0 && tape.starts[k] >= t - tape.longest; k--) {
    const i = tape.rows[k];
    if (D.end[i] > t && fits(i)) return i;
  }
  return -1;
}

// The row whose voice is heard at `t`, else any that is seen there.
const voiced = (i) => { const said = D.channels(i); return !said.length || said.some((c) => c.name === 'voice' || c.name === 'text'); };
function heardAt(tape, t) {
  const i = rowAt(tape, t, voiced);
  return i >= 0 ? i : rowAt(tape, t);
}

// Calls `act` with each row that reaches into the seconds from `a` to `b`.
function rowsWithin(tape, a, b, act) {
  let k = placeAfter(tape, a - tape.longest - 1e-9);
  while (k > 0 && tape.starts[k - 1] >= a - tape.longest) k--;
  for (const end = placeAfter(tape, b); k < end; k++) if (D.end[tape.rows[k]] >= a) act(tape.rows[k]);
}

// --- Where things are ------------------------------------------------------------------------------------------------

// Tracks from top to bottom for a width: name, and the pixels from `y0` to `y1`.
function layOut(tape, zoomed) {
  const list = [];
  let y = 2;
  const put = (name, tall, more) => { list.push({ name, y0: y, y1: y + tall, ...more }); y += tall + (name === 'lane' || name === 'channel' ? 0 : TALL.gap); };
  if (zoomed) put('overview', TALL.overview);
  if (tape.facts?.waveform) put('waveform', TALL.waveform);
  if (tape.facts?.spectrogram) put('spectrogram', TALL.spectrogram);
  put('axis', TALL.axis);
  tape.names.forEach((name, k) => put('lane', TALL.lane, { k }));
  if (tape.channels.length) y += TALL.gap;
  for (const channel of tape.channels) put('channel', TALL.channel, { channel });
  if (tape.curves.length) y += TALL.gap;
  for (const d of tape.curves) put('curve', TALL.curve, { d });
  return { list, tall: y };
}

const laneAt = (layout, y) => layout.list.find((t) => y >= t.y0 && y < t.y1);
const twoDigits = (s) => { const [whole, part] = s.toFixed(1).split('.'); return `${clock(Number(whole))}.${part}`; };
const axisClock = (t, step) => (step < 1 ? `${clock(Math.floor(t + 1e-6))}${(t % 1).toFixed(step < 0.1 ? 2 : 1).slice(1)}` : clock(t));

// --- Drawing ---------------------------------------------------------------------------------------------------------

// Everything that stays while the sound runs. `stage` says what is in view; gives where seconds are.
function drawTracks(canvas, tape, { view, shown, open }) {
  const zoomed = view[1] - view[0] < tape.seconds * 0.999, layout = layOut(tape, zoomed);
  canvas.parentElement.style.height = `${layout.tall}px`;
  const { ctx, w, h } = prepare(canvas), soft = css('--soft'), line = css('--line'), ink = css('--ink');
  const narrow = w < 560, named = [...tape.names, ...tape.channels.map(channelTitle), ...tape.curves.map(capital), tape.facts?.spectrogram ? '8 kHz' : ''];
  const left = Math.min(w / (narrow ? 6.5 : 5), Math.max(34, ...named.map((n) => ctx.measureText(n).width + 12)));
  const area = { x0: left, x1: w - 1, layout, zoomed };
  const scale = (area.x1 - area.x0) / (view[1] - view[0]);
  area.x = (t) => area.x0 + (t - view[0]) * scale;
  area.t = (x) => view[0] + (x - area.x0) / scale;
  const colours = new Map(), colour = (i) => {
    const g = answered(i) ? groupOfRow(i) : -2;
    if (!colours.has(g)) colours.set(g, g === -2 ? soft : colourOfGroup(g));
    return colours.get(g);
  };
  const strength = (i) => (!shown[i] ? 0.14 : answered(i) ? 1 : 0.35);

  // Grid and seconds.
  const step = STEPS.find((s) => s * scale >= (narrow ? 62 : 74)) || 28800, axis = layout.list.find((t) => t.name === 'axis');
  ctx.strokeStyle = line; ctx.fillStyle = soft; ctx.textAlign = 'center';
  for (let n = Math.ceil(view[0] / step - 1e-6); n * step <= view[1] + 1e-6; n++) {
    const x = Math.round(area.x(n * step)) + 0.5, text = axisClock(n * step, step), half = ctx.measureText(text).width / 2;
    ctx.beginPath(); ctx.moveTo(x, layout.list[0].y0); ctx.lineTo(x, h); ctx.stroke();
    ctx.clearRect(x - half - 3, axis.y0 + 1, 2 * half + 6, TALL.axis - 2);
    ctx.fillText(text, Math.max(area.x0 + half, Math.min(w - half, x)), (axis.y0 + axis.y1) / 2);
  }
  ctx.save();
  ctx.beginPath(); ctx.rect(area.x0, 0, area.x1 - area.x0, h); ctx.clip();
  for (const track of layout.list) {
    if (track.name === 'overview') drawOverview(ctx, area, track, tape, view, colour, strength);
    else if (track.name === 'waveform') drawWaveform(ctx, area, track, tape, colour, shown);
    else if (track.name === 'spectrogram') drawSpectrogram(ctx, area, track, tape, view);
    else if (track.name === 'channel') drawChannel(ctx, area, track, tape, view, strength);
    else if (track.name === 'curve') drawCurve(ctx, area, track, tape, view, shown);
  }
  const lanes = layout.list.filter((t) => t.name === 'lane'), top = lanes[0]?.y0 ?? 0;
  if (lanes.length > 1) lanes.forEach((t, k) => { if (k % 2) { ctx.fillStyle = css('--wash'); ctx.globalAlpha = 0.6; ctx.fillRect(area.x0, t.y0, area.x1 - area.x0, TALL.lane); } });
  rowsWithin(tape, view[0], view[1], (i) => {
    const x = area.x(D.start[i]), wide = Math.max(1.5, area.x(D.end[i]) - x - 0.75);
    ctx.fillStyle = colour(i); ctx.globalAlpha = strength(i);
    ctx.fillRect(x, top + laneOf(tape, i) * TALL.lane + 4, wide, TALL.lane - 8);
    if (shown[i] && (D.conflict(i)?.score ?? 0) >= 0.5) { ctx.globalAlpha = 1; ctx.fillStyle = ink; ctx.beginPath(); const y = top + laneOf(tape, i) * TALL.lane + 4; ctx.moveTo(x, y); ctx.lineTo(x + 9, y); ctx.lineTo(x, y + 9); ctx.fill(); ctx.fillStyle = colour(i); }
    if (i === open) { ctx.globalAlpha = 1; ctx.strokeStyle = ink; ctx.lineWidth = 2; ctx.strokeRect(x, top + laneOf(tape, i) * TALL.lane + 3, wide, TALL.lane - 6); ctx.lineWidth = 1; }
    // Its label where there is room for it.
    const l = answered(i) ? D.first(i) : -1;
    if (l < 0 || wide < 40 || !shown[i]) return;
    const name = words(P.labels[l]);
    ctx.globalAlpha = 1; ctx.font = `600 11px ${css('--sans')}`;
    if (ctx.measureText(name).width + 8 <= wide) {
      const y = top + laneOf(tape, i) * TALL.lane + TALL.lane / 2 + 0.5;
      ctx.fillStyle = readable(colour(i)); ctx.textAlign = 'left'; ctx.fillText(name, x + 4, y);
    }
    ctx.font = `12.5px ${css('--sans')}`;
  });
  ctx.globalAlpha = 1;
  ctx.restore();

  const title = (text, y) => ctx.fillText(text, left - 7, y, left - 8);
  ctx.textAlign = 'right'; ctx.fillStyle = soft;
  for (const track of layout.list) {
    const { y0, y1 } = track, at = (share) => y1 - share * (y1 - y0);
    if (track.name === 'lane') title(tape.names[track.k], at(0.5));
    else if (track.name === 'channel') title(channelTitle(track.channel), at(0.5));
    else if (track.name === 'curve') {
      const [low, high] = rangeOf(track.d);
      title(capital(track.d), at(0.5)); title(fixed(high, 0), y0 + 6); title(fixed(low, 0), y1 - 6);
    } else if (track.name === 'spectrogram') { title('8 kHz', y0 + 7); title('1 kHz', at(Math.log1p(1000 / 700) / Math.log1p(8000 / 700))); }
  }
  return area;
}

// Ink for words on a ground of this colour.
function readable(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => { const c = parseInt(colour.slice(at, at + 2), 16) / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22 ? '#14161a' : '#ffffff';
}

// The whole recording in a strip, with a frame around what is in view.
function drawOverview(ctx, area, { y0, y1 }, tape, view, colour, strength) {
  const x = (t) => area.x0 + (t / tape.seconds) * (area.x1 - area.x0);
  ctx.fillStyle = css('--wash'); ctx.fillRect(area.x0, y0, area.x1 - area.x0, y1 - y0);
  for (const i of tape.rows) { ctx.fillStyle = colour(i); ctx.globalAlpha = strength(i) * 0.8; ctx.fillRect(x(D.start[i]), y0 + 4, Math.max(0.75, x(D.end[i]) - x(D.start[i])), y1 - y0 - 8); }
  ctx.globalAlpha = 1; ctx.strokeStyle = css('--ink'); ctx.lineWidth = 1.5;
  ctx.strokeRect(x(view[0]) + 0.75, y0 + 0.75, Math.max(4, x(view[1]) - x(view[0]) - 1.5), y1 - y0 - 1.5);
  ctx.lineWidth = 1;
}

// Speech in the colours of its labels, all else grey.
function drawWaveform(ctx, area, { y0, y1 }, tape, colour, shown) {
  if (!tape.peaks) return;
  const { step, values, most } = tape.peaks, mid = (y0 + y1) / 2, half = (y1 - y0) / 2 - 1, grey = css('--soft');
  const first = Math.floor(area.x0), last = Math.ceil(area.x1);
  let now = -1, ends = -Infinity;
  for (let px = first; px < last; px++) {
    const a = area.t(px), b = area.t(px + 1), from = Math.max(0, Math.floor(a / step)), to = Math.min(values.length, Math.max(from + 1, Math.ceil(b / step)));
    if (from >= values.length) break;
    let peak = 0;
    for (let k = from; k < to; k++) if (values[k] > peak) peak = values[k];
    const t = (a + b) / 2;
    if (t >= ends || now < 0) { now = heardAt(tape, t); ends = now < 0 ? t : Math.min(D.end[now], tape.starts[placeAfter(tape, t)] ?? Infinity); }
    ctx.fillStyle = now < 0 ? grey : colour(now);
    ctx.globalAlpha = now < 0 ? 0.4 : shown[now] ? (answered(now) ? 0.95 : 0.5) : 0.22;
    const tall = Math.max(0.5, (peak / most) ** 0.8 * half);
    ctx.fillRect(px, mid - tall, 1, 2 * tall);
  }
  ctx.globalAlpha = 1;
}

// From ground over accent to ink; as an image of one pixel a value, made anew where the colours change.
function shades(tape) {
  const ramp = ['--paper', '--accent', '--ink'].map(css), name = ramp.join();
  if (tape.shades?.name === name) return tape.shades.image;
  const rgb = ramp.map((c) => [1, 3, 5].map((at) => parseInt(c.slice(at, at + 2), 16)));
  const table = Array.from({ length: 64 }, (_, v) => {
    const u = (v / 63) ** 1.15, k = u < 0.6 ? 0 : 1, f = k ? (u - 0.6) / 0.4 : u / 0.6;
    return rgb[k].map((c, n) => Math.round(c + (rgb[k + 1][n] - c) * f));
  });
  const { bands, values } = tape.levels, wide = values.length / bands, image = document.createElement('canvas');
  image.width = wide; image.height = bands;
  const ctx = image.getContext('2d'), pixels = ctx.createImageData(wide, bands);
  for (let x = 0; x < wide; x++) {
    for (let b = 0; b < bands; b++) {
      const at = 4 * ((bands - 1 - b) * wide + x);
      [pixels.data[at], pixels.data[at + 1], pixels.data[at + 2]] = table[values[x * bands + b]];
      pixels.data[at + 3] = 255;
    }
  }
  ctx.putImageData(pixels, 0, 0);
  tape.shades = { name, image };
  return image;
}

function drawSpectrogram(ctx, area, { y0, y1 }, tape, view) {
  if (!tape.levels) return;
  const image = shades(tape), from = view[0] / tape.levels.step, wide = (view[1] - view[0]) / tape.levels.step;
  ctx.drawImage(image, from, 0, wide, image.height, area.x0, y0, area.x1 - area.x0, y1 - y0);
}

// What one channel says by itself: the colour of its first label, as strong as its share in the reading; of several
// people one above the other.
function drawChannel(ctx, area, { y0, y1, channel }, tape, view, strength) {
  const lanes = tape.names.length, tall = y1 - y0 - 4;
  ctx.fillStyle = css('--wash'); ctx.fillRect(area.x0, y0 + 2, area.x1 - area.x0, tall);
  rowsWithin(tape, view[0], view[1], (i) => {
    const said = D.channels(i).find((c) => c.name === channel);
    if (!said || said.label < 0) return;
    const among = channel === 'face' ? lanes : 1, k = channel === 'face' ? laneOf(tape, i) : 0;
    const x = area.x(D.start[i]), wide = Math.max(1.5, area.x(D.end[i]) - x - 0.75);
    ctx.fillStyle = colourOfGroup(P.groupOf[said.label]); ctx.globalAlpha = strength(i) * (0.45 + 0.55 * said.weight);
    ctx.fillRect(x, y0 + 2 + (k * tall) / among, wide, tall / among - (among > 1 ? 1 : 0));
  });
  ctx.globalAlpha = 1;
}

// A scale over its whole range: each stretch a stroke at its value over the band of its interval, and thin lines from one
// to the next of the same speaker. Where stretches are closer than pixels, their means.
function drawCurve(ctx, area, { y0, y1, d }, tape, view, shown) {
  const { value, low, high } = D.numbers[d], [a, b] = rangeOf(d), y = (v) => y1 - ((Math.min(b, Math.max(a, v)) - a) / (b - a)) * (y1 - y0);
  const accent = css('--accent'), pieces = [];
  ctx.fillStyle = css('--wash'); ctx.fillRect(area.x0, y0, area.x1 - area.x0, y1 - y0);
  ctx.strokeStyle = css('--line'); ctx.setLineDash([2, 4]); ctx.beginPath(); ctx.moveTo(area.x0, (y0 + y1) / 2); ctx.lineTo(area.x1, (y0 + y1) / 2); ctx.stroke(); ctx.setLineDash([]);
  rowsWithin(tape, view[0], view[1], (i) => {
    if (!answered(i) || Number.isNaN(value[i])) return;
    const x0 = area.x(D.start[i]), last = pieces[pieces.length - 1], some = !Number.isNaN(low[i]) && !Number.isNaN(high[i]);
    const piece = { x0, x1: Math.max(x0 + 1, area.x(D.end[i])), v: value[i], low: some ? low[i] : value[i], high: some ? high[i] : value[i], n: 1, pale: !shown[i], lane: laneOf(tape, i) };
    if (!last || piece.x1 - last.x0 >= 2.5 || piece.pale !== last.pale) { pieces.push(piece); return; }
    for (const part of ['v', 'low', 'high']) last[part] += (piece[part] - last[part]) / (last.n + 1);
    last.n++; last.x1 = Math.max(last.x1, piece.x1);
  });
  ctx.fillStyle = ctx.strokeStyle = accent;
  for (const p of pieces) { ctx.globalAlpha = p.pale ? 0.05 : 0.2; ctx.fillRect(p.x0, y(p.high), Math.max(1, p.x1 - p.x0), Math.max(1, y(p.low) - y(p.high))); }
  ctx.globalAlpha = 0.45; ctx.lineWidth = 1; ctx.beginPath();
  const before = new Map();
  for (const p of pieces) {
    if (p.pale) continue;
    const last = before.get(p.lane);
    if (last) { ctx.moveTo(last.x1, y(last.v)); ctx.lineTo(p.x0, y(p.v)); }
    before.set(p.lane, p);
  }
  ctx.stroke();
  for (const p of pieces) { ctx.globalAlpha = p.pale ? 0.2 : 1; ctx.fillRect(p.x0, y(p.v) - 1.1, Math.max(1.5, p.x1 - p.x0), 2.2); }
  ctx.globalAlpha = 1;
}

// What moves: where the sound is, where the pointer is, which stretch is heard.
function drawOver(canvas, area, tape, { view, now, at, t, playing }) {
  const { ctx, w, h } = prepare(canvas), ink = css('--ink'), top = area.layout.list.find((l) => l.name === 'lane')?.y0 ?? 0;
  const frame = (i, colour, wide) => {
    if (i < 0 || D.end[i] < view[0] || D.start[i] > view[1] || laneOf(tape, i) === undefined) return;
    const x0 = Math.max(area.x0 - 2, area.x(D.start[i])), x1 = Math.min(area.x1 + 2, area.x(D.end[i])), y = top + laneOf(tape, i) * TALL.lane + 2;
    ctx.strokeStyle = colour; ctx.lineWidth = wide; ctx.strokeRect(x0 - 0.5, y + 0.5, Math.max(3, x1 - x0), TALL.lane - 5); ctx.lineWidth = 1;
  };
  if (now >= 0 && D.end[now] >= view[0] && D.start[now] <= view[1]) {
    const x0 = Math.max(area.x0, area.x(D.start[now])), x1 = Math.min(area.x1, area.x(D.end[now]));
    ctx.fillStyle = css('--accent'); ctx.globalAlpha = 0.1; ctx.fillRect(x0, area.zoomed ? TALL.overview + TALL.gap : 0, Math.max(1, x1 - x0), h); ctx.globalAlpha = 1;
  }
  // Under the waveform, the parts of it that moved its label.
  const wave = area.layout.list.find((l) => l.name === 'waveform');
  if (wave && now >= 0) {
    for (const e of D.evidence(now)) {
      if (e.modality !== 'voice' || e.label < 0) continue;
      const x0 = Math.max(area.x0, area.x(e.start)), x1 = Math.min(area.x1, area.x(e.end));
      ctx.fillStyle = css(e.weight < 0 ? '--against-line' : '--for-line');
      if (x1 > x0) ctx.fillRect(x0, wave.y1 + 2, Math.max(2, x1 - x0), 3);
    }
  }
  frame(at, css('--soft'), 1.5);
  frame(now, ink, 2);
  if (!Number.isNaN(t)) {
    const x = area.x(t);
    if (x >= area.x0 - 1 && x <= area.x1 + 1) {
      ctx.fillStyle = ink; ctx.fillRect(Math.round(x) - 1, area.zoomed ? TALL.overview + 2 : 0, 2, h);
      ctx.beginPath(); ctx.moveTo(x - 6, area.zoomed ? TALL.overview + 1 : 0); ctx.lineTo(x + 6, area.zoomed ? TALL.overview + 1 : 0); ctx.lineTo(x, (area.zoomed ? TALL.overview + 1 : 0) + 8); ctx.fill();
    }
    if (area.zoomed) { const xo = area.x0 + (t / tape.seconds) * (area.x1 - area.x0); ctx.fillStyle = ink; ctx.fillRect(xo - 0.75, 2, 1.5, TALL.overview); }
  }
}
