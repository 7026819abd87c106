// The player: plays a recording from any place, stretch by stretch or through, and shows where it is. Its sound lies beside
// the page or within it; where it is in neither place, somebody may know where else, and all but the playing works.

const stage = { tapes: [], tape: null, view: [0, 1], shown: null, now: -1, at: -1, area: null, until: Infinity, dragged: false };
const TIMES = 5;  // seconds of a step with the arrow keys

function setUpStage() {
  const known = new Map((P.recordings || []).map((facts, k) => [facts.name, { facts, k, list: [] }]));
  for (let i = 0; i < D.n; i++) {
    if (Number.isNaN(D.start[i]) || Number.isNaN(D.end[i])) continue;
    const name = D.source(i);
    if (!known.has(name)) known.set(name, { facts: null, k: -1, list: [] });
    known.get(name).list.push(i);
  }
  // Of one row alone there is nothing to show along the seconds, unless it can be listened to.
  stage.tapes = [...known].filter(([, { facts, list }]) => (facts ? list.length : list.length > 1)).map(([name, { facts, k, list }]) => makeTape(name, list, facts, k));
  if (!stage.tapes.length) { $('s-stage').hidden = true; return; }
  stage.shown = new Uint8Array(D.n);
  const which = $('stage-which');
  stage.tapes.forEach((tape, k) => which.append(el('option', { value: k, dir: 'auto' }, `${tape.title} (${clock(tape.seconds)})`)));
  $('stage-pick').hidden = stage.tapes.length < 2;
  which.addEventListener('change', () => showTape(stage.tapes[Number(which.value)]));
  sound.listen = listenButton; sound.moment = momentButton; sound.press = (i) => playRow(i);
  listenToDeck();
  listenToTracks();
  on('rows', () => {
    stage.shown.fill(0);
    for (const i of rows.filtered) stage.shown[i] = 1;
    $('only-pick').hidden = !isFiltered();
    if (!isFiltered()) $('only').checked = false;
    redrawStage(); drawLines();
  });
  on('open', redrawStage); on('look', redrawStage); on('draw', drawStage);
  for (const i of rows.filtered) stage.shown[i] = 1;
  new ResizeObserver(redrawStage).observe($('tracks').parentElement);
  // What such a page is about comes first.
  if (P.recordings.length) $('main').prepend($('s-stage'));
  showTape(stage.tapes[0]);
}

const redrawStage = perFrame(() => drawStage());
const moveOver = perFrame(() => { if (stage.area) drawOver($('over'), stage.area, stage.tape, { view: stage.view, now: stage.now, at: stage.at, t: position() }); });
const moveBoxes = perFrame(() => drawBoxes());
const position = () => (stage.tape?.audio && !stage.tape.absent ? stage.tape.audio.currentTime : NaN);
const canPlay = () => Boolean(stage.tape?.audio) && !stage.tape.absent;

function drawStage() {
  if ($('s-stage').hidden || !stage.tape) return;
  stage.area = drawTracks($('tracks'), stage.tape, { view: stage.view, shown: stage.shown, open: state.open });
  drawOver($('over'), stage.area, stage.tape, { view: stage.view, now: stage.now, at: stage.at, t: position() });
  $('zoom-all').disabled = !stage.area.zoomed;
  $('zoom-out').disabled = !stage.area.zoomed;
}

// --- Which recording -------------------------------------------------------------------------------------------------

function showTape(tape) {
  if (stage.tape === tape) return;
  stage.tape?.audio?.pause();
  Object.assign(stage, { tape, view: [0, tape.seconds], now: -1, at: -1, until: Infinity, near: '' });
  $('stage-which').value = String(stage.tapes.indexOf(tape));
  $('length').textContent = clock(tape.seconds);
  if (!tape.audio) fetchSound(tape);
  for (const one of stage.tapes) if (one.facts?.video && one.audio) one.audio.hidden = one !== tape;
  unpack(tape).then(redrawStage);
  say();
  drawLines();
  redrawStage();
}

function fetchSound(tape, url = null) {
  if (!tape.audio) {
    const audio = (tape.audio = el(tape.facts?.video ? 'video' : 'audio', { preload: 'metadata', playsinline: true }));
    if (tape.facts?.video) $('screen').prepend(audio); else $('s-stage').append(audio);
    for (const event of ['play', 'pause', 'ended']) audio.addEventListener(event, () => { if (stage.tape === tape) { showPlaying(); if (!audio.paused) follow(); } });
    for (const event of ['seeked', 'loadedmetadata']) audio.addEventListener(event, () => { if (stage.tape === tape) look(); });
    audio.addEventListener('loadedmetadata', () => { tape.absent = false; say(); });
    audio.addEventListener('error', () => { tape.absent = true; say(); redrawStage(); });
    const held = tape.facts?.held && $(`sound-${tape.k}`);
    if (held) {
      const [kind, data] = held.textContent.split(',');
      url = URL.createObjectURL(new Blob([fromBase64(data.trim())], { type: kind }));
      held.remove();
    } else url = url || tape.facts?.at || null;
  }
  if (url) tape.audio.src = url;
  else tape.absent = true;
}

// An address as people write it; bytes that are no text stay escaped.
function spelled(address) {
  try { return decodeURIComponent(address); } catch { return address; }
}

// What stands above and beside the tracks: whether there is sound, and how to go about.
function say() {
  const { tape } = stage, there = canPlay();
  $('deck-sound').hidden = !there;
  $('absent').hidden = there;
  if (!there) {
    $('absent-says').textContent = tape.facts?.at
      ? `The sound cannot be played: ${tape.title} was looked for at \u201c${spelled(tape.facts.at)}\u201d, seen from this page. Either it is not there, or this browser does not play its kind.`
      : tape.facts?.held ? 'This browser does not play this kind of sound.' : 'The sound is not with this page.';
  }
  $('stage-note').textContent = `Each stretch in the colour of its first label; pale ones have no answer or are filtered out.${there ? ' Press a stretch to hear it, any other place to listen from there.' : ' Press one to see its row.'}`;
  $('stage-keys').textContent = there ? `Keys: Space plays and pauses, \u2190 \u2192 go ${TIMES} seconds, \u2191 \u2193 play the stretch before and after, Enter opens its row, + \u2212 0 zoom.`
    : 'Keys: arrows step from stretch to stretch, Enter opens its row, + \u2212 0 zoom.';
  showPlaying();
  look();
}

function showPlaying() {
  const on = canPlay() && !stage.tape.audio.paused;
  $('play').classList.toggle('on', on);
  $('play').setAttribute('aria-label', on ? 'Pause' : 'Play');
}

// --- Playing ---------------------------------------------------------------------------------------------------------

async function play(from, until = Infinity) {
  if (!canPlay()) return;
  const { audio } = stage.tape;
  stage.until = until;
  if (from !== undefined) audio.currentTime = from;
  audio.playbackRate = Number($('speed').value);
  look();
  try { await audio.play(); } catch (error) {
    // A pause that comes before the sound has begun is no failure.
    if (error.name !== 'AbortError') { stage.tape.absent = true; say(); }
  }
}

function toggle() {
  const { audio } = stage.tape;
  if (!canPlay()) return;
  if (audio.paused) play(audio.ended ? 0 : undefined);
  else audio.pause();
}

// Plays row i from its start to its end; gives whether there is sound for it.
function playRow(i) {
  const tape = stage.tapes.find((one) => one.name === D.source(i));
  if (!tape || Number.isNaN(D.start[i])) return false;
  showTape(tape);
  stage.now = i;
  inView(D.start[i], D.end[i]);
  drawLines();
  if (!canPlay()) { redrawStage(); return false; }
  play(D.start[i], D.end[i]);
  return true;
}

function playMoment(i, at) {
  const tape = stage.tapes.find((one) => one.name === D.source(i));
  if (!tape) return;
  showTape(tape);
  stage.now = i;
  inView(at, D.end[i]);
  play(at, Math.max(D.end[i], at + 0.3));
}

// The row before or after this place that the filters leave.
function neighbour(t, by, from = -1) {
  const { tape } = stage, at = from >= 0 ? tape.rows.indexOf(from) : by > 0 ? placeAfter(tape, t - 1e-3) - 1 : placeAfter(tape, t);
  for (let k = at + by; k >= 0 && k < tape.rows.length; k += by) if (stage.shown[tape.rows[k]]) return tape.rows[k];
  return -1;
}

// Plays the stretch before or after, in the next recording where this one has no more.
function step(by) {
  let i = neighbour(position() || 0, by, stage.now);
  for (let k = stage.tapes.indexOf(stage.tape) + by; i < 0 && stage.tapes[k]; k += by) {
    const left = stage.tapes[k].rows.filter((row) => stage.shown[row]);
    if (left.length) i = left[by > 0 ? 0 : left.length - 1];
  }
  if (i >= 0) playRow(i);
}

// Once a frame while it plays: the end of a stretch, what the filters leave out, the view.
function follow() {
  const { tape } = stage, { audio } = tape;
  let t = audio.currentTime;
  if (t >= stage.until) {
    audio.pause();
    audio.currentTime = t = stage.until;
    stage.until = Infinity;
  } else if ($('only').checked && stage.until === Infinity && rowAt(tape, t, (i) => stage.shown[i]) < 0) {
    const next = neighbour(t, 1);
    if (next >= 0) audio.currentTime = t = D.start[next];
    else audio.pause();
  }
  if (!audio.paused && (t > stage.view[1] || t < stage.view[0])) moveView(t - 0.05 * (stage.view[1] - stage.view[0]));
  look();
  if (!audio.paused) requestAnimationFrame(() => { if (stage.tape === tape) follow(); });
}

// Shows where the sound is.
function look() {
  const t = position();
  if (!Number.isNaN(t)) {
    $('clock').textContent = twoDigits(t);
    const { paused } = stage.tape.audio, { now } = stage;
    // Where it has stopped at the end of a stretch, that is the one that was heard, and not the next.
    if (now < 0 || t < D.start[now] || t >= D.end[now]) {
      const at = heardAt(stage.tape, paused ? t - 0.01 : t);
      if (at !== now && !(at < 0 && paused)) stage.now = at;
    }
    const near = `${stage.now} ${stage.now < 0 ? placeAfter(stage.tape, t) : ''}`;
    if (near !== stage.near) { stage.near = near; drawLines(); }
  }
  if (state.now !== stage.now) { state.now = stage.now; paint(); }
  moveOver();
  moveBoxes();
}

// The faces over the video, each in the colour of its label.
function drawBoxes() {
  const { tape } = stage, size = tape?.facts?.video, there = Boolean(size) && canPlay() && tape.audio.videoWidth > 0, t = position();
  $('screen').hidden = !there;
  if (!there) return;
  const { ctx, w, h } = prepare($('boxes'));
  ctx.font = `600 12.5px ${css('--sans')}`;
  rowsWithin(tape, t, t, (i) => {
    const box = D.end[i] > t || i === stage.now ? D.face(i, t) : null;
    if (!box) return;
    const [x, y, wide, tall] = [box[0] * w / size[0], box[1] * h / size[1], box[2] * w / size[0], box[3] * h / size[1]];
    const colour = answered(i) && stage.shown[i] ? colourOfGroup(groupOfRow(i)) : css('--soft'), name = [who(i), answered(i) && D.first(i) >= 0 ? words(P.labels[D.first(i)]) : 'no answer'].filter(Boolean).join(': ');
    ctx.lineWidth = i === stage.now ? 3.5 : 2.5; ctx.strokeStyle = colour; ctx.strokeRect(x, y, wide, tall);
    const room = Math.min(w, ctx.measureText(name).width + 12), left = Math.max(0, Math.min(x - 1, w - room)), top = y >= 21 ? y - 21 : y + tall;
    ctx.fillStyle = colour; ctx.fillRect(left, top, room, 20);
    ctx.fillStyle = readable(colour); ctx.textAlign = 'left'; ctx.fillText(name, left + 6, top + 10.5, room - 10);
  });
}

// --- View ------------------------------------------------------------------------------------------------------------

function setView(from, wide) {
  const { seconds } = stage.tape, width = Math.min(seconds, Math.max(Math.min(0.5, seconds), wide));
  const a = Math.max(0, Math.min(seconds - width, from));
  stage.view = [a, a + width];
  redrawStage();
}
const moveView = (from) => setView(from, stage.view[1] - stage.view[0]);
function zoom(by, middle = NaN) {
  const [a, b] = stage.view, t = position(), m = !Number.isNaN(middle) ? middle : stage.now >= 0 ? D.start[stage.now] : t >= a && t <= b ? t : (a + b) / 2;
  setView(m - ((m - a) / (b - a)) * (b - a) * by, (b - a) * by);
}
function inView(from, to) {
  const [a, b] = stage.view;
  if (from < a || to > b) moveView(from - 0.15 * (b - a));
}

// --- Words beneath ---------------------------------------------------------------------------------------------------

// The stretch that is heard (or the first one) between its neighbours, each to be pressed.
function drawLines() {
  const { tape, now } = stage;
  if (!tape) return;
  const kept = tape.rows.filter((i) => stage.shown[i] || i === now), t = position() || 0;
  // In silence: what comes next.
  const next = now >= 0 ? kept.indexOf(now) : kept.findIndex((i) => D.start[i] >= t), at = next < 0 ? kept.length - 1 : next, from = Math.max(0, Math.min(at - 2, kept.length - 6));
  const had = document.activeElement?.closest?.('#lines') ? document.activeElement.dataset.i : undefined;
  $('lines').replaceChildren(...Array.from(kept.slice(from, from + 6), (i) => {
    const said = D.text(i).trim(), labels = answered(i) ? [...D.labels(i)].slice(0, 2) : [];
    const press = el('button', { type: 'button', class: 'line', 'data-i': i, 'aria-current': i === now ? 'true' : null, onclick: () => { if (!playRow(i)) openRow(i); } },
      el('span', { class: 'w' }, clock(D.start[i])), el('span', { class: 's', dir: 'auto' }, who(i)),
      el('span', { class: said ? 't' : 't none', dir: 'auto' }, said || answerText(i)),
      el('span', { class: 'l' }, ...labels.flatMap((l) => [el('i', { class: 'dot', style: { background: styleOfLabel(l) } }), el('span', {}, words(P.labels[l]))])));
    const item = el('li', { class: i === now ? 'now' : '' }, press);
    if (i === now) {
      const clues = D.evidence(i).filter((e) => e.modality !== 'text').slice(0, 8);
      if (clues.length) item.append(el('span', { class: 'cues' }, ...clues.map((e) => el('span', { dir: 'auto' }, e.label < 0 ? e.cue : `${e.modality === 'voice' ? '' : `${capital(e.cue.replace(/ at [\d.]+ s$/, ''))}: `}${evidenceSays(e)}`, momentButton(i, e)))));
    }
    return item;
  }));
  $('lines').classList.toggle('alone', tape.names.every((name) => !name));
  if (had !== undefined) $('lines').querySelector(`[data-i="${had}"]`)?.focus({ preventScroll: true });
}

const sayRow = (i) => [stretch(i), who(i), answerText(i), D.text(i).slice(0, 160)].filter(Boolean).join(': ');

// "12.4 s" as a link to that moment.
function momentButton(i, e) {
  return el('button', { type: 'button', class: 'moment', 'data-keep': `m${e.start}`, 'aria-label': `Listen from ${twoDigits(e.start)}`, onclick: (event) => { event.stopPropagation(); playMoment(i, e.start); } }, twoDigits(e.start));
}
function listenButton(i) {
  if (Number.isNaN(D.start[i]) || !stage.tapes.some((tape) => tape.name === D.source(i) && tape.facts && !tape.absent)) return null;
  return el('button', { type: 'button', class: 'quiet listen', 'data-keep': 'listen', onclick: () => playRow(i) }, 'Listen');
}

// --- Hands -----------------------------------------------------------------------------------------------------------

function listenToDeck() {
  $('play').addEventListener('click', toggle);
  $('before').addEventListener('click', () => step(-1));
  $('after').addEventListener('click', () => step(1));
  $('speed').addEventListener('change', () => { if (stage.tape.audio) stage.tape.audio.playbackRate = Number($('speed').value); });
  $('zoom-in').addEventListener('click', () => zoom(0.5));
  $('zoom-out').addEventListener('click', () => zoom(2));
  $('zoom-all').addEventListener('click', () => setView(0, stage.tape.seconds));
  $('absent-file').addEventListener('change', (event) => {
    const [file] = event.target.files;
    if (!file) return;
    stage.tape.absent = false;
    fetchSound(stage.tape, URL.createObjectURL(file));
    say();
  });
}

function listenToTracks() {
  const over = $('over');
  let held = false;
  const under = (px, py) => laneAt(stage.area.layout, py)?.name;
  const rowUnder = (px, py) => {
    const track = laneAt(stage.area.layout, py), { tape } = stage;
    if (track?.name !== 'lane') return -1;
    const near = 2 / ((stage.area.x1 - stage.area.x0) / (stage.view[1] - stage.view[0])), t = stage.area.t(px), fits = (i) => laneOf(tape, i) === track.k;
    const found = rowAt(tape, t, fits);
    return found >= 0 ? found : rowAt(tape, t + near, fits) >= 0 ? rowAt(tape, t + near, fits) : rowAt(tape, t - near, fits);
  };
  const overview = (px) => moveView(((px - stage.area.x0) / (stage.area.x1 - stage.area.x0)) * stage.tape.seconds - (stage.view[1] - stage.view[0]) / 2);
  pointerIn(over, (px, py, event) => {
    if (!stage.area) return;
    if (held) { overview(px); return; }
    const i = rowUnder(px, py), t = stage.area.t(px), where = under(px, py);
    over.style.cursor = where === 'overview' ? 'ew-resize' : i >= 0 || canPlay() ? 'pointer' : 'default';
    if (i !== stage.at) { stage.at = i; moveOver(); }
    if (where === 'overview' || px < stage.area.x0) { tip.hide(); return; }
    const here = i >= 0 ? i : rowAt(stage.tape, t), track = laneAt(stage.area.layout, py);
    const value = track?.name === 'curve' && here >= 0 && answered(here) ? `${capital(track.d)} ${fixed(D.numbers[track.d].value[here])}${Number.isNaN(D.numbers[track.d].low[here]) ? '' : ` (${fixed(D.numbers[track.d].low[here])} to ${fixed(D.numbers[track.d].high[here])})`}` : '';
    tip.show(event.clientX, event.clientY, el('div', { class: 'm' }, [twoDigits(Math.max(0, t)), value, here >= 0 ? [who(here), answerText(here)].filter(Boolean).join(': ') : ''].filter(Boolean).join(' \u00b7 ')),
      ...(here >= 0 && D.text(here) ? [el('div', { class: 't', dir: 'auto' }, D.text(here).slice(0, 160))] : []));
  }, () => { tip.hide(); stage.at = -1; moveOver(); }, (px, py) => {
    if (!stage.area || under(px, py) === 'overview') return;
    tip.hide();
    const i = rowUnder(px, py);
    if (i >= 0) { if (!playRow(i)) openRow(i); } else if (px >= stage.area.x0) play(Math.max(0, Math.min(stage.tape.seconds - 0.01, stage.area.t(px))));
  });
  over.addEventListener('pointerdown', (event) => {
    const box = over.getBoundingClientRect();
    if (under(event.clientX - box.left, event.clientY - box.top) !== 'overview') return;
    held = true; over.setPointerCapture(event.pointerId); overview(event.clientX - box.left);
  });
  for (const event of ['pointerup', 'pointercancel']) over.addEventListener(event, () => { held = false; });
  over.addEventListener('wheel', (event) => {
    if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.004), stage.area.t(event.clientX - over.getBoundingClientRect().left)); }
    else if (stage.area.zoomed && Math.abs(event.deltaX) > Math.abs(event.deltaY)) { event.preventDefault(); moveView(stage.view[0] + (event.deltaX / (stage.area.x1 - stage.area.x0)) * (stage.view[1] - stage.view[0])); }
  }, { passive: false });
  over.addEventListener('dblclick', (event) => zoom(0.4, stage.area.t(event.clientX - over.getBoundingClientRect().left)));
  over.addEventListener('keydown', stageKeys);
}

function stageKeys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { audio } = stage.tape, sounds = canPlay(), wide = stage.view[1] - stage.view[0];
  const go = (by) => { audio.currentTime = Math.max(0, Math.min(stage.tape.seconds, audio.currentTime + by)); stage.until = Infinity; inView(audio.currentTime, audio.currentTime); };
  const stepTo = (by) => { step(by); if (stage.now >= 0) $('stage-says').textContent = sayRow(stage.now); };
  const act = {
    ' ': toggle, ArrowUp: () => stepTo(-1), ArrowDown: () => stepTo(1),
    ArrowLeft: () => (event.shiftKey ? moveView(stage.view[0] - wide / 2) : sounds ? go(-TIMES) : stepTo(-1)),
    ArrowRight: () => (event.shiftKey ? moveView(stage.view[0] + wide / 2) : sounds ? go(TIMES) : stepTo(1)),
    Home: () => (sounds ? go(-Infinity) : moveView(0)), End: () => moveView(Infinity),
    Enter: () => { if (stage.now >= 0) { openRow(stage.now); focusPanel($('over')); } },
    '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), 0: () => setView(0, stage.tape.seconds),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
}

on('start', setUpStage);
