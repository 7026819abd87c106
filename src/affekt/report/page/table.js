// The table of all rows. Only the rows in sight, and the one that has the focus, are in the document.

// `rem` is the width; columns without one share what is left. `rank` says which go first where room is short.
const COLUMNS = [
  { name: 'order', title: '#', rem: 4.4, num: true, cell: (i) => whole(D.index[i] + 1) },
  { name: 'text', title: 'Text', width: 'minmax(0, 1fr)', cell: (i) => D.text(i).slice(0, 400) || noText(i) },
  { name: 'labels', title: 'Labels', width: 'minmax(9rem, .45fr)', cell: labelCell, when: () => P.labels.length > 0 },
  { name: 'confidence', title: 'Confidence', rem: 6.9, num: true, cell: (i) => fixed(D.confidence[i]), when: () => some(D.confidence), rank: 1 },
  { name: 'valence', title: 'Valence', rem: 5.3, num: true, cell: (i) => fixed(D.numbers.valence.value[i]), when: () => some(D.numbers.valence.value), rank: 2 },
  { name: 'arousal', title: 'Arousal', rem: 5.3, num: true, cell: (i) => fixed(D.numbers.arousal.value[i]), when: () => some(D.numbers.arousal.value), rank: 3 },
  { name: 'dominance', title: 'Dominance', rem: 6.8, num: true, cell: (i) => fixed(D.numbers.dominance.value[i]), when: () => some(D.numbers.dominance.value), rank: 6 },
  { name: 'person', title: 'Face', rem: 5.4, cell: (i) => el('span', {}, D.people[D.person[i]]), when: () => D.people.length > 1, rank: 6 },
  { name: 'speaker', title: 'Speaker', rem: 6.6, cell: (i) => el('span', { dir: 'auto' }, D.speakers[D.speaker[i]]), when: () => D.speakers.length > 1, rank: 5 },
  { name: 'time', title: 'Time', rem: 9.2, cell: (i) => shortTime(i), when: () => table.times, rank: 4 },
  { name: 'id', title: 'Id', rem: 6, cell: (i) => D.id(i), when: () => table.ids, rank: 7 },
];
const TEXT_REM = 32;  // what text and labels together should keep
const some = (values) => values.some((v) => !Number.isNaN(v));
const table = { body: null, pad: null, pool: new Map(), shown: [], height: 44, ids: false, times: false, onPaper: false };

function shortTime(i) {
  if (!D.time(i) && !Number.isNaN(D.start[i])) return stretch(i);
  if (D.axisKind !== 'date' || Number.isNaN(D.axis[i])) return D.time(i);
  const clock = /\d:\d/.test(D.time(i));
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', ...(clock ? { hour: '2-digit', minute: '2-digit', year: '2-digit' } : {}), timeZone: 'UTC' }).format(D.axis[i]);
}

function labelCell(i) {
  if (!answered(i)) return el('span', { class: 'none' }, reasonText(D.reason[i]));
  const labels = [...D.labels(i)].slice(0, 3);
  if (!labels.length) return el('span', { class: 'none' }, 'none above threshold');
  const out = document.createDocumentFragment();
  for (const l of labels) out.append(el('i', { class: 'dot', style: { background: styleOfLabel(l) } }), el('span', {}, words(P.labels[l])));
  return out;
}

function setUpTable() {
  for (let i = 0; i < D.n; i++) {
    if (!table.ids && D.id(i) && D.id(i) !== String(D.index[i]) && D.id(i) !== String(D.index[i] + 1)) table.ids = true;
    if (!table.times && (D.time(i) || !Number.isNaN(D.start[i]))) table.times = true;
    if (table.ids && table.times) break;
  }
  const usable = COLUMNS.filter((c) => !c.when || c.when());
  for (const c of usable) $('sort-by').append(el('option', { value: c.name }, c.name === 'order' ? 'Order of the input' : c.title));
  $('sort-by').addEventListener('change', (event) => sortBy(event.target.value, false));
  $('sort-turn').addEventListener('click', () => sortBy(state.sort, !state.down));
  const lay = () => {
    if (table.onPaper) return;
    const narrow = matchMedia('(max-width: 40rem)').matches, w = $('table').clientWidth;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize), height = Math.round(rem * (narrow ? 5.8 : 2.65));
    let room = w / rem - TEXT_REM - 4.4 - 1;
    const fits = new Set([...usable].filter((c) => c.rank).sort((a, b) => a.rank - b.rank).filter((c) => { room -= c.rem; return room >= 0; }));
    const shown = usable.filter((c) => (narrow ? ['text', 'labels', 'confidence'].includes(c.name) : !c.rank || fits.has(c)));
    if (shown.map((c) => c.name).join() !== table.shown.map((c) => c.name).join() || height !== table.height) {
      Object.assign(table, { shown, height });
      build();
    }
  };
  new ResizeObserver(lay).observe($('table'));
  on('rows', fill);
  on('open', () => { const at = rows.view.indexOf(state.open); if (at >= 0) toSight(at); paint(true); });
  lay();
}

function build() {
  const box = $('table');
  box.setAttribute('role', 'grid');
  box.setAttribute('aria-label', 'All rows');
  box.setAttribute('aria-colcount', table.shown.length);
  box.style.setProperty('--cols', table.shown.map((c) => c.width || `${c.rem}rem`).join(' '));
  box.style.setProperty('--row', `${table.height}px`);
  const head = el('div', { class: 't-head', role: 'row', 'aria-rowindex': 1 }, ...table.shown.map((c) =>
    el('div', { role: 'columnheader', class: c.num ? 'num' : '', 'data-col': c.name }, el('button', { type: 'button', onclick: () => sortBy(c.name) }, c.title))));
  table.pad = el('div', { class: 't-pad' });
  table.body = el('div', { class: 't-body', role: 'rowgroup' }, table.pad);
  table.body.addEventListener('scroll', perFrame(paint), { passive: true });
  table.body.addEventListener('keydown', tableKeys);
  table.body.addEventListener('click', (event) => {
    const row = event.target.closest('.t-row');
    if (!row) return;
    state.cursor = Number(row.dataset.at);
    openRow(rows.view[state.cursor]);
    sound.press(state.open);
    focusCursor();
    if (innerWidth < 640) focusPanel();
  });
  table.empty = el('p', { class: 't-empty' });
  box.replaceChildren(head, table.body, table.empty);
  fill();
}

// For paper: the first rows in full, with the columns that fit on it.
function printTable(most) {
  const screen = table.shown;
  table.shown = COLUMNS.filter((c) => ['order', 'text', 'labels', 'confidence'].includes(c.name) && (!c.when || c.when()));
  build();
  table.onPaper = true;
  table.pool.clear();
  table.pad.replaceChildren(...Array.from({ length: Math.min(most, rows.view.length) }, (_, at) => makeRow(at)));
  return () => { table.onPaper = false; table.shown = screen; build(); };
}

function fill() {
  if (!table.body) return;
  const n = rows.view.length;
  $('table').setAttribute('aria-rowcount', n + 1);
  for (const cell of $('table').querySelectorAll('[role="columnheader"]')) {
    cell.setAttribute('aria-sort', cell.dataset.col === state.sort ? (state.down ? 'descending' : 'ascending') : 'none');
  }
  $('sort-by').value = state.sort;
  $('sort-turn').textContent = state.down ? '\u2193' : '\u2191';
  table.body.hidden = n === 0;
  table.empty.hidden = n > 0;
  table.empty.textContent = D.n === 0 ? 'The input held no rows.' : 'No row fits these filters.';
  table.pad.style.height = `${n * table.height}px`;
  table.body.classList.toggle('short', n * table.height < 420);
  table.body.scrollTop = 0;
  $('table').style.setProperty('--bar', `${table.body.offsetWidth - table.body.clientWidth}px`);
  paint(true);
}

function makeRow(at) {
  const i = rows.view[at];
  const row = el('div', { class: 't-row', role: 'row', id: `row-${at}`, 'data-at': at, 'data-row': D.index[i], 'aria-rowindex': at + 2, tabindex: -1,
    style: { transform: `translateY(${at * table.height}px)` } });
  for (const c of table.shown) {
    const cell = el('div', { class: `c-${c.name}${c.num ? ' num' : ''}`, role: 'gridcell', dir: c.name === 'text' ? 'auto' : null });
    cell.append(c.cell(i));
    row.append(cell);
  }
  return row;
}

// Puts the rows in sight into the document. `anew` throws away those that are there.
function paint(anew = false) {
  if (table.onPaper) return;
  const { body, pad, pool, height } = table, n = rows.view.length;
  if (!body || body.hidden) { pool.clear(); if (pad) pad.replaceChildren(); return; }
  const held = pad.contains(document.activeElement);
  if (anew === true) { pool.clear(); pad.replaceChildren(); }
  const first = Math.max(0, Math.floor(body.scrollTop / height) - 6), last = Math.min(n, Math.ceil((body.scrollTop + body.clientHeight) / height) + 6);
  for (const [at, row] of pool) if ((at < first || at >= last) && at !== state.cursor) { row.remove(); pool.delete(at); }
  const put = (at) => { if (at < n && !pool.has(at)) { const row = makeRow(at); pool.set(at, row); pad.append(row); } };
  for (let at = first; at < last; at++) put(at);
  put(state.cursor);
  for (const [at, row] of pool) {
    row.tabIndex = at === state.cursor ? 0 : -1;
    row.classList.toggle('here', rows.view[at] === state.open);
    row.classList.toggle('now', rows.view[at] === state.now);
    row.setAttribute('aria-selected', String(rows.view[at] === state.open));
  }
  if (held && !pad.contains(document.activeElement)) focusCursor();
}

function focusCursor() { table.pool.get(state.cursor)?.focus({ preventScroll: true }); }

function toSight(at) {
  const { body, height } = table, top = at * height;
  if (top < body.scrollTop) body.scrollTop = top;
  else if (top + height > body.scrollTop + body.clientHeight) body.scrollTop = top + height - body.clientHeight;
}

function tableKeys(event) {
  const n = rows.view.length, page = Math.max(1, Math.floor(table.body.clientHeight / table.height) - 1);
  const to = { ArrowDown: state.cursor + 1, ArrowUp: state.cursor - 1, PageDown: state.cursor + page, PageUp: state.cursor - page, Home: 0, End: n - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    state.cursor = Math.max(0, Math.min(n - 1, to));
    toSight(state.cursor);
    // An open panel follows the cursor.
    if (state.open >= 0) openRow(rows.view[state.cursor]);
    paint();
    focusCursor();
    // The table may reach below the window.
    table.pool.get(state.cursor)?.scrollIntoView({ block: 'nearest' });
  } else if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    openRow(rows.view[state.cursor]);
    focusPanel();
  }
}

// --- CSV ---------------------------------------------------------------------------------------------------

function csvCell(value) {
  let text = value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value)) ? '' : String(value);
  // A spreadsheet runs text that begins like a formula; an apostrophe stops that.
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const tidy = (x) => (Number.isNaN(x) ? NaN : Math.round(x * 1000) / 1000);

function csv() {
  const dims = D.dimensions.filter((d) => some(D.numbers[d].value));
  const head = ['id', 'text', 'source', 'start', 'end', 'speaker', 'time', 'labels', 'confidence', 'abstained',
    ...dims.flatMap((d) => [d, `${d}_low`, `${d}_high`]), ...P.labels.map((l) => `score_${l}`)];
  const lines = [head.map(csvCell).join(',')];
  for (const i of rows.view) {
    lines.push([D.id(i), D.text(i), D.source(i), D.start[i], D.end[i], D.speakers[D.speaker[i]], D.time(i), [...D.labels(i)].map((l) => P.labels[l]).join(' '),
      tidy(D.confidence[i]), D.reasons[D.reason[i]], ...dims.flatMap((d) => [D.numbers[d].value[i], D.numbers[d].low[i], D.numbers[d].high[i]].map(tidy)),
      ...P.labels.map((_, l) => D.score(i, l))].map(csvCell).join(','));
  }
  return `\ufeff${lines.join('\r\n')}\r\n`;
}

function saveCsv() {
  const url = URL.createObjectURL(new Blob([csv()], { type: 'text/csv;charset=utf-8' }));
  const link = el('a', { href: url, download: `${(P.input || 'affekt').replace(/\.[^.]*$/, '').replace(/[^\p{L}\p{N}_-]+/gu, '-') || 'affekt'}-rows.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
