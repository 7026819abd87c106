// One row in full: text, answer, every score, scales with their intervals, evidence, trajectory.

const panel = { label: -1, back: null };

// Where the focus came from, so that closing gives it back.
function focusPanel(from = null) {
  panel.back = from;
  $('panel').focus({ preventScroll: true });
}

function closePanel() {
  if (state.open < 0) return;
  const had = $('panel').contains(document.activeElement);
  state.open = -1;
  panel.label = -1;
  emit('open');
  if (!had) return;
  if (panel.back?.isConnected) panel.back.focus({ preventScroll: true });
  else { toSight(state.cursor); paint(); focusCursor(); }
  panel.back = null;
}

function stepPanel(by) {
  const at = rows.view.indexOf(state.open);
  const next = at < 0 ? 0 : at + by;
  if (next >= 0 && next < rows.view.length) openRow(rows.view[next]);
}

function scaleRow(d, i) {
  const { value, low, high } = D.numbers[d], [a, b] = rangeOf(d), at = (v) => Math.max(0, Math.min(100, (100 * (v - a)) / (b - a)));
  if (Number.isNaN(value[i])) return null;
  const known = !Number.isNaN(low[i]) && !Number.isNaN(high[i]);
  const scale = el('div', { class: 'scale', 'aria-hidden': 'true' });
  if (known) scale.append(el('i', { style: { left: `${at(low[i])}%`, width: `${Math.max(0.5, at(high[i]) - at(low[i]))}%` } }));
  scale.append(el('b', { style: { left: `${at(value[i])}%` } }));
  return el('div', { class: 'dim' }, el('span', {}, capital(d)), scale,
    el('span', { class: 'v' }, `${fixed(value[i])}${known ? `, ${P.heard ? 'labels left open from' : 'ratings expected from'} ${fixed(low[i])} to ${fixed(high[i])}` : ''}; scale ${fixed(a, 0)}${axisWord(d, 0)} to ${fixed(b, 0)}${axisWord(d, 1)}`));
}

function drawPanel() {
  const box = $('panel'), i = state.open;
  box.hidden = i < 0;
  if (i < 0) return;
  const at = rows.view.indexOf(i), had = document.activeElement?.dataset?.keep;
  const button = (text, label, act, keep) => el('button', { type: 'button', class: 'quiet', 'aria-label': label, onclick: act, 'data-keep': keep }, text);
  const parts = [el('div', { class: 'p-head' }, el('h2', { id: 'panel-title' }, `Row ${whole(D.index[i] + 1)}`), sound.listen(i),
    button('\u2191', 'Row before', () => stepPanel(-1), 'up'), button('\u2193', 'Row after', () => stepPanel(1), 'down'), button('Close', 'Close (Esc)', closePanel, 'close'))];
  const labels = [...D.labels(i)], photo = sight.photo(i);
  if (photo) parts.push(photo);
  const text = el('div', { class: 'p-text', dir: 'auto' });
  text.append(D.text(i) ? marked(i, { label: panel.label }) : noText(i));
  parts.push(text);
  if (D.length[i]) parts.push(el('p', { class: 'fine' }, `The page holds the first ${whole(P.maxText)} of ${whole(D.length[i])} characters. The reading is of the whole text.`));
  if (!answered(i)) parts.push(el('p', { class: 'p-why' }, `No answer: ${reasonText(D.reason[i])}.`));
  else if (labels.length) parts.push(el('ul', { class: 'p-labels' }, ...labels.map((l) => el('li', {}, el('i', { class: 'dot', style: { background: styleOfLabel(l) } }), words(P.labels[l])))));
  else if (P.labels.length) parts.push(el('p', { class: 'p-why' }, 'An answer, but no label reached its threshold.'));
  const meta = [['Confidence', Number.isNaN(D.confidence[i]) ? '' : fixed(D.confidence[i])], ['Language', D.languages[D.language[i]]], ['Speaker', D.speakers[D.speaker[i]]], ['Face', D.people[D.person[i]]], ['Time', D.time(i)],
    ['In the recording', Number.isNaN(D.start[i]) ? '' : `${stretch(i)} (${fixed(D.start[i])} to ${fixed(D.end[i])} s)`], ['Id', D.id(i)], ['Source', D.source(i)]].filter(([, v]) => v);
  if (meta.length) parts.push(el('dl', { class: 'p-meta' }, ...meta.flatMap(([k, v]) => [el('dt', {}, k), el('dd', { dir: 'auto' }, v)])));
  const why = D.explanation(i);
  if (why) parts.push(el('h3', {}, 'Why'), el('ol', { class: 'p-cues' }, ...why.split('\n').map((s) => el('li', { dir: 'auto' }, s))));

  const evidence = D.evidence(i);
  if (D.windowCount(i) > 1) {
    const spark = el('canvas', { class: 'spark', role: 'img', 'aria-label': `Course over ${D.windowCount(i)} windows` });
    parts.push(el('h3', {}, 'Through the text'), spark);
    requestAnimationFrame(() => { if (spark.isConnected) drawSpark(spark, i); });
  }
  const channels = D.channels(i);
  if (channels.length > 1 || (channels.length && channels[0].name === 'face')) {
    parts.push(el('h3', {}, 'What each channel says'), el('table', { class: 'p-evidence' }, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Channel'), el('th', { scope: 'col' }, 'First label'), el('th', { scope: 'col', class: 'num' }, 'Share in the reading'))),
      el('tbody', {}, ...channels.map((c) => el('tr', {}, el('td', {}, channelTitle(c.name)), el('td', {}, ...(c.label < 0 ? ['\u2013'] : [el('i', { class: 'dot', style: { background: styleOfLabel(c.label) } }), ` ${words(P.labels[c.label])} ${fixed(c.score)}`])), el('td', { class: 'num' }, percent(c.weight, 1)))))));
    const apart = D.conflict(i);
    if (apart) parts.push(el('p', { class: 'fine' }, `Probability that they do not carry the same emotion: ${percent(apart.score, 1)}; furthest apart are ${apart.between}.`));
  }
  const scales = D.dimensions.map((d) => scaleRow(d, i)).filter(Boolean);
  if (scales.length) parts.push(el('h3', {}, 'Scales'), ...scales);
  const [departs, moved] = [true, false].map((is) => evidence.filter((e) => (['voice', 'face'].includes(e.modality) && e.label < 0 && !e.weight) === is));
  for (const [modality, head] of [['voice', 'Against this speaker\u2019s own manner'], ['face', 'How the face stands out']]) {
    const some = departs.filter((e) => e.modality === modality);
    if (some.length) parts.push(el('h3', {}, head), el('ul', { class: 'p-cues' }, ...some.map((e) => el('li', {}, e.cue, ...(e.end > e.start ? [' (from ', sound.moment(i, e), ')'] : [])))));
  }
  if (moved.length) {
    const shown = moved.filter((e) => panel.label < 0 || e.label === panel.label || e.label < 0).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, 40);
    parts.push(el('h3', {}, panel.label < 0 ? 'Evidence' : `Evidence on ${words(P.labels[panel.label])}`),
      shown.length ? el('table', { class: 'p-evidence' }, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'What'), el('th', { scope: 'col' }, 'Label'), el('th', { scope: 'col', class: 'num' }, 'Moved its score by'))),
        el('tbody', {}, ...shown.map((e) => el('tr', {}, el('td', { dir: 'auto' }, el('mark', { class: e.weight < 0 ? 'against' : 'for' }, e.cue || '\u2013'), ...(e.modality === 'text' ? [] : D.start[i] >= 0 ? [` (${e.modality}, `, sound.moment(i, e), ')'] : [` (${e.modality})`])),
          el('td', {}, e.label < 0 ? '' : words(P.labels[e.label])), el('td', { class: 'num' }, signed(e.weight)))))) : el('p', { class: 'fine' }, 'None for this label.'));
  }
  const order = P.labels.map((_, l) => l).filter((l) => !Number.isNaN(D.score(i, l))).sort((a, b) => D.score(i, b) - D.score(i, a));
  if (order.length) {
    parts.push(el('h3', {}, 'All scores'));
    if (moved.length) parts.push(el('p', { class: 'fine' }, 'Press a label to see its evidence alone. The stroke marks its threshold.'));
    parts.push(el('div', { class: 'scores' }, ...order.map((l) => {
      const p = D.score(i, l), cut = P.thresholds[P.labels[l]];
      const track = el('span', { class: 'b-track', 'aria-hidden': 'true' }, el('span', { class: 'b-fill', style: { width: `${100 * Math.min(1, p)}%`, background: styleOfLabel(l) } }));
      if (cut !== undefined) track.append(el('span', { class: 'cut', style: { left: `${100 * cut}%` } }));
      return el('button', { type: 'button', class: labels.includes(l) ? 'is' : '', 'aria-pressed': String(panel.label === l), 'data-keep': `l${l}`,
        onclick: () => { panel.label = panel.label === l ? -1 : l; drawPanel(); } }, el('span', {}, words(P.labels[l])), track, el('span', { class: 'b-n' }, p > 0 && p < 0.005 ? '<.01' : fixed(p)));
    })));
  }
  const top = box.scrollTop, same = panel.row === i;
  box.replaceChildren(...parts);
  panel.row = i;
  box.scrollTop = same ? top : 0;
  for (const [keep, off] of [['up', at <= 0], ['down', at < 0 ? rows.view.length === 0 : at >= rows.view.length - 1]]) box.querySelector(`[data-keep="${keep}"]`).disabled = off;
  if (had) { const again = box.querySelector(`[data-keep="${had}"]`); (again && !again.disabled ? again : box).focus({ preventScroll: true }); }
}
