// Conversations: a lane for each speaker along the turns, the course of valence with its turning points, arrows from cause
// to effect, the turns themselves, and the partners beside one another. However long it is, few turns are in the page at once.

const talk = { dialogues: [], one: null, at: 0, from: 0, to: 0, area: null, kept: null };
const TURNS = 60, MOST_TURNS = 240, TALK_LANES = 8;

function setUpTalk() {
  const known = new Map();
  for (let i = 0; i < D.n; i++) {
    const d = D.dialogue[i];
    if (!d) continue;
    if (!known.has(d)) known.set(d, []);
    known.get(d).push(i);
  }
  talk.dialogues = [...known].map(([d, list]) => ({ name: D.dialogues[d], list }));
  if (!talk.dialogues.length || talk.dialogues.every(({ list }) => list.length < 2)) { $('s-talk').hidden = true; return; }
  talk.dialogues.sort((a, b) => b.list.length - a.list.length);
  const which = $('talk-which');
  talk.dialogues.slice(0, 500).forEach(({ name, list }, k) => which.append(el('option', { value: k, dir: 'auto' }, `${name} (${plural(list.length, 'turn', 'turns')})`)));
  $('talk-pick').hidden = talk.dialogues.length < 2;
  which.addEventListener('change', () => showTalk(talk.dialogues[Number(which.value)]));
  const canvas = $('talk-lanes');
  canvas.addEventListener('keydown', (event) => {
    const last = talk.one.list.length - 1;
    const to = { ArrowRight: talk.at + 1, ArrowLeft: talk.at - 1, PageDown: talk.at + 20, PageUp: talk.at - 20, Home: 0, End: last }[event.key];
    if (to !== undefined) { event.preventDefault(); goTo(Math.max(0, Math.min(last, to))); }
    else if (event.key === 't') goTo(talk.one.turning.find((k) => k > talk.at) ?? talk.one.turning[0] ?? talk.at);
    else if (event.key === 'Enter') { event.preventDefault(); openRow(talk.one.list[talk.at]); focusPanel(canvas); }
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!talk.area) return;
    const k = turnAt(event.offsetX), i = talk.one.list[k];
    tip.show(event.clientX, event.clientY, el('b', {}, `${nameOf(i)} \u00b7 turn ${whole(D.turn[i] + 1)}`), el('br'), shortOf(i, 90));
  });
  canvas.addEventListener('pointerleave', tip.hide);
  canvas.addEventListener('click', (event) => goTo(turnAt(event.offsetX)));
  $('talk-turns').addEventListener('scroll', perFrame(fillTurns), { passive: true });
  on('draw', drawTalk); on('look', drawTalk); on('rows', () => { keepRows(); drawTurns(); drawTalk(); });
  keepRows();
  new ResizeObserver(perFrame(drawTalk)).observe(canvas);
  // Where it can be listened to, the player comes first.
  if (!P.recordings?.length) $('main').prepend($('s-talk'));
  showTalk(talk.dialogues[0]);
}

const nameOf = (i) => D.speakers[D.speaker[i]] || 'Unknown';
const shortOf = (i, most) => { const t = D.text(i).trim(); return t.length > most ? `${t.slice(0, most)}\u2026` : t || '\u2013'; };
const visible = (i) => !isFiltered() || talk.kept[i] === 1;

function keepRows() {
  talk.kept = new Uint8Array(D.n);
  for (const i of rows.filtered) talk.kept[i] = 1;
}

function showTalk(one) {
  talk.one = one;
  talk.at = 0;
  one.speakers ??= [...new Set(one.list.map((i) => D.speaker[i]))];
  one.lane ??= new Map(one.speakers.map((s, k) => [s, Math.min(k, TALK_LANES - 1)]));
  one.places ??= new Map(one.list.map((i, k) => [D.turn[i], k]));
  one.turning ??= one.list.map((i, k) => (D.turning[i] ? k : -1)).filter((k) => k >= 0);
  one.links ??= one.list.flatMap((i, k) => D.causes(i).map((c) => ({ to: k, from: one.places.get(c.turn), ...c })).filter((c) => c.from !== undefined));
  const more = one.speakers.length > TALK_LANES ? ` The last lane holds ${plural(one.speakers.length - TALK_LANES + 1, 'speaker', 'speakers')}.` : '';
  const turns = one.turning.length ? ` ${plural(one.turning.length, 'turning point', 'turning points')}, where the level of valence changes for good, ${one.turning.length === 1 ? 'is' : 'are'} marked \u25bc; t goes to the next.` : '';
  const causes = one.links.length ? ' Arcs lead from a cause to the turn whose emotion it is the cause of.' : '';
  $('talk-note').textContent = `Each mark is a turn${P.labels.length ? ', in the colour of its label' : ''}, in the lane of its speaker${hasDim('valence') ? '; above, how pleasant it reads' : ''}.${turns}${causes}${more}`;
  drawPartners();
  drawTurns();
  drawTalk();
}

// --- The partners ---------------------------------------------------------------------------------------------------

function drawPartners() {
  const { one } = talk, V = D.numbers.valence;
  const by = one.speakers.map((s) => ({ s, n: 0, sum: 0, squares: 0, known: 0, first: new Map(), moved: 0, jumps: 0, last: NaN }));
  const at = new Map(by.map((b) => [b.s, b]));
  for (const i of one.list) {
    const b = at.get(D.speaker[i]);
    b.n++;
    if (!answered(i)) continue;
    const l = D.first(i);
    if (l >= 0) b.first.set(l, (b.first.get(l) || 0) + 1);
    const v = V ? V.value[i] : NaN;
    if (Number.isNaN(v)) continue;
    b.known++; b.sum += v; b.squares += v * v;
    if (!Number.isNaN(b.last)) { b.moved += (v - b.last) ** 2; b.jumps++; }
    b.last = v;
  }
  const valence = hasDim('valence');
  const cells = (b) => {
    const mean = b.known ? b.sum / b.known : NaN, sd = b.known > 1 ? Math.sqrt(Math.max(0, (b.squares - b.known * mean * mean) / (b.known - 1))) : NaN;
    const numbers = [whole(b.n), ...(valence ? [fixed(mean), fixed(sd), b.jumps ? fixed(b.moved / b.jumps) : '\u2013'] : [])];
    const most = [...b.first].sort((x, y) => y[1] - x[1]).slice(0, 3);
    return el('tr', {}, el('th', { scope: 'row', dir: 'auto' }, D.speakers[b.s] || 'Unknown'), ...numbers.map((text) => el('td', { class: 'num' }, text)),
      ...(P.labels.length ? [el('td', {}, ...most.flatMap(([l, n], k) => [k ? ', ' : '', el('i', { class: 'dot', style: { background: styleOfLabel(l) } }), ` ${words(P.labels[l])} ${whole(n)}`]))] : []));
  };
  const heads = ['Turns', ...(valence ? ['Mean valence', 'SD', 'MSSD'] : [])].map((t) =>
    el('th', { scope: 'col', class: 'num', title: t === 'MSSD' ? 'Mean square of successive differences: how far it jumps from one of their turns to the next' : null }, t));
  $('talk-partners').replaceChildren(el('table', { class: 'plain' },
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Speaker'), ...heads, ...(P.labels.length ? [el('th', { scope: 'col' }, 'Most often')] : []))),
    el('tbody', {}, ...by.sort((a, b) => b.n - a.n).slice(0, 12).map(cells))));
}

// --- The turns ------------------------------------------------------------------------------------------------------

// What stands in a label's place: of a model that gives dimensions alone, the numbers.
function unlabelled(i) {
  if (P.labels.length) return 'no label';
  return Object.keys(D.numbers).filter((d) => hasDim(d) && !Number.isNaN(D.numbers[d].value[i])).map((d) => `${d} ${fixed(D.numbers[d].value[i])}`).join(', ');
}

function bubble(k) {
  const { one } = talk, i = one.list[k], l = answered(i) ? D.first(i) : -1, lane = one.lane.get(D.speaker[i]);
  const causes = one.links.filter((c) => c.to === k);
  const why = answered(i) ? (l < 0 ? unlabelled(i) : words(P.labels[l])) : reasonText(D.reason[i]);
  const because = causes.map((c) => el('button', { type: 'button', class: 'because', onclick: (event) => { event.stopPropagation(); goTo(c.from, c); } },
    c.from === k ? 'in itself: ' : `from turn ${whole(c.turn + 1)}: `, el('q', {}, D.text(one.list[c.from]).slice(c.start, c.end).slice(0, 80)), ` ${fixed(c.score)}`));
  const node = el('li', { class: `turn side${lane % 2} ${visible(i) ? '' : 'dim'}`, 'data-k': k, style: { '--tone': l < 0 ? 'var(--line)' : styleOfLabel(l) } },
    el('button', { type: 'button', class: 'said', 'aria-label': `Turn ${D.turn[i] + 1}, ${nameOf(i)}: ${shortOf(i, 300)}; ${why}`, onclick: () => { talk.at = k; openRow(i); focusPanel(node.firstChild); drawTalk(); } },
      el('span', { class: 'who', dir: 'auto' }, nameOf(i)), el('span', { class: 'words', dir: 'auto' }, shortOf(i, 600)),
      el('span', { class: 'felt' }, el('i', { class: 'dot', style: { background: l < 0 ? 'var(--line)' : styleOfLabel(l) } }), why, D.turning[i] ? ' \u25bc' : '')), ...because);
  if (k === talk.at) node.classList.add('at');
  return node;
}

function drawTurns() {
  const last = talk.one.list.length;
  talk.from = Math.max(0, Math.min(talk.at - TURNS / 3, last - TURNS) | 0);
  talk.to = Math.min(last, talk.from + TURNS);
  const box = $('talk-turns');
  box.replaceChildren(...Array.from({ length: talk.to - talk.from }, (_, k) => bubble(talk.from + k)));
  if (talk.at) box.querySelector('.at')?.scrollIntoView({ block: 'nearest' });
  else box.scrollTop = 0;
}

// What is near the edge of the box is put there, what is far behind is taken away.
function fillTurns() {
  const box = $('talk-turns'), last = talk.one.list.length, height = box.scrollHeight;
  if (box.scrollTop + box.clientHeight > height - 600 && talk.to < last) {
    const to = Math.min(last, talk.to + TURNS);
    for (; talk.to < to; talk.to++) box.append(bubble(talk.to));
    while (talk.to - talk.from > MOST_TURNS) { const h = box.firstChild.offsetHeight; box.firstChild.remove(); talk.from++; box.scrollTop -= h; }
  } else if (box.scrollTop < 600 && talk.from > 0) {
    const from = Math.max(0, talk.from - TURNS);
    for (; talk.from > from; talk.from--) box.prepend(bubble(talk.from - 1));
    box.scrollTop += box.scrollHeight - height;
    while (talk.to - talk.from > MOST_TURNS) { box.lastChild.remove(); talk.to--; }
  }
}

function goTo(k, link = null) {
  talk.at = k;
  const box = $('talk-turns');
  if (k < talk.from || k >= talk.to) drawTurns();
  for (const node of box.querySelectorAll('.at')) node.classList.remove('at');
  const node = box.querySelector(`[data-k="${k}"]`), i = talk.one.list[k];
  node?.classList.add('at');
  if (node) box.scrollTop = node.offsetTop - box.offsetTop - box.clientHeight / 3;
  if (link && node) {
    const text = D.text(i), part = node.querySelector('.words');
    part.replaceChildren(text.slice(0, link.start), el('mark', { class: 'for' }, text.slice(link.start, link.end)), text.slice(link.end, link.end + 400));
  }
  $('talk-says').textContent = `Turn ${whole(D.turn[i] + 1)}, ${nameOf(i)}: ${shortOf(i, 160)}`;
  drawTalk();
}

// --- The lanes ------------------------------------------------------------------------------------------------------

function turnAt(x) {
  const { x0, x1 } = talk.area, n = talk.one.list.length;
  return Math.max(0, Math.min(n - 1, Math.floor(((x - x0) / (x1 - x0)) * n)));
}

function drawTalk() {
  if ($('s-talk').hidden || !talk.one) return;
  const { one } = talk, n = one.list.length, lanes = Math.min(one.speakers.length, TALK_LANES), canvas = $('talk-lanes');
  const course = hasDim('valence') ? 150 : 0, arcs = one.links.length ? 46 : 6;
  canvas.style.height = `${course + arcs + lanes * 26 + 34}px`;
  const { ctx, w, h } = prepare(canvas);
  if (!w) return;
  const left = w < 560 ? 62 : 112, area = { x0: left, x1: w - 10, y0: 14, y1: course };
  talk.area = area;
  const soft = css('--soft'), line = css('--line'), ink = css('--ink'), accent = css('--accent');
  const step = (area.x1 - area.x0) / n, x = (k) => area.x0 + (k + 0.5) * step;
  const laneY = (k) => course + arcs + one.lane.get(D.speaker[one.list[k]]) * 26 + 12;
  if (course) drawCourse(ctx, area, x, { soft, line, accent });
  // Lanes
  ctx.textAlign = 'right';
  one.speakers.slice(0, lanes).forEach((s, k) => {
    const y = course + arcs + k * 26 + 12, name = k === TALK_LANES - 1 && one.speakers.length > TALK_LANES ? 'others' : D.speakers[s] || 'Unknown';
    ctx.strokeStyle = line; ctx.lineWidth = 1; ctx.beginPath(); ctx.moveTo(area.x0, y + 0.5); ctx.lineTo(area.x1, y + 0.5); ctx.stroke();
    ctx.fillStyle = soft; ctx.fillText(fit(ctx, name, left - 12), area.x0 - 8, y);
  });
  const width = Math.max(1.2, Math.min(14, step - (step > 4 ? 1.5 : 0)));
  one.list.forEach((i, k) => {
    ctx.globalAlpha = visible(i) ? (answered(i) ? 1 : 0.35) : 0.12;
    ctx.fillStyle = groupOfRow(i) < 0 ? line : colourOfGroup(groupOfRow(i));
    ctx.fillRect(x(k) - width / 2, laneY(k) - 9, width, 18);
  });
  ctx.globalAlpha = 1;
  drawArcs(ctx, x, laneY, course + arcs, accent, n);
  ctx.fillStyle = soft; ctx.textAlign = 'center';
  const wanted = ticks(1, Math.max(2, n), Math.max(2, Math.floor(w / 120)));
  for (const v of wanted.values) if (v >= 1 && v <= n && Number.isInteger(v)) ctx.fillText(whole(v), x(v - 1), h - 10);
  ctx.strokeStyle = ink; ctx.lineWidth = 1.5;
  ctx.strokeRect(x(talk.at) - width / 2 - 2, laneY(talk.at) - 11, width + 4, 22);
}

function drawCourse(ctx, area, x, { soft, line, accent }) {
  const { one } = talk, n = one.list.length, V = D.numbers.valence, [low, high] = rangeOf('valence');
  const y = (v) => area.y1 - ((v - low) / (high - low)) * (area.y1 - area.y0);
  ctx.fillStyle = soft; ctx.strokeStyle = line; ctx.lineWidth = 1; ctx.textAlign = 'right';
  for (const v of ticks(low, high, 3).values) { const at = Math.round(y(v)) + 0.5; ctx.beginPath(); ctx.moveTo(area.x0, at); ctx.lineTo(area.x1, at); ctx.stroke(); ctx.fillText(fixed(v, 0), area.x0 - 8, at); }
  // One point a pixel at most: of more turns, their mean.
  const each = Math.max(1, Math.ceil(n / (area.x1 - area.x0))), points = [];
  for (let k = 0; k < n; k += each) {
    let sum = 0, count = 0;
    for (let j = k; j < Math.min(n, k + each); j++) { const i = one.list[j], v = V.value[i]; if (answered(i) && !Number.isNaN(v)) { sum += v; count++; } }
    if (count) points.push([x(Math.min(n - 1, k + (each - 1) / 2)), y(sum / count)]);
  }
  ctx.strokeStyle = soft; ctx.globalAlpha = 0.55; ctx.lineWidth = 1; ctx.beginPath();
  points.forEach(([a, b], k) => (k ? ctx.lineTo(a, b) : ctx.moveTo(a, b)));
  ctx.stroke(); ctx.globalAlpha = 1;
  // The level between turning points.
  const edges = [0, ...one.turning, n];
  ctx.strokeStyle = accent; ctx.lineWidth = 2.4;
  for (let e = 0; e + 1 < edges.length; e++) {
    let sum = 0, count = 0;
    for (let k = edges[e]; k < edges[e + 1]; k++) { const i = one.list[k], v = V.value[i]; if (answered(i) && !Number.isNaN(v)) { sum += v; count++; } }
    if (!count) continue;
    ctx.beginPath(); ctx.moveTo(x(edges[e]), y(sum / count)); ctx.lineTo(x(edges[e + 1] - 1), y(sum / count)); ctx.stroke();
  }
  ctx.fillStyle = accent; ctx.textAlign = 'center';
  for (const k of one.turning) { ctx.fillText('\u25bc', x(k), 7); ctx.globalAlpha = 0.4; ctx.fillRect(x(k) - 0.5, area.y0, 1, area.y1 - area.y0); ctx.globalAlpha = 1; }
}

// Of a long conversation, only the arcs of the turn that is looked at.
function drawArcs(ctx, x, laneY, top, accent, n) {
  const { one } = talk, all = one.links.length <= 120 && n <= 400;
  for (const link of one.links) {
    const chosen = link.to === talk.at || link.from === talk.at;
    if (!all && !chosen) continue;
    const a = x(link.from), b = x(link.to), ya = laneY(link.from) - 10, yb = laneY(link.to) - 10, rise = Math.min(38, 10 + Math.abs(b - a) / 5);
    ctx.globalAlpha = chosen ? 1 : 0.28; ctx.strokeStyle = accent; ctx.fillStyle = accent; ctx.lineWidth = chosen ? 2 : 1.1;
    ctx.beginPath();
    if (link.from === link.to) ctx.arc(a, ya - 5, 4, 0, 6.2832);
    else { ctx.moveTo(a, ya); ctx.bezierCurveTo(a, top - rise, b, top - rise, b, yb - 3); }
    ctx.stroke();
    if (link.from !== link.to) { ctx.beginPath(); ctx.moveTo(b, yb + 1); ctx.lineTo(b - 4, yb - 6); ctx.lineTo(b + 4, yb - 6); ctx.fill(); }
  }
  ctx.globalAlpha = 1;
}

function fit(ctx, text, most) {
  if (ctx.measureText(text).width <= most) return text;
  let t = text;
  while (t.length > 1 && ctx.measureText(`${t}\u2026`).width > most) t = t.slice(0, -1);
  return `${t}\u2026`;
}

on('start', setUpTalk);
