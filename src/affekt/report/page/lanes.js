// One recording from start to end: a lane for each speaker, each stretch in the colour of its first label.

const lanes = { rows: [], names: [], of: null, at: -1, x: null, tall: 26, top: 6, side: 0 };
const MOST_LANES = 12;

function setUpLanes() {
  const there = [];
  for (let i = 0; i < D.n; i++) if (!Number.isNaN(D.start[i]) && !Number.isNaN(D.end[i])) there.push(i);
  // Several recordings do not share a clock.
  if (there.length < 2 || there.some((i) => D.source(i) !== D.source(there[0]))) { $('s-lanes').hidden = true; return; }
  there.sort((a, b) => D.start[a] - D.start[b] || a - b);
  lanes.rows = there;
  const speakers = [...new Set(there.map((i) => D.speaker[i]))], kept = speakers.slice(0, MOST_LANES);
  lanes.names = kept.map((s) => D.speakers[s] || '');
  if (speakers.length > kept.length) lanes.names[kept.length - 1] = `${speakers.length - kept.length + 1} others`;
  lanes.of = new Map(speakers.map((s, k) => [s, Math.min(k, kept.length - 1)]));
  $('lanes').style.height = `${lanes.names.length * lanes.tall + lanes.top + 26}px`;
  $('lanes-note').textContent = 'Each stretch in the colour of its first label; pale ones have no answer or are filtered out. Press one to see its row.';
  const draw = perFrame(drawLanes);
  const look = (k) => { if (k !== lanes.at) { lanes.at = k; draw(); } };
  const stretchAt = (px, py) => {
    const lane = Math.floor((py - lanes.top) / lanes.tall);
    return lanes.rows.findIndex((i) => lanes.of.get(D.speaker[i]) === lane && px >= lanes.x(D.start[i]) - 1 && px <= lanes.x(D.end[i]) + 1);
  };
  pointerIn($('lanes'), (px, py) => look(stretchAt(px, py)), () => look(-1), (px, py) => { const k = stretchAt(px, py); if (k >= 0) openRow(lanes.rows[k]); });
  $('lanes').addEventListener('keydown', (event) => {
    if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      event.preventDefault();
      look(Math.max(0, Math.min(lanes.rows.length - 1, lanes.at + (event.key === 'ArrowRight' ? 1 : -1))));
    } else if (event.key === 'Enter' && lanes.at >= 0) { event.preventDefault(); openRow(lanes.rows[lanes.at]); focusPanel($('lanes')); }
  });
  on('rows', draw); on('open', draw); on('look', draw);
}

function drawLanes() {
  if ($('s-lanes').hidden) return;
  const { ctx, w, h } = prepare($('lanes')), { rows: there, names, tall, top } = lanes;
  const soft = css('--soft'), line = css('--line'), ink = css('--ink');
  const last = Math.max(...there.map((i) => D.end[i]), 1), left = Math.min(w / 4, Math.max(6, ...names.map((n) => ctx.measureText(n).width + 12)));
  lanes.x = (v) => left + (v / last) * (w - left - 8);
  ctx.fillStyle = soft; ctx.textAlign = 'left';
  names.forEach((name, k) => ctx.fillText(name, 0, top + (k + 0.5) * tall, left - 8));
  ctx.textAlign = 'center'; ctx.strokeStyle = line;
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((s) => (last / s) * 80 <= w - left) || 14400;
  for (let t = 0; t <= last; t += step) {
    const x = Math.round(lanes.x(t)) + 0.5;
    ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, h - 20); ctx.stroke();
    ctx.fillText(clock(t), Math.max(left + 12, Math.min(w - 18, x)), h - 9);
  }
  const shown = new Set(rows.filtered);
  there.forEach((i, k) => {
    const x = lanes.x(D.start[i]), y = top + lanes.of.get(D.speaker[i]) * tall + 4;
    const here = k === lanes.at || i === state.open, wide = Math.max(1.5, lanes.x(D.end[i]) - x - 0.5);
    ctx.fillStyle = answered(i) ? colourOfGroup(groupOfRow(i)) : soft;
    ctx.globalAlpha = !shown.has(i) ? 0.12 : answered(i) ? 1 : 0.3;
    ctx.fillRect(x, y, wide, tall - 8);
    ctx.globalAlpha = 1;
    if (here) { ctx.strokeStyle = ink; ctx.lineWidth = 2; ctx.strokeRect(x, y - 1, wide, tall - 6); ctx.lineWidth = 1; }
  });
  const i = there[lanes.at];
  $('lanes-says').textContent = i === undefined ? '' : [stretch(i), D.speakers[D.speaker[i]], answerText(i)].filter(Boolean).join(': ');
}
