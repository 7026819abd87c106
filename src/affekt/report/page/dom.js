// Small helpers: elements, numbers, colours, canvases. Text reaches the page as text nodes only.

const $ = (id) => document.getElementById(id);

function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'class') node.className = value;
    else if (key === 'style') for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

const wholeFormat = new Intl.NumberFormat('en');
const whole = (n) => wholeFormat.format(n);
const fixed = (x, digits = 2) => (Number.isFinite(x) ? x.toFixed(digits).replace('-', '\u2212') : '\u2013');
const signed = (x, digits = 2) => (x < 0 ? '\u2212' : '+') + Math.abs(x).toFixed(digits);
const percent = (part, all) => {
  if (!all) return '0 %';
  const p = (100 * part) / all;
  return (p > 0 && p < 0.1 ? '<0.1' : p < 9.95 && p > 0 ? p.toFixed(1) : p > 99.5 && p < 100 ? p.toFixed(1) : Math.round(p)) + ' %';
};
const plural = (n, one, many) => `${whole(n)} ${n === 1 ? one : many}`;
const words = (name) => name.replaceAll('_', ' ');
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function debounce(action, wait) {
  let timer = 0;
  return (...args) => { clearTimeout(timer); timer = setTimeout(() => action(...args), wait); };
}

// One call for each frame, however often it is asked for.
function perFrame(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; action(); });
  };
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function prepare(canvas) {
  const w = canvas.clientWidth, h = canvas.clientHeight, scale = Math.min(window.devicePixelRatio || 1, 3);
  if (canvas.width !== Math.round(w * scale) || canvas.height !== Math.round(h * scale)) {
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
  }
  const ctx = canvas.getContext('2d');
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, w, h);
  ctx.font = `12.5px ${css('--sans')}`;
  ctx.textBaseline = 'middle';
  ctx.lineJoin = 'round';
  return { ctx, w, h };
}

// Round steps for an axis: 1, 2, 2.5 or 5 times a power of ten.
function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * (1 - 1e-9)) || raw;
}
function ticks(low, high, wanted) {
  const step = niceStep((high - low) / Math.max(wanted, 1)), power = 10 ** Math.floor(Math.log10(step) + 1e-9);
  const out = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return { values: out, digits: Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0))) };
}

const tip = {
  show(x, y, ...children) {
    const box = $('tip');
    box.replaceChildren(...children);
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    box.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - width - 8))}px`;
    box.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 12) : y + 18}px`;
  },
  hide() { $('tip').hidden = true; },
};

// A bar with its name and number; a button where it can be pressed.
function barRow({ name, share, ghost = 0, colour, number, pressed, press, label }) {
  const track = el('span', { class: 'b-track', 'aria-hidden': 'true' });
  if (ghost) track.append(el('span', { class: 'b-ghost', style: { width: `${100 * ghost}%`, background: colour } }));
  track.append(el('span', { class: 'b-fill', style: { width: share > 0 ? `max(2px, ${100 * share}%)` : '0', background: colour } }));
  const parts = [el('span', { dir: 'auto' }, name), track, el('span', { class: 'b-n' }, ...[number].flat())];
  return press ? el('button', { type: 'button', 'aria-pressed': String(Boolean(pressed)), 'aria-label': label, onclick: press }, ...parts)
    : el('div', { class: 'b' }, ...parts);
}
