'use strict';
(() => {
  const root = document.documentElement, button = document.getElementById('theme');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let chosen = null;
  const follow = () => {
    const name = chosen || (dark.matches ? 'dark' : 'light');
    root.dataset.theme = name;
    button.textContent = name === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to ${name === 'dark' ? 'light' : 'dark'} colours`);
  };
  follow();
  dark.addEventListener('change', follow);
  button.hidden = false;
  button.addEventListener('click', () => { chosen = root.dataset.theme === 'dark' ? 'light' : 'dark'; follow(); });
  addEventListener('beforeprint', () => { root.dataset.theme = 'light'; });
  addEventListener('afterprint', follow);

  // Headings of tables sort: numbers by size, words by alphabet; what has no number stays below.
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell ? cell.textContent.trim() : '';
    const number = Number.parseFloat(text.replace(/\u2212/g, '-').replace(/[,\u25B2\u25BC<]/g, '').trim());
    return { text, number };
  };
  for (const table of document.querySelectorAll('table[data-sortable]')) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (head.classList.contains('wide')) return;
      const numeric = head.classList.contains('num'), press = document.createElement('button');
      press.type = 'button';
      press.append(...head.childNodes);
      head.replaceChildren(press);
      head.dataset.sort = '';
      press.addEventListener('click', () => {
        const now = head.getAttribute('aria-sort');
        const falling = now ? now === 'ascending' : numeric;
        const way = falling ? -1 : 1, body = table.tBodies[0];
        const rows = [...body.rows].map((row, at) => ({ row, at, ...value(row, column) }));
        rows.sort((a, b) => {
          if (numeric) {
            const none = Number.isNaN(a.number) - Number.isNaN(b.number);
            return none || (a.number - b.number) * way || a.at - b.at;
          }
          return a.text.localeCompare(b.text) * way || a.at - b.at;
        });
        body.append(...rows.map((r) => r.row));
        for (const row of body.rows) row.classList.remove('first');
        for (const other of heads) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
      });
    });
  }
  root.dataset.ready = 'true';
})();
