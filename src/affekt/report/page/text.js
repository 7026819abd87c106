// Texts with their evidence marked. Sign shows as colour and as the line below: whole for, broken against.

const markSays = new WeakMap();

function evidenceSays(e) {
  const of = e.label < 0 ? '' : ` for ${words(P.labels[e.label])}`;
  return e.weight < 0 ? `${signed(e.weight)}${e.label < 0 ? '' : ` against ${words(P.labels[e.label])}`}` : `${signed(e.weight)}${of}`;
}

// The text of row i between two places, with the evidence for `label` (or for all labels) marked.
function marked(i, { label = -1, from = 0, to = Infinity } = {}) {
  const text = D.text(i), out = document.createDocumentFragment();
  to = Math.min(to, text.length);
  const spans = D.evidence(i).filter((e) => e.modality === 'text' && e.end > e.start && e.start < to && e.end > from
    && (label < 0 || e.label < 0 || e.label === label));
  const strongest = Math.max(1e-9, ...spans.map((e) => Math.abs(e.weight)));
  const cuts = new Set([from, to]);
  for (const e of spans) { cuts.add(Math.max(e.start, from)); cuts.add(Math.min(e.end, to)); }
  const at = [...cuts].sort((a, b) => a - b);
  for (let k = 0; k + 1 < at.length; k++) {
    const piece = text.slice(at[k], at[k + 1]);
    const over = spans.filter((e) => e.start <= at[k] && e.end >= at[k + 1]).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
    if (!over.length) { out.append(piece); continue; }
    const share = Math.abs(over[0].weight) / strongest;
    const mark = el('mark', { class: over[0].weight < 0 ? 'against' : 'for', style: { '--w': `${Math.round(30 + 70 * share)}%` } }, piece);
    markSays.set(mark, over.map(evidenceSays));
    out.append(mark);
  }
  return out;
}

// A part of a long text around its strongest evidence for `label`, cut between words.
function excerpt(i, label, most = 300) {
  const text = D.text(i);
  if (text.length <= most * 1.2) return marked(i, { label });
  let from = 0;
  const best = D.evidence(i).filter((e) => e.modality === 'text' && (label < 0 || e.label === label)).sort((a, b) => b.weight - a.weight)[0];
  if (best && best.start > most * 0.6) {
    // Begin with the sentence where that is near, else with a word.
    const near = Math.max(0, Math.floor(best.start - most / 2)), before = text.slice(near, best.start);
    const sentence = before.search(/[.!?\u2026\u061f\u3002]\s+\S/), space = before.indexOf(' ');
    from = sentence >= 0 ? near + sentence + before.slice(sentence).search(/\s\S/) + 1 : space >= 0 ? near + space + 1 : Math.floor(best.start);
  }
  let to = Math.min(text.length, from + most);
  if (to < text.length) { const space = text.lastIndexOf(' ', to); if (space > from + most / 2) to = space; }
  // Neither end may part a surrogate pair.
  if (/[\udc00-\udfff]/.test(text.charAt(from))) from--;
  if (/[\udc00-\udfff]/.test(text.charAt(to))) to--;
  const out = document.createDocumentFragment();
  if (from > 0) out.append('\u2026 ');
  out.append(marked(i, { label, from, to }));
  if (to < text.length) out.append(' \u2026');
  return out;
}

// Seconds as 0:07, 12:30 or 1:02:03; the place of a row in its recording.
function clock(seconds) {
  const s = Math.round(seconds), two = (n) => String(n).padStart(2, '0');
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
const stretch = (i) => `${clock(D.start[i])} to ${clock(D.end[i])}`;

const noText = (i) => el('span', { class: 'none' }, !Number.isNaN(D.start[i]) ? `${D.source(i)} ${stretch(i)}`.trim() : D.source(i) ? (P.heard ? D.source(i) : `no text (${D.source(i)})`) : 'no text');

// "gratitude .91, joy .44" of a row, or why there is none.
// Whose row it is: that of a face, of a speaker, or nobody's.
const who = (i) => D.people[D.person[i]] || D.speakers[D.speaker[i]] || '';
const channelTitle = (name) => ({ text: 'Words', voice: 'Voice', face: 'Face' }[name] || capital(name));

function answerText(i) {
  if (!answered(i)) return `no answer: ${reasonText(D.reason[i])}`;
  const labels = [...D.labels(i)];
  return labels.length ? labels.map((l) => `${words(P.labels[l])} ${fixed(D.score(i, l))}`).join(', ') : 'no label above its threshold';
}

function listenToMarks() {
  document.addEventListener('pointerover', (event) => {
    const says = markSays.get(event.target);
    if (says) tip.show(event.clientX, event.clientY, ...says.slice(0, 6).map((line) => el('div', { class: 'm' }, line)));
  });
  document.addEventListener('pointerout', (event) => { if (markSays.has(event.target)) tip.hide(); });
}
