// Still pictures, small, with their faces framed in the colour of their labels; that of the row stands out.

const photos = new Map();

on('start', () => {
  for (const photo of P.photos) photos.set(photo.name, { ...photo, rows: [] });
  for (let i = 0; i < D.n; i++) photos.get(D.source(i))?.rows.push(i);
});

sight.photo = (i) => {
  const photo = photos.get(D.source(i));
  if (!photo) return null;
  const [w, h] = photo.size;
  // The row's own frame lies over the others.
  const frames = photo.rows.filter((k) => k !== i).concat(i).flatMap((k) => {
    const box = D.face(k, 0);
    if (!box) return [];
    const [left, top, width, height] = [box[0] / w, box[1] / h, box[2] / w, box[3] / h].map((share) => `${100 * share}%`);
    return el('i', { class: k === i ? 'own' : '', style: { left, top, width, height, '--tone': answered(k) ? styleOfLabel(D.first(k)) : 'var(--g7)' } });
  });
  const alt = [D.source(i).split(/[\\/]/).pop(), [who(i), answerText(i)].filter(Boolean).join(', ')].join(': ');
  return el('span', { class: 'photo' }, el('img', { src: `data:image/jpeg;base64,${photo.jpeg}`, alt }), ...frames);
};
