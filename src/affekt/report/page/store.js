// What is shown: the rows, the filters, the order. Panels listen; nothing else keeps state about rows.

let P;  // facts and counts from Python
let D;  // columns of the rows held here
const state = { q: '', label: '', answer: '', speaker: 0, range: null, sort: 'order', down: false, cursor: 0, open: -1, now: -1, example: -1 };
const rows = { base: new Uint32Array(0), filtered: new Uint32Array(0), view: new Uint32Array(0) };
const listeners = { rows: [], open: [], look: [], start: [], draw: [] };
const on = (event, action) => listeners[event].push(action);
const emit = (event) => listeners[event].forEach((action) => action());

// What pages with recordings put in place of these: a button that plays row i, the time of evidence, a press on row i.
const sound = { listen: () => null, moment: (i, e) => `${fixed(e.start, 1)} s`, press: () => {} };
// What pages with still pictures put in place of this: the picture of row i, small.
const sight = { photo: () => null };

const isFiltered = () => Boolean(state.q || state.label || state.answer || state.speaker || state.range);
const answered = (i) => D.reason[i] === 0;
const groupOfRow = (i) => { const l = D.first(i); return l < 0 || !answered(i) ? -1 : P.groupOf[l]; };
const colourOfGroup = (g) => {
  if (g < 0) return css('--g7');
  const c = P.colours[g];
  return typeof c === 'number' ? css(`--g${c}`) : c;
};
const styleOfGroup = (g) => {
  const c = g < 0 ? 7 : P.colours[g];
  return typeof c === 'number' ? `var(--g${c})` : c;
};
const styleOfLabel = (l) => styleOfGroup(l < 0 ? -1 : P.groupOf[l]);
const reasonText = (r) => words(D.reasons[r]);

let hay = null;
function haystack() {
  if (!hay) {
    hay = new Array(D.n);
    for (let i = 0; i < D.n; i++) {
      hay[i] = `${D.text(i)}\n${D.speakers[D.speaker[i]]}\n${D.people[D.person[i]]}\n${D.id(i)}\n${D.source(i)}\n${D.time(i)}`.toLowerCase();
    }
  }
  return hay;
}

// Words are joined by AND; "in quotes" stays together.
function terms(query) {
  return [...query.toLowerCase().matchAll(/"([^"]+)"|[^\s"]+/g)].map((m) => m[1] || m[0]);
}

function predicate() {
  const tests = [];
  if (state.answer === 'answered') tests.push((i) => D.reason[i] === 0);
  else if (state.answer === 'abstained') tests.push((i) => D.reason[i] !== 0);
  else if (state.answer) { const r = D.reasons.indexOf(state.answer.slice(2)); tests.push((i) => D.reason[i] === r); }
  if (state.speaker) tests.push((i) => D.speaker[i] === state.speaker);
  if (state.label === 'none') tests.push((i) => answered(i) && D.labels(i).length === 0);
  else if (state.label) {
    const want = Number(state.label.slice(2));
    if (state.label[0] === 'l') tests.push((i) => answered(i) && D.labels(i).includes(want));
    else tests.push((i) => answered(i) && D.labels(i).some((l) => P.groupOf[l] === want));
  }
  const asked = terms(state.q);
  if (asked.length) { const h = haystack(); tests.push((i) => asked.every((t) => h[i].includes(t))); }
  return (i) => tests.every((test) => test(i));
}

function applyFilter() {
  const keep = predicate(), base = new Uint32Array(D.n), inside = new Uint32Array(D.n);
  let nBase = 0, nInside = 0;
  for (let i = 0; i < D.n; i++) {
    if (!keep(i)) continue;
    base[nBase++] = i;
    if (!state.range || (D.axis[i] >= state.range[0] && D.axis[i] < state.range[1])) inside[nInside++] = i;
  }
  rows.base = base.slice(0, nBase);
  rows.filtered = inside.slice(0, nInside);
  applySort();
}

// Numbers to sort by; NaN is missing and goes last both ways. Strings are ranked once.
const keys = {};
function ranked(values, compare) {
  const order = values.map((_, i) => i).filter((i) => values[i] !== '').sort((a, b) => compare(values[a], values[b]));
  const out = new Float64Array(values.length).fill(NaN);
  let rank = -1;
  order.forEach((i, k) => { if (!k || values[order[k - 1]] !== values[i]) rank++; out[i] = rank; });
  return out;
}
function keyOf(name) {
  if (keys[name]) return keys[name];
  const strings = (of) => Array.from({ length: D.n }, (_, i) => of(i));
  const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
  const natural = (of) => ranked(strings(of), collator.compare);
  let key;
  if (name === 'order') key = Float64Array.from(D.index);
  else if (name === 'confidence') key = Float64Array.from(D.confidence);
  else if (D.numbers[name]) key = Float64Array.from(D.numbers[name].value);
  else if (name === 'time' && (D.axisKind === 'date' || D.axisKind === 'number')) key = D.axis;
  else if (name === 'time') key = natural(D.time);
  else if (name === 'id') key = natural(D.id);
  else if (name === 'speaker') key = natural((i) => D.speakers[D.speaker[i]]);
  else if (name === 'labels') {
    const rank = ranked(P.labels.map(words), collator.compare);
    key = Float64Array.from(D.index, (_, i) => {
      const l = D.first(i);
      return l < 0 || !answered(i) ? NaN : rank[l] + (1 - (D.score(i, l) || 0)) / 2;
    });
  } else {
    // Whole texts are many: a folded start, compared by code unit, is quick and close to what a reader expects.
    const fold = (t) => t.slice(0, 96).trimStart().normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
    key = ranked(strings((i) => fold(D.text(i))), (a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }
  return (keys[name] = key);
}

const permutations = {};
function permutation() {
  const name = `${state.sort} ${state.down}`;
  if (permutations[name]) return permutations[name];
  const key = keyOf(state.sort), sign = state.down ? -1 : 1;
  const order = Uint32Array.from({ length: D.n }, (_, i) => i).sort((a, b) => {
    const x = key[a], y = key[b];
    if (x === y) return a - b;
    if (x !== x) return y !== y ? a - b : 1;
    if (y !== y) return -1;
    return sign * (x - y);
  });
  return (permutations[name] = order);
}

function applySort() {
  performance.mark('affekt:sort:start');
  const inside = new Uint8Array(D.n), view = new Uint32Array(rows.filtered.length);
  for (const i of rows.filtered) inside[i] = 1;
  let n = 0;
  for (const i of permutation()) if (inside[i]) view[n++] = i;
  rows.view = view;
  state.cursor = 0;
  emit('rows');
  performance.measure('affekt:sort', 'affekt:sort:start');
}

function setFilter(change) {
  Object.assign(state, change);
  applyFilter();
}

// A new column starts as people expect: words upwards, numbers from the largest.
function sortBy(name, down) {
  const downFirst = name === 'confidence' || name in D.numbers;
  state.down = down ?? (state.sort === name ? !state.down : downFirst);
  state.sort = name;
  applySort();
}

// Opens row i in the panel; `label` narrows its evidence to that of one label.
function openRow(i, label = -1) {
  if (state.open !== i || label >= 0) panel.label = label;
  state.open = i;
  const at = rows.view.indexOf(i);
  if (at >= 0) state.cursor = at;
  emit('open');
}
