// The canvases: valence-arousal plane, time, a long text, histogram, sparkline. Each draws from the store.

const AXIS_WORDS = { valence: ['unpleasant', 'pleasant'], arousal: ['calm', 'stirred'], dominance: ['yielding', 'in control'] };
const axisWord = (d, end) => (AXIS_WORDS[d] ? ` (${AXIS_WORDS[d][end]})` : '');
const hasDim = (d) => Boolean(P.stats.dims[d]);

function rangeOf(d) {
  if (P.ranges[d]) return P.ranges[d];
  let low = Infinity, high = -Infinity;
  for (const v of D.numbers[d].value) { if (v < low) low = v; if (v > high) high = v; }
  return low < high ? [low, high] : [low - 1, high + 1];
}

// Where a pointer or a key is in a canvas; both kinds of reader get the same words.
function pointerIn(canvas, move, leave, press) {
  const where = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top, event]; };
  canvas.addEventListener('pointermove', (event) => move(...where(event)));
  canvas.addEventListener('pointerleave', leave);
  canvas.addEventListener('click', (event) => press(...where(event)));
}

// --- The plane ---------------------------------------------------------------------------------------

const plane = { points: [], x: null, y: null, zoom: true, at: -1, area: null };

function quantile(sorted, q) { return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))]; }

// The part of the scale in which nearly all points lie, never less than a fifth of it.
function fitted(d) {
  const [low, high] = rangeOf(d), all = [];
  for (let i = 0; i < D.n; i++) if (answered(i) && !Number.isNaN(D.numbers[d].value[i])) all.push(D.numbers[d].value[i]);
  all.sort((a, b) => a - b);
  let a = quantile(all, 0.002), b = quantile(all, 0.998);
  const least = (high - low) * 0.2, pad = (b - a) * 0.06;
  a -= pad; b += pad;
  if (b - a < least) { const mid = (a + b) / 2; a = mid - least / 2; b = mid + least / 2; }
  return [Math.max(low, a), Math.min(high, b)];
}

function setUpPlane() {
  const canvas = $('plane');
  if (!hasDim('valence') || !hasDim('arousal')) { $('s-plane').hidden = true; return; }
  plane.fit = [fitted('valence'), fitted('arousal')];
  plane.all = [rangeOf('valence'), rangeOf('arousal')];
  const room = (k) => (plane.fit[k][1] - plane.fit[k][0]) / (plane.all[k][1] - plane.all[k][0]);
  plane.zoom = P.stats.dims.valence.n >= 30 && (room(0) < 0.75 || room(1) < 0.75);
  const draw = perFrame(drawPlane);
  $('plane-zoom').addEventListener('click', () => { plane.zoom = !plane.zoom; draw(); });
  const nearest = (px, py, most) => {
    let best = -1, least = most * most;
    for (const i of plane.points) {
      const dx = plane.x(D.numbers.valence.value[i]) - px, dy = plane.y(D.numbers.arousal.value[i]) - py, d2 = dx * dx + dy * dy;
      if (d2 < least) { least = d2; best = i; }
    }
    return best;
  };
  const look = (i) => { if (plane.at !== i) { plane.at = i; draw(); } };
  pointerIn(canvas, (px, py, event) => {
    const i = nearest(px, py, 22);
    look(i);
    if (i < 0) tip.hide();
    else {
      tip.show(event.clientX, event.clientY, el('div', { class: 't', dir: 'auto' }, D.text(i).slice(0, 260) || noText(i)), el('div', { class: 'm' },
        `${answerText(i)} \u00b7 V ${fixed(D.numbers.valence.value[i])} A ${fixed(D.numbers.arousal.value[i])}`));
    }
  }, () => { tip.hide(); look(-1); }, (px, py) => { const i = nearest(px, py, 22); if (i >= 0) { tip.hide(); openRow(i); } });
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      event.preventDefault();
      const from = plane.at >= 0 ? [plane.x(D.numbers.valence.value[plane.at]), plane.y(D.numbers.arousal.value[plane.at])] : [plane.area.x0, (plane.area.y0 + plane.area.y1) / 2];
      let best = -1, least = Infinity;
      for (const i of plane.points) {
        const dx = plane.x(D.numbers.valence.value[i]) - from[0], dy = plane.y(D.numbers.arousal.value[i]) - from[1];
        const along = dx * step[0] + dy * step[1], aside = Math.abs(dx * step[1]) + Math.abs(dy * step[0]);
        if (along <= 1e-6 || i === plane.at) continue;
        // A step goes a little way: points nearer than 6 px ahead cost as much as those at 6 px.
        const cost = Math.max(along, 6) + 2.5 * aside;
        if (cost < least) { least = cost; best = i; }
      }
      if (best >= 0) {
        look(best);
        $('plane-says').textContent = `${D.text(best).slice(0, 200)} (${answerText(best)})`;
      }
    } else if (event.key === 'Enter' && plane.at >= 0) { event.preventDefault(); openRow(plane.at); focusPanel(canvas); }
  });
  on('rows', draw); on('open', draw); on('look', draw);
}

function drawPlane() {
  if ($('s-plane').hidden) return;
  const { ctx, w, h } = prepare($('plane'));
  const V = D.numbers.valence, A = D.numbers.arousal, [dx, dy] = plane.zoom ? plane.fit : plane.all;
  const area = { x0: 34, y0: 22, x1: w - 10, y1: h - 40 };
  plane.area = area;
  plane.x = (v) => area.x0 + ((v - dx[0]) / (dx[1] - dx[0])) * (area.x1 - area.x0);
  plane.y = (a) => area.y1 - ((a - dy[0]) / (dy[1] - dy[0])) * (area.y1 - area.y0);
  const ink = css('--ink'), soft = css('--soft'), line = css('--line'), paper = css('--paper');
  ctx.strokeStyle = line; ctx.fillStyle = soft; ctx.lineWidth = 1;
  ctx.textAlign = 'center';
  const tx = ticks(dx[0], dx[1], Math.max(3, w / 110)), ty = ticks(dy[0], dy[1], Math.max(3, h / 90));
  for (const v of tx.values) { const x = Math.round(plane.x(v)) + 0.5; ctx.beginPath(); ctx.moveTo(x, area.y0); ctx.lineTo(x, area.y1); ctx.stroke(); ctx.fillText(fixed(v, tx.digits), x, area.y1 + 12); }
  ctx.textAlign = 'right';
  for (const a of ty.values) { const y = Math.round(plane.y(a)) + 0.5; ctx.beginPath(); ctx.moveTo(area.x0, y); ctx.lineTo(area.x1, y); ctx.stroke(); ctx.fillText(fixed(a, ty.digits), area.x0 - 6, y); }
  // The middle of each scale, where it is in sight.
  ctx.strokeStyle = soft; ctx.setLineDash([2, 4]);
  const mid = [(plane.all[0][0] + plane.all[0][1]) / 2, (plane.all[1][0] + plane.all[1][1]) / 2];
  if (mid[0] > dx[0] && mid[0] < dx[1]) { const x = Math.round(plane.x(mid[0])) + 0.5; ctx.beginPath(); ctx.moveTo(x, area.y0); ctx.lineTo(x, area.y1); ctx.stroke(); }
  if (mid[1] > dy[0] && mid[1] < dy[1]) { const y = Math.round(plane.y(mid[1])) + 0.5; ctx.beginPath(); ctx.moveTo(area.x0, y); ctx.lineTo(area.x1, y); ctx.stroke(); }
  ctx.setLineDash([]);
  ctx.textAlign = 'left'; ctx.fillText('\u2190 unpleasant', area.x0, h - 10);
  ctx.textAlign = 'right'; ctx.fillText('pleasant \u2192', area.x1, h - 10);
  ctx.textAlign = 'left'; ctx.fillText('\u2191 stirred', area.x0, 9);
  ctx.textAlign = 'center'; ctx.fillText('\u2193 calm', (area.x0 + area.x1) / 2, h - 10);

  ctx.save();
  ctx.beginPath(); ctx.rect(area.x0 - 4, area.y0 - 4, area.x1 - area.x0 + 8, area.y1 - area.y0 + 8); ctx.clip();
  const usable = (i) => answered(i) && !Number.isNaN(V.value[i]) && !Number.isNaN(A.value[i]);
  const points = Array.from(rows.filtered).filter(usable);
  plane.points = points;
  const n = points.length, radius = n < 300 ? 4.2 : n < 1500 ? 3.2 : n < 6000 ? 2.4 : 1.8;
  const dots = (list, r) => {
    if (r > 2.2 && list.length < 8000) {
      for (const i of list) { ctx.beginPath(); ctx.arc(plane.x(V.value[i]), plane.y(A.value[i]), r, 0, 6.2832); ctx.fill(); }
    } else for (const i of list) ctx.fillRect(plane.x(V.value[i]) - r, plane.y(A.value[i]) - r, 2 * r, 2 * r);
  };
  if (isFiltered()) {
    ctx.fillStyle = soft; ctx.globalAlpha = Math.max(0.05, Math.min(0.2, 300 / D.n));
    dots(Array.from({ length: D.n }, (_, i) => i).filter(usable), 1.6);
  }
  ctx.globalAlpha = n < 300 ? 0.8 : n < 1500 ? 0.6 : n < 6000 ? 0.4 : n < 20000 ? 0.28 : 0.16;
  const byGroup = new Map();
  for (const i of points) { const g = groupOfRow(i); if (!byGroup.has(g)) byGroup.set(g, []); byGroup.get(g).push(i); }
  // Large groups below, so that small ones can be seen.
  for (const [g, list] of [...byGroup].sort((a, b) => b[1].length - a[1].length)) { ctx.fillStyle = colourOfGroup(g); dots(list, radius); }
  ctx.globalAlpha = 1;

  // The rows of each label meet at its name.
  const sums = new Map();
  for (const i of points) {
    const l = D.first(i);
    if (l < 0) continue;
    const s = sums.get(l) || [0, 0, 0];
    s[0]++; s[1] += V.value[i]; s[2] += A.value[i];
    sums.set(l, s);
  }
  ctx.font = `600 13px ${css('--sans')}`;
  ctx.textAlign = 'center';
  const placed = [];
  for (const [l, [count, v, a]] of [...sums].sort((p, q) => q[1][0] - p[1][0])) {
    if (count < Math.max(3, n * 0.004)) continue;
    const name = words(P.labels[l]), half = ctx.measureText(name).width / 2 + 4;
    const x = Math.max(area.x0 + half, Math.min(area.x1 - half, plane.x(v / count))), y = plane.y(a / count);
    const box = [x - half, y - 10, x + half, y + 10];
    if (placed.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) continue;
    placed.push(box);
    ctx.strokeStyle = paper; ctx.lineWidth = 4; ctx.globalAlpha = 0.9; ctx.strokeText(name, x, y);
    ctx.globalAlpha = 1; ctx.fillStyle = ink; ctx.fillText(name, x, y);
  }
  const ring = (i, colour, size) => { ctx.strokeStyle = paper; ctx.lineWidth = 5; ctx.beginPath(); ctx.arc(plane.x(V.value[i]), plane.y(A.value[i]), size, 0, 6.2832); ctx.stroke();
    ctx.strokeStyle = colour; ctx.lineWidth = 2; ctx.stroke(); };
  // The only row there is counts as open: its intervals are what there is to see.
  const s = state.open < 0 && D.n === 1 ? 0 : state.open;
  if (s >= 0 && usable(s)) {
    const x = plane.x(V.value[s]), y = plane.y(A.value[s]);
    const known = [V.low[s], V.high[s], A.low[s], A.high[s]].every((v) => !Number.isNaN(v));
    if (known) {
      const [x0, x1, y0, y1] = [plane.x(V.low[s]), plane.x(V.high[s]), plane.y(A.high[s]), plane.y(A.low[s])];
      ctx.fillStyle = css('--accent'); ctx.globalAlpha = 0.14;
      ctx.beginPath(); ctx.ellipse((x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2, 0, 0, 6.2832); ctx.fill();
      ctx.globalAlpha = 1; ctx.strokeStyle = css('--accent'); ctx.lineWidth = 1.5; ctx.stroke();
      ctx.beginPath(); ctx.moveTo(x0, y); ctx.lineTo(x1, y); ctx.moveTo(x, y0); ctx.lineTo(x, y1); ctx.stroke();
    }
    ring(s, css('--accent'), 6);
  }
  if (plane.at >= 0 && usable(plane.at)) ring(plane.at, ink, 6);
  ctx.restore();

  $('plane-zoom').textContent = plane.zoom ? 'Whole scale' : 'Fit to the data';
  $('plane-zoom').setAttribute('aria-pressed', String(!plane.zoom));
  const note = [n > 2 ? `${plural(n, 'row', 'rows')}${P.labels.length ? ', coloured as above; a name stands at the mean of its label' : ''}.` : `${plural(n, 'row', 'rows')}.`];
  if (plane.zoom) {
    const outside = points.filter((i) => V.value[i] < dx[0] || V.value[i] > dx[1] || A.value[i] < dy[0] || A.value[i] > dy[1]).length;
    note.push(`The axes show part of the scale (${fixed(plane.all[0][0], 0)} to ${fixed(plane.all[0][1], 0)})${outside ? `; ${whole(outside)} of the points lie outside` : ''}.`);
  }
  if (s >= 0 && usable(s)) note.push('The ellipse spans the intervals of the row.');
  $('plane-note').textContent = note.join(' ');
}

// --- Time ----------------------------------------------------------------------------------------------

const time = { what: '', bins: [], at: -1, x: null };
const DAY = 864e5;

function dateText(ms, span) {
  const options = span > 300 * DAY ? { month: 'short', year: 'numeric' } : span > 2 * DAY ? { day: 'numeric', month: 'short', year: span > 200 * DAY ? 'numeric' : undefined }
    : { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' }).format(ms);
}
function axisText(v, span) {
  if (D.axisKind === 'date') return dateText(v, span);
  if (D.axisKind === 'seconds') return clock(Math.floor(v));
  return Math.abs(v) >= 10000 || Number.isInteger(v) ? whole(Math.round(v)) : fixed(v, span < 10 ? 2 : 1);
}

// Edges of the bins: days, weeks, months and so on for dates, equal steps otherwise.
function timeEdges(low, high, most) {
  if (D.axisKind === 'date') {
    const units = [6e4, 3e5, 9e5, 36e5, 216e5, DAY, 7 * DAY];
    const unit = units.find((u) => (high - low) / u <= most);
    if (unit) {
      // Weeks begin on Monday; 5 January 1970 was one.
      const origin = unit === 7 * DAY ? 4 * DAY : 0, edges = [];
      for (let t = Math.floor((low - origin) / unit) * unit + origin; t <= high; t += unit) edges.push(t);
      edges.push(edges[edges.length - 1] + unit);
      return edges;
    }
    const months = (high - low) / (30.4 * DAY), step = [1, 3, 12, 60, 120, 1200].find((s) => months / s <= most) || 12000;
    const first = new Date(low), edges = [];
    let m = first.getUTCFullYear() * 12 + first.getUTCMonth();
    m -= m % step;
    for (;; m += step) { const t = Date.UTC(Math.floor(m / 12), m % 12); edges.push(t); if (t > high) break; }
    return edges;
  }
  let step = niceStep((high - low) / most);
  if (D.axisKind === 'order') step = Math.max(1, Math.ceil(step));
  const first = D.axisKind === 'order' ? low : Math.floor(low / step) * step, edges = [first];
  while (edges[edges.length - 1] <= high) edges.push(first + edges.length * step);
  return edges;
}

// Ticks at the starts of hours, days, months or years, at most `most` of them.
function dateTicks(low, high, most) {
  const HOUR = 36e5, span = high - low, format = (options) => new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
  const out = [], step = [6e4, 3e5, 9e5, 18e5, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY].find((s) => span / s <= most);
  if (step) {
    const clock = format({ hour: '2-digit', minute: '2-digit' }), day = format({ day: 'numeric', month: 'short' });
    const origin = step === 7 * DAY ? 4 * DAY : 0;
    for (let t = Math.ceil((low - origin) / step) * step + origin; t <= high; t += step) out.push([t, t % DAY ? clock.format(t) : day.format(t)]);
    return out;
  }
  const months = [1, 2, 3, 6, 12, 24, 60, 120, 600, 1200].find((m) => span / (m * 30.4 * DAY) <= most) || 12000, start = new Date(low);
  const name = format(months < 12 ? { month: 'short', year: 'numeric' } : { year: 'numeric' });
  for (let m = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months; ; m += months) {
    const t = Date.UTC(Math.floor(m / 12), m % 12);
    if (t > high) return out;
    if (t >= low) out.push([t, name.format(t)]);
  }
}

function setUpTime() {
  let low = Infinity, high = -Infinity, n = 0;
  for (const v of D.axis) if (!Number.isNaN(v)) { n++; if (v < low) low = v; if (v > high) high = v; }
  if (n < 12 || !(high > low) || !P.stats.answered) { $('s-time').hidden = true; return; }
  Object.assign(time, { low, high, n });
  $('h-time').textContent = { date: 'Over time', number: 'Along the time column', seconds: 'Through the recording', order: 'In the order of the rows' }[D.axisKind];
  const pick = $('time-what');
  for (const d of D.dimensions) if (hasDim(d)) pick.append(el('option', { value: d }, capital(d)));
  const counted = P.labels.map((_, l) => l).filter((l) => P.stats.labels[P.labels[l]]).sort((a, b) => P.stats.labels[P.labels[b]] - P.stats.labels[P.labels[a]]);
  if (counted.length) pick.append(el('optgroup', { label: 'Share of rows with' }, ...counted.map((l) => el('option', { value: `l:${l}` }, words(P.labels[l])))));
  pick.append(el('option', { value: 'abstained' }, 'Share without an answer'));
  time.what = pick.value;
  const draw = perFrame(drawTime);
  pick.addEventListener('change', () => { time.what = pick.value; draw(); });
  const look = (k) => { if (k !== time.at) { time.at = k; draw(); } };
  const choose = (k) => {
    const bin = time.bins[k];
    if (!bin) return;
    const same = state.range && state.range[0] === bin.from && state.range[1] === bin.to;
    setFilter({ range: same ? null : [bin.from, bin.to] });
  };
  const binAt = (px) => time.bins.findIndex((b) => px >= time.x(b.from) && px < time.x(b.to));
  pointerIn($('time'), (px) => look(binAt(px)), () => look(-1), (px) => choose(binAt(px)));
  $('time').addEventListener('keydown', (event) => {
    if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      event.preventDefault();
      look(Math.max(0, Math.min(time.bins.length - 1, time.at + (event.key === 'ArrowRight' ? 1 : -1))));
    } else if (event.key === 'Enter' && time.at >= 0) { event.preventDefault(); choose(time.at); }
  });
  on('rows', draw); on('look', draw);
}

function timeBins(w) {
  const most = Math.max(5, Math.min(Math.floor(w / 12), 90, Math.floor(Math.sqrt(time.n) * 1.3)));
  const edges = timeEdges(time.low, time.high, most), bins = edges.slice(0, -1).map((from, k) => ({ from, to: edges[k + 1], n: 0, all: 0, sum: 0, squares: 0 }));
  const share = time.what.startsWith('l:') ? Number(time.what.slice(2)) : -1, dim = D.numbers[time.what];
  for (const i of rows.base) {
    const v = D.axis[i];
    if (Number.isNaN(v)) continue;
    let a = 0, b = bins.length - 1;
    while (a < b) { const m = (a + b + 1) >> 1; if (edges[m] <= v) a = m; else b = m - 1; }
    const bin = bins[a];
    bin.all++;
    let value;
    if (time.what === 'abstained') value = answered(i) ? 0 : 1;
    else if (!answered(i)) continue;
    else value = share >= 0 ? (D.labels(i).includes(share) ? 1 : 0) : dim.value[i];
    if (Number.isNaN(value)) continue;
    bin.n++; bin.sum += value; bin.squares += value * value;
  }
  for (const bin of bins) {
    if (!bin.n) continue;
    const n = bin.n, mean = bin.sum / n;
    bin.mean = mean;
    if (dim) {
      const error = n > 1 ? (1.96 * Math.sqrt(Math.max(0, (bin.squares - n * mean * mean) / (n - 1)))) / Math.sqrt(n) : 0;
      bin.low = mean - error; bin.high = mean + error;
    } else {
      // Wilson's interval of a share keeps within 0 and 1.
      const z2 = 3.8416, centre = (mean + z2 / (2 * n)) / (1 + z2 / n), half = (1.96 / (1 + z2 / n)) * Math.sqrt((mean * (1 - mean)) / n + z2 / (4 * n * n));
      bin.low = Math.max(0, centre - half); bin.high = Math.min(1, centre + half);
    }
  }
  return bins;
}

function drawTime() {
  if ($('s-time').hidden) return;
  const { ctx, w, h } = prepare($('time'));
  const bins = (time.bins = timeBins(w)), known = bins.filter((b) => b.n);
  const area = { x0: 44, y0: 10, x1: w - 8, y1: h - 62 }, isDim = Boolean(D.numbers[time.what]);
  const ink = css('--ink'), soft = css('--soft'), line = css('--line');
  const colour = time.what.startsWith('l:') ? colourOfGroup(P.groupOf[Number(time.what.slice(2))]) : css('--accent');
  const first = bins[0].from, last = bins[bins.length - 1].to, span = last - first;
  time.x = (v) => area.x0 + ((v - first) / span) * (area.x1 - area.x0);
  if (!known.length) {
    ctx.fillStyle = soft; ctx.textAlign = 'center'; ctx.fillText('No row to show', w / 2, h / 2);
    $('time-says').textContent = ''; return;
  }
  // Bins with few rows have wide bands; they may leave the frame rather than flatten the rest.
  const most = Math.max(...known.map((b) => b.n)), solid = known.filter((b) => b.n >= Math.min(8, most / 10));
  let low = Math.min(...solid.map((b) => b.low)), high = Math.max(...solid.map((b) => b.high));
  const [least, top] = isDim ? rangeOf(time.what) : [0, 1], room = Math.max((high - low) * 0.12, (top - least) * 0.01);
  low = Math.max(least, low - room); high = Math.min(top, high + room);
  if (!isDim) low = 0;
  const y = (v) => area.y1 - ((v - low) / (high - low)) * (area.y1 - area.y0), mid = (b) => time.x((b.from + b.to) / 2);
  const ty = ticks(low, high, 4);
  ctx.strokeStyle = line; ctx.fillStyle = soft; ctx.textAlign = 'right';
  for (const v of ty.values) { const at = Math.round(y(v)) + 0.5; ctx.beginPath(); ctx.moveTo(area.x0, at); ctx.lineTo(area.x1, at); ctx.stroke();
    ctx.fillText(isDim ? fixed(v, ty.digits) : `${fixed(100 * v, Math.max(0, ty.digits - 2))} %`, area.x0 - 7, at); }
  // Labels of the axis, as many as fit.
  ctx.textAlign = 'center';
  const wanted = Math.max(2, Math.floor(w / 95)), every = Math.max(1, Math.ceil(bins.length / wanted));
  const marks = D.axisKind === 'date' ? dateTicks(first, last, wanted) : bins.filter((_, k) => k % every === 0).map((b) => [b.from, axisText(b.from, span)]);
  for (const [v, text] of marks) {
    const half = ctx.measureText(text).width / 2, x = Math.max(area.x0 - 20 + half, Math.min(w - half, time.x(v)));
    ctx.fillText(text, x, h - 8);
    ctx.beginPath(); ctx.moveTo(Math.round(time.x(v)) + 0.5, h - 22); ctx.lineTo(Math.round(time.x(v)) + 0.5, h - 17); ctx.stroke();
  }
  // How many rows each bin rests on.
  const base = h - 22, tall = 26, busiest = Math.max(...bins.map((b) => b.all), 1);
  bins.forEach((b, k) => {
    const x0 = time.x(b.from), inside = state.range && b.from >= state.range[0] && b.to <= state.range[1];
    ctx.fillStyle = inside ? css('--accent') : soft; ctx.globalAlpha = inside ? 0.9 : k === time.at ? 0.6 : 0.28;
    const height = (b.all / busiest) * tall;
    ctx.fillRect(x0 + 0.5, base - height, Math.max(1, time.x(b.to) - x0 - 1), height);
    if (inside) { ctx.globalAlpha = 0.08; ctx.fillRect(x0, area.y0, time.x(b.to) - x0, base - area.y0); }
  });
  ctx.globalAlpha = 1;
  ctx.save(); ctx.beginPath(); ctx.rect(area.x0, area.y0 - 4, area.x1 - area.x0, area.y1 - area.y0 + 8); ctx.clip();
  const runs = [];
  for (const b of bins) { if (!b.n) runs.push([]); else { if (!runs.length) runs.push([]); runs[runs.length - 1].push(b); } }
  for (const run of runs) {
    if (!run.length) continue;
    ctx.fillStyle = colour; ctx.globalAlpha = 0.2; ctx.beginPath();
    run.forEach((b, k) => ctx[k ? 'lineTo' : 'moveTo'](mid(b), y(b.high)));
    [...run].reverse().forEach((b) => ctx.lineTo(mid(b), y(b.low)));
    ctx.closePath(); ctx.fill(); ctx.globalAlpha = 1;
    ctx.strokeStyle = colour; ctx.lineWidth = 2.2; ctx.beginPath();
    run.forEach((b, k) => ctx[k ? 'lineTo' : 'moveTo'](mid(b), y(b.mean)));
    ctx.stroke();
    if (run.length === 1) { ctx.beginPath(); ctx.arc(mid(run[0]), y(run[0].mean), 3, 0, 6.2832); ctx.fillStyle = colour; ctx.fill(); }
  }
  const bin = bins[time.at];
  if (bin) {
    const x = mid(bin);
    ctx.strokeStyle = soft; ctx.lineWidth = 1; ctx.beginPath(); ctx.moveTo(x, area.y0); ctx.lineTo(x, area.y1); ctx.stroke();
    if (bin.n) { ctx.fillStyle = ink; ctx.beginPath(); ctx.arc(x, y(bin.mean), 4, 0, 6.2832); ctx.fill(); }
  }
  ctx.restore();
  const show = (v) => (isDim ? fixed(v) : `${fixed(100 * v, 1)} %`);
  const what = $('time-what').selectedOptions[0].textContent, where = (b) => `${axisText(b.from, span)} to ${axisText(b.to, span)}`;
  $('time-note').textContent = `The mean of each bin with its 95 % interval; below, the number of rows. Press a bin to see its rows.${D.axisKind === 'order' ? ' The table has no time column, so rows stand in their order.' : ''}`;
  $('time-says').textContent = bin ? `${where(bin)}: ${plural(bin.all, 'row', 'rows')}${bin.n ? `, ${what.toLowerCase()} ${show(bin.mean)} (${show(bin.low)} to ${show(bin.high)})` : ''}` : '';
}

// --- A long text -----------------------------------------------------------------------------------------

const doc = { row: -1, at: -1, windows: [], x: null };

function setUpDoc() {
  const long = [];
  for (let i = 0; i < D.n; i++) if (D.windowCount(i) > 1) long.push(i);
  if (!long.length) { $('s-doc').hidden = true; return; }
  long.sort((a, b) => D.windowCount(b) - D.windowCount(a) || a - b);
  for (const i of long.slice(0, 200)) {
    $('doc-which').append(el('option', { value: i, dir: 'auto' }, `${D.text(i).slice(0, 48).replace(/\s+/g, ' ')}\u2026 (${plural(D.windowCount(i), 'window', 'windows')})`));
  }
  const draw = perFrame(drawDoc);
  const choose = (i) => { doc.row = i; doc.at = 0; doc.windows = D.windows(i); draw(); };
  $('doc-which').addEventListener('change', (event) => choose(Number(event.target.value)));
  const look = (k) => { if (k !== doc.at && k >= 0) { doc.at = k; draw(); } };
  const at = (px) => doc.windows.findIndex((v, k) => px < (k + 1 < doc.windows.length ? doc.x(doc.windows[k + 1].start) : Infinity));
  pointerIn($('doc'), (px) => look(at(px)), () => {}, (px) => look(at(px)));
  $('doc').addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
    event.preventDefault();
    look(Math.max(0, Math.min(doc.windows.length - 1, doc.at + (event.key === 'ArrowRight' ? 1 : -1))));
  });
  on('look', draw);
  $('doc-which').parentElement.hidden = long.length < 2;
  choose(long[0]);
}

// Labels that matter most somewhere in the text, in the order in which they peak, so that the strips read
// from the upper left to the lower right.
function docLabels(windows, most) {
  const peak = P.labels.map((_, l) => Math.max(0, ...windows.map((v) => v.score(l) || 0)));
  const strongest = P.labels.map((_, l) => l).filter((l) => peak[l] >= 0.15).sort((a, b) => peak[b] - peak[a]).slice(0, most);
  const middle = (l) => {
    let mass = 0, sum = 0;
    windows.forEach((v, k) => { const p = (v.score(l) || 0) ** 2; mass += p; sum += p * k; });
    return sum / mass;
  };
  return strongest.sort((a, b) => middle(a) - middle(b));
}

function drawDoc() {
  if ($('s-doc').hidden) return;
  const { ctx, w, h } = prepare($('doc')), list = doc.windows;
  const soft = css('--soft'), line = css('--line'), ink = css('--ink');
  const labels = docLabels(list, 6), dims = ['valence', 'arousal', 'dominance'].filter((d) => list.some((v) => !Number.isNaN(v[d])));
  const left = w < 500 ? 84 : 104, area = { x0: left, x1: w - (w < 500 ? 76 : 84), y0: 8 }, strip = 20;
  area.y1 = h - labels.length * strip - 22;
  const first = list[0].start, last = Math.max(list[list.length - 1].end, first + 1);
  doc.x = (c) => area.x0 + ((c - first) / (last - first)) * (area.x1 - area.x0);
  const edge = (k) => [doc.x(list[k].start), doc.x(k + 1 < list.length ? list[k + 1].start : last)], mid = (k) => (edge(k)[0] + edge(k)[1]) / 2;
  if (dims.length) {
    // One scale for all where they share it, else shares of each scale.
    const ranges = dims.map(rangeOf), same = ranges.every((r) => r[0] === ranges[0][0] && r[1] === ranges[0][1]);
    const put = (d, v) => { const [a, b] = rangeOf(d); return same ? v : (v - a) / (b - a); };
    const all = dims.flatMap((d) => list.map((v) => put(d, v[d])).filter((v) => !Number.isNaN(v)));
    let low = Math.min(...all), high = Math.max(...all);
    const pad = Math.max((high - low) * 0.1, 0.05); low -= pad; high += pad;
    const y = (v) => area.y1 - ((v - low) / (high - low)) * (area.y1 - area.y0), ty = ticks(low, high, 4);
    ctx.strokeStyle = line; ctx.fillStyle = soft; ctx.textAlign = 'right';
    for (const v of ty.values) { const at = Math.round(y(v)) + 0.5; ctx.beginPath(); ctx.moveTo(area.x0, at); ctx.lineTo(area.x1, at); ctx.stroke(); ctx.fillText(same ? fixed(v, ty.digits) : `${Math.round(100 * v)} %`, area.x0 - 8, at); }
    const styles = { valence: [css('--accent'), [], 2.4], arousal: [css('--g1'), [7, 4], 2], dominance: [soft, [2, 3], 2] };
    const ends = dims.map((d) => { const known = list.filter((v) => !Number.isNaN(v[d])); return { d, y: y(put(d, known[known.length - 1][d])) }; }).sort((a, b) => a.y - b.y);
    for (let k = 1; k < ends.length; k++) ends[k].y = Math.max(ends[k].y, ends[k - 1].y + 15);
    for (const { d, y: at } of ends) {
      const [colour, dash, width] = styles[d];
      ctx.strokeStyle = colour; ctx.lineWidth = width; ctx.setLineDash(dash); ctx.beginPath();
      let down = false;
      list.forEach((v, k) => { if (Number.isNaN(v[d])) { down = false; return; } ctx[down ? 'lineTo' : 'moveTo'](mid(k), y(put(d, v[d]))); down = true; });
      ctx.stroke(); ctx.setLineDash([]);
      ctx.fillStyle = colour; ctx.textAlign = 'left'; ctx.fillText(d, area.x1 + 8, at);
    }
  }
  labels.forEach((l, k) => {
    const y0 = area.y1 + 12 + k * strip;
    ctx.fillStyle = soft; ctx.textAlign = 'right'; ctx.fillText(words(P.labels[l]), area.x0 - 8, y0 + strip / 2 - 1);
    ctx.fillStyle = line; ctx.globalAlpha = 0.5; ctx.fillRect(area.x0, y0, area.x1 - area.x0, strip - 4);
    ctx.fillStyle = colourOfGroup(P.groupOf[l]);
    list.forEach((v, j) => { const [a, b] = edge(j); ctx.globalAlpha = Math.max(0, Math.min(1, ((v.score(l) || 0) - 0.08) / 0.8)); ctx.fillRect(a, y0, Math.max(1, b - a - (list.length < 80 ? 1 : 0)), strip - 4); });
    ctx.globalAlpha = 1;
  });
  const v = list[doc.at];
  if (v) {
    const [a, b] = edge(doc.at);
    ctx.strokeStyle = ink; ctx.lineWidth = 1.5; ctx.strokeRect(a + 0.5, area.y0, Math.max(2, b - a - 1), h - area.y0 - 8);
    const text = D.text(doc.row).slice(v.start, v.end);
    const best = P.labels.map((_, l) => l).filter((l) => v.score(l) >= 0.1).sort((p, q) => v.score(q) - v.score(p)).slice(0, 3);
    $('doc-says').replaceChildren(text.trim() || 'This part lies beyond the text that the page holds.',
      el('span', { class: 'fine' }, best.map((l) => `${words(P.labels[l])} ${fixed(v.score(l))}`).join(', ') || (P.labels.length ? 'no label stands out' : '')));
  } else $('doc-says').replaceChildren(el('span', { class: 'fine' }, 'Point at a window, or step with the arrow keys, to read its words.'));
  $('doc-note').textContent = `The text is read window by window, from its first character to its last. Lines show the scales${P.labels.length ? '; the strips show how strongly each label speaks' : ''}.${answered(doc.row) ? '' : ` No answer was given for it: ${reasonText(D.reason[doc.row])}.`}`;
}

// --- Small ones ------------------------------------------------------------------------------------------

function drawHist() {
  if ($('sure-hist').hidden) return;
  const { ctx, w, h } = prepare($('hist'));
  let [yes, no] = P.stats.confidence;
  if (isFiltered()) {
    yes = new Array(20).fill(0); no = new Array(20).fill(0);
    for (const i of rows.filtered) { const c = D.confidence[i]; if (!Number.isNaN(c)) (answered(i) ? yes : no)[Math.min(19, Math.floor(c * 20))]++; }
  }
  const most = Math.max(1, ...yes.map((v, k) => v + no[k])), base = h - 20, step = w / yes.length;
  yes.forEach((v, k) => {
    const a = (v / most) * (base - 8), b = (no[k] / most) * (base - 8);
    ctx.fillStyle = css('--accent'); ctx.fillRect(k * step + 1, base - a, step - 2, a);
    ctx.strokeStyle = css('--soft'); ctx.lineWidth = 1;
    if (b > 0.5) ctx.strokeRect(k * step + 1.5, base - a - b + 0.5, step - 3, Math.max(1, b - 1));
  });
  ctx.strokeStyle = css('--soft'); ctx.beginPath(); ctx.moveTo(0, base + 0.5); ctx.lineTo(w, base + 0.5); ctx.stroke();
  ctx.fillStyle = css('--soft');
  [['left', '0', 0], ['center', '0.5', w / 2], ['right', '1', w]].forEach(([align, text, x]) => { ctx.textAlign = align; ctx.fillText(text, x, h - 8); });
  const nNo = no.reduce((a, b) => a + b, 0), nYes = yes.reduce((a, b) => a + b, 0);
  $('hist').setAttribute('aria-label', `Histogram of confidence from 0 to 1 over ${plural(nYes, 'answered row', 'answered rows')}`);
  const mean = isFiltered() ? null : P.stats.confidenceMean;
  $('hist-note').textContent = `Estimated chance that readers would give the top label.${mean === null ? '' : ` Mean of the answered rows: ${fixed(mean)}.`}${nNo ? ' Outlined: rows without an answer.' : ''}`;
}

function drawSpark(canvas, i) {
  const { ctx, w, h } = prepare(canvas), list = D.windows(i), d = ['valence', 'arousal'].find((name) => list.some((v) => !Number.isNaN(v[name])));
  const of = d ? (v) => v[d] : (v) => Math.max(...P.labels.map((_, l) => v.score(l) || 0));
  const values = list.map(of).filter((v) => !Number.isNaN(v));
  const low = Math.min(...values), high = Math.max(...values), room = high - low || 1;
  const x = (k) => 4 + (k / Math.max(1, list.length - 1)) * (w - 8), y = (v) => h - 24 - ((v - low) / room) * (h - 36);
  ctx.strokeStyle = css('--accent'); ctx.lineWidth = 2; ctx.beginPath();
  let down = false;
  list.forEach((v, k) => { const value = of(v); if (Number.isNaN(value)) { down = false; return; } ctx[down ? 'lineTo' : 'moveTo'](x(k), y(value)); down = true; });
  ctx.stroke();
  ctx.fillStyle = css('--soft'); ctx.textAlign = 'left'; ctx.fillText('start', 4, h - 8); ctx.textAlign = 'right'; ctx.fillText('end', w - 4, h - 8);
  ctx.textAlign = 'center'; ctx.fillText(`${d || 'strongest score'} ${fixed(low)} to ${fixed(high)}`, w / 2, h - 8);
}
