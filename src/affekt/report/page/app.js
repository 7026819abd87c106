// Puts the page together: spectrum, bars, examples, how sure, filters, keys, theme, print.

// --- Head: the groups as one strip, which is the legend of all colours as well -------------------------

function drawSpectrum() {
  const box = $('spectrum'), { stats } = P;
  if (!P.labels.length) return;
  if (!stats.n) return;
  const totals = P.groups.map(() => 0);
  P.labels.forEach((label, l) => { totals[P.groupOf[l]] += stats.first[label] || 0; });
  const parts = P.groups.map((name, g) => ({ name: words(name), n: totals[g], style: { background: styleOfGroup(g) }, filter: { label: `g:${g}` } })).filter((p) => p.n).sort((a, b) => b.n - a.n);
  if (stats.unlabelled) parts.push({ name: 'no label', n: stats.unlabelled, style: { background: 'var(--line)' }, filter: { label: 'none' } });
  const silent = stats.n - stats.answered;
  if (silent) parts.push({ name: 'no answer', n: silent, hatch: true, style: {}, filter: { answer: 'abstained' } });
  const pressed = (p) => (p.filter.label ? state.label === p.filter.label : state.answer === 'abstained');
  box.replaceChildren(
    el('div', { class: 'strip', 'aria-hidden': 'true' }, ...parts.map((p) => el('span', { class: p.hatch ? 'hatch' : '', style: { ...p.style, flex: `${p.n} 0 0` } }))),
    el('ul', { class: 'legend' }, ...parts.map((p) => el('li', {}, el('button', { type: 'button', 'aria-pressed': String(pressed(p)),
      onclick: () => { const off = pressed(p); setFilter({ label: '', answer: '', ...(off ? {} : p.filter) }); } },
      el('i', { class: `dot ${p.hatch ? 'hatch' : ''}`, style: p.style }), el('span', { class: 'l-name' }, p.name), el('span', { class: 'l-n' }, percent(p.n, stats.n)))))));
  box.hidden = false;
}

// --- Distribution ----------------------------------------------------------------------------------------

const bars = { open: false };

function drawBars() {
  const { stats } = P;
  if (!stats.answered) {
    $('labels-note').textContent = stats.n ? 'No row got an answer, so there are no labels to count.' : 'There are no rows.';
    return;
  }
  const filtered = isFiltered(), counts = new Map();
  let nAnswered = 0, bare = 0;
  const held = new Map();
  if (filtered) {
    const count = (list, into) => { for (const i of list) if (answered(i)) for (const l of D.labels(i)) into.set(l, (into.get(l) || 0) + 1); };
    count(rows.filtered, counts);
    count(Array.from({ length: D.n }, (_, i) => i), held);
    for (const i of rows.filtered) if (answered(i)) { nAnswered++; if (!D.labels(i).length) bare++; }
  }
  const order = P.labels.map((_, l) => l).sort((a, b) => (stats.labels[P.labels[b]] || 0) - (stats.labels[P.labels[a]] || 0));
  const total = (l) => (filtered ? held.get(l) || 0 : stats.labels[P.labels[l]] || 0);
  const most = Math.max(1, ...order.map(total), filtered ? 0 : stats.unlabelled);
  // The labels that occur, at most 14 of them, until all are asked for.
  const occurring = order.filter((l) => total(l)), shown = bars.open ? order : occurring.length <= 16 ? occurring : occurring.slice(0, 14);
  const items = shown.map((l) => {
    const n = filtered ? counts.get(l) || 0 : total(l), all = total(l), name = words(P.labels[l]);
    return barRow({ name, share: n / most, ghost: filtered ? all / most : 0, colour: styleOfLabel(l), pressed: state.label === `l:${l}`,
      number: filtered ? [el('b', {}, whole(n)), ` / ${whole(all)}`] : [el('b', {}, whole(n)), ` \u00b7 ${percent(n, stats.answered)}`],
      label: `${name}: ${whole(n)} ${filtered ? `of ${whole(all)}` : ''} rows. Press to ${state.label === `l:${l}` ? 'show all' : 'filter'}.`,
      press: () => setFilter({ label: state.label === `l:${l}` ? '' : `l:${l}` }) });
  });
  const unlabelled = filtered ? bare : stats.unlabelled;
  if (unlabelled) {
    items.push(barRow({ name: el('i', {}, 'no label'), share: unlabelled / most, colour: 'var(--g7)', pressed: state.label === 'none',
      number: [el('b', {}, whole(unlabelled)), filtered ? '' : ` \u00b7 ${percent(unlabelled, stats.answered)}`], label: `no label above its threshold: ${whole(unlabelled)} rows`,
      press: () => setFilter({ label: state.label === 'none' ? '' : 'none' }) }));
  }
  const kept = document.activeElement?.closest?.('#bars') ? [...$('bars').children].indexOf(document.activeElement) : -1;
  $('bars').replaceChildren(...items);
  if (kept >= 0) items[Math.min(kept, items.length - 1)].focus({ preventScroll: true });
  const more = $('bars-more');
  more.hidden = !bars.open && shown.length === order.length;
  more.textContent = bars.open ? 'Fewer labels' : `All ${order.length} labels`;
  more.setAttribute('aria-expanded', String(bars.open));
  $('labels-note').textContent = filtered
    ? `Solid: the ${plural(nAnswered, 'answered row', 'answered rows')} that the filters leave${D.n < stats.n ? ' in the sample' : ''}. Pale: all of them.`
    : `Rows whose score reaches the label\u2019s threshold, of ${plural(stats.answered, 'answered row', 'answered rows')}. One row can have several labels. Press a label to filter.`;
}

// --- Examples ----------------------------------------------------------------------------------------------

function drawExamples() {
  const withRows = P.labels.map((_, l) => l).filter((l) => P.stats.labels[P.labels[l]]).sort((a, b) => P.stats.labels[P.labels[b]] - P.stats.labels[P.labels[a]]);
  if (!withRows.length || !D.n) { $('s-examples').hidden = true; return; }
  if (state.label.startsWith('l:')) state.example = Number(state.label.slice(2));
  if (state.example < 0) state.example = withRows.find((l) => P.labels[l] !== P.neutral) ?? withRows[0];
  const l = state.example;
  const kept = document.activeElement?.dataset?.tab;
  $('example-tabs').replaceChildren(...withRows.map((k) => el('button', { type: 'button', 'aria-pressed': String(k === l), 'data-tab': k,
    onclick: () => { state.example = k; if (state.label.startsWith('l:') && state.label !== `l:${k}`) setFilter({ label: `l:${k}` }); else drawExamples(); } },
    el('i', { class: 'dot', style: { background: styleOfLabel(k) } }), words(P.labels[k]))));
  if (kept !== undefined) $('example-tabs').querySelector(`[data-tab="${kept}"]`)?.focus({ preventScroll: true });
  const found = Array.from(rows.filtered).filter((i) => answered(i) && D.labels(i).includes(l)).sort((a, b) => D.score(b, l) - D.score(a, l) || a - b);
  const seen = new Set(), best = [];
  for (const i of found) {
    const text = D.text(i).trim() || (!Number.isNaN(D.start[i]) ? D.source(i) + stretch(i) : P.heard ? D.source(i) + who(i) : '');
    if (!text || seen.has(text)) continue;
    seen.add(text); best.push(i);
    if (best.length === 6) break;
  }
  $('examples').replaceChildren(...best.map((i) => {
    const body = el('span', { class: 't', dir: 'auto' });
    body.append(D.text(i).trim() ? excerpt(i, l) : noText(i));
    const facts = [`${words(P.labels[l])} ${fixed(D.score(i, l))}`, who(i), (D.time(i) || (D.text(i).trim() && !Number.isNaN(D.start[i]))) && shortTime(i)].filter(Boolean);
    const card = el('button', { type: 'button', class: 'example', style: { '--tone': styleOfLabel(l) }, onclick: () => { openRow(i, l); sound.press(i); focusPanel(card); } }, sight.photo(i), body, el('span', { class: 'm' }, facts.join(' \u00b7 ')));
    return card;
  }));
  const note = [`The rows that score highest on ${words(P.labels[l])}${isFiltered() ? ' among those that the filters leave' : ''}.`];
  if (!best.length) note.push('There are none.');
  else if (D.marksWords) note.push('Marked words moved the score: ');
  $('examples-note').replaceChildren(note.join(' '), ...(best.length && D.marksWords ? [el('mark', { class: 'for' }, 'up'), ' or ', el('mark', { class: 'against' }, 'down'), '.'] : []));
}

// --- How sure ------------------------------------------------------------------------------------------------

function drawSure() {
  const { stats } = P, silent = Object.entries(stats.abstained);
  if (!stats.n) { $('s-sure').hidden = true; return; }
  $('sure-hist').hidden = ![...stats.confidence[0], ...stats.confidence[1]].some(Boolean);
  const nSilent = stats.n - stats.answered;
  $('sure-note').textContent = nSilent ? `${percent(nSilent, stats.n)} of the rows have no answer. An abstention is not an error: it marks where the model would be guessing.` : 'Every row got an answer.';
  $('sure-abstained').hidden = !silent.length;
  $('reasons').replaceChildren(...silent.map(([reason, n]) => {
    const known = D.reasons.includes(reason);
    return barRow({ name: words(reason), share: n / Math.max(...silent.map(([, m]) => m)), colour: 'var(--g7)', number: [el('b', {}, whole(n)), ` \u00b7 ${percent(n, stats.n)}`],
      pressed: state.answer === `r:${reason}`, press: known ? () => setFilter({ answer: state.answer === `r:${reason}` ? '' : `r:${reason}` }) : null });
  }));
  const dims = Object.entries(stats.dims);
  $('sure-dims').hidden = !dims.length;
  if (D.n === 1) $('dims').replaceChildren(...dims.map(([d]) => scaleRow(d, 0)).filter(Boolean));
  else $('dims').replaceChildren(...dims.map(([d, { mean, sd, width }]) => {
    const [a, b] = rangeOf(d), at = (v) => Math.max(0, Math.min(100, (100 * (v - a)) / (b - a)));
    return el('div', { class: 'dim' }, el('span', {}, capital(d)), el('div', { class: 'scale', 'aria-hidden': 'true' },
      el('i', { style: { left: `${at(mean - sd)}%`, width: `${at(mean + sd) - at(mean - sd)}%` } }), el('b', { style: { left: `${at(mean)}%` } })),
    el('span', { class: 'v' }, `${fixed(mean)} \u00b1 ${fixed(sd)}${width === null ? '' : ` \u00b7 interval ${fixed(width)}`}`));
  }));
  $('dims-note').textContent = dims.length && D.n > 1 ? 'The mean of the rows \u00b1 one standard deviation, on the whole scale; the stroke is its middle. The interval is the mean width of ' + (P.heard ? 'where the labels lie that a row leaves open.' : 'what single people\u2019s ratings of a row may span.') : '';
  drawHist();
}

// --- Filters -------------------------------------------------------------------------------------------------

function fillFilters() {
  const { stats } = P, label = $('f-label'), answer = $('f-state'), speaker = $('f-speaker');
  label.append(el('option', { value: '' }, 'All labels'));
  const grouped = P.groups.length > 1 && P.groups.length < P.labels.length;
  if (grouped) label.append(el('optgroup', { label: 'Groups' }, ...P.groups.map((name, g) => el('option', { value: `g:${g}` }, `any of ${words(name)}`))));
  label.append(el('optgroup', { label: 'Labels' }, ...P.labels.map((_, l) => l).filter((l) => stats.labels[P.labels[l]]).sort((a, b) => words(P.labels[a]) < words(P.labels[b]) ? -1 : 1)
    .map((l) => el('option', { value: `l:${l}` }, words(P.labels[l])))), ...(stats.unlabelled ? [el('option', { value: 'none' }, 'no label')] : []));
  answer.append(el('option', { value: '' }, 'All rows'), el('option', { value: 'answered' }, 'Answered'), el('option', { value: 'abstained' }, 'No answer'));
  if (D.reasons.length > 2) answer.append(el('optgroup', { label: 'No answer because' }, ...D.reasons.slice(1).map((r) => el('option', { value: `r:${r}` }, words(r)))));
  speaker.append(el('option', { value: 0 }, 'All speakers'), ...D.speakers.slice(1, 201).map((name, k) => el('option', { value: k + 1, dir: 'auto' }, name)));
  label.parentElement.hidden = !stats.answered || !P.labels.length;
  answer.parentElement.hidden = D.reasons.length < 2;
  speaker.parentElement.hidden = D.speakers.length < 3;
  label.addEventListener('change', () => setFilter({ label: label.value }));
  answer.addEventListener('change', () => setFilter({ answer: answer.value }));
  speaker.addEventListener('change', () => setFilter({ speaker: Number(speaker.value) }));
  const search = debounce(() => setFilter({ q: $('q').value.trim() }), 130);
  $('q').addEventListener('input', search);
  $('f-range').addEventListener('click', () => setFilter({ range: null }));
  $('clear').addEventListener('click', () => { $('q').value = ''; setFilter({ q: '', label: '', answer: '', speaker: 0, range: null }); $('q').focus({ preventScroll: true }); });
}

function showFilters() {
  $('f-label').value = state.label;
  $('f-state').value = state.answer;
  $('f-speaker').value = String(state.speaker);
  const range = $('f-range');
  range.hidden = !state.range;
  if (state.range) {
    const span = time.high - time.low;
    range.textContent = `${axisText(state.range[0], span)} \u2013 ${axisText(state.range[1], span)} \u00d7`;
    range.setAttribute('aria-label', `Leave the range ${axisText(state.range[0], span)} to ${axisText(state.range[1], span)}`);
  }
  const n = rows.filtered.length, filtered = isFiltered();
  $('count').replaceChildren(...(filtered ? [el('b', {}, whole(n)), ` of ${whole(D.n)} rows`] : [el('b', {}, whole(D.n)), D.n < P.stats.n ? ` of ${whole(P.stats.n)} rows held` : D.n === 1 ? ' row' : ' rows']));
  $('clear').hidden = !filtered;
  $('export').disabled = n === 0;
  const sample = D.n < P.stats.n ? `A uniform sample of ${whole(D.n)} of the ${whole(P.stats.n)} rows. ` : '';
  $('rows-note').textContent = `${sample}Sort by any column; press a row to see it in full.`;
}

// --- Keys, theme, print ----------------------------------------------------------------------------------------

function listenToKeys() {
  document.addEventListener('keydown', (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      $('q').focus();
      $('q').select();
    } else if (event.key === 'Escape') { tip.hide(); if (state.open >= 0) { event.preventDefault(); closePanel(); } }
  });
}

let chosenTheme = null;
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  $('theme').textContent = name === 'dark' ? 'Light' : 'Dark';
  $('theme').setAttribute('aria-label', `Switch to ${name === 'dark' ? 'light' : 'dark'} colours`);
  if (P) emit('look');
}
function listenToTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)'), follow = () => setTheme(chosenTheme || (dark.matches ? 'dark' : 'light'));
  follow();
  dark.addEventListener('change', follow);
  $('theme').hidden = false;
  $('theme').addEventListener('click', () => { chosenTheme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'; follow(); });
}

// Paper has no scroll bar: the first rows are put in full, and canvases are drawn in the light colours.
function listenToPrint() {
  const most = 60;
  let before = '', restore = null;
  addEventListener('beforeprint', () => {
    before = document.documentElement.dataset.theme;
    setTheme('light');
    drawNow();
    restore = printTable(most);
    if (rows.view.length > most) $('rows-note').textContent = `The first ${most} of ${whole(rows.view.length)} rows.`;
  });
  addEventListener('afterprint', () => { restore?.(); setTheme(before); showFilters(); drawNow(); });
}

const drawNow = () => { drawPlane(); drawTime(); drawDoc(); drawHist(); emit('draw'); };

// --- Start -----------------------------------------------------------------------------------------------------

async function start() {
  listenToTheme();
  P = JSON.parse($('facts').textContent);
  D = columns(await gunzip(fromBase64($('data').textContent)));
  $('data').remove();
  $('main').hidden = false;
  $('bar').hidden = D.n < 2;
  const none = P.stats.answered === 0;
  fillFilters();
  applyFilter();
  if (none) { $('s-labels').parentElement.classList.add('single'); $('rows').hidden = P.stats.n === 0; $('s-labels').hidden = P.stats.n === 0; }
  // Of a model that gives dimensions alone there are no labels to show.
  if (!P.labels.length) { $('s-labels').hidden = true; $('s-labels').parentElement.classList.add('single'); }
  setUpPlane();
  if ($('s-plane').hidden) $('s-plane').parentElement.classList.add('single');
  setUpTime();
  setUpDoc();
  setUpTable();
  emit('start');
  // One long text is what such a page is about: its course comes first.
  if (D.n <= 3 && !$('s-doc').hidden) $('main').prepend($('s-doc'));
  const drawAll = () => { showFilters(); drawSpectrum(); drawBars(); drawExamples(); drawSure(); };
  on('rows', drawAll);
  on('open', drawPanel);
  on('look', () => { drawHist(); if (state.open >= 0) drawPanel(); });
  $('bars-more').addEventListener('click', () => { bars.open = !bars.open; drawBars(); });
  $('export').addEventListener('click', saveCsv);
  listenToMarks();
  listenToKeys();
  listenToPrint();
  drawAll();
  const redraw = perFrame(drawNow), watch = new ResizeObserver(redraw);
  for (const id of ['plane', 'time', 'doc', 'hist']) watch.observe($(id));
  redraw();
  document.documentElement.dataset.ready = 'true';
}

start().catch((error) => {
  const box = $('failure');
  box.textContent = `The rows in this file cannot be shown: ${error.message}. It may have been cut off on its way; ask for it again.`;
  box.hidden = false;
  throw error;
});
