// A chart of one rate over the last minute or two, with a mark wherever an actor was killed. A library of charts brings axes, legends and zoom;
// this takes none of them, so it is an SVG of two paths.
import { h, svg, setText, setAttr } from './dom.js';
import { rate } from './format.js';

const width = 600, height = 96;
const shortest = 20, longest = 120; // seconds that are shown: as many as there are samples of, within these

export class Chart {
  constructor(title) {
    this.title = title;
    this.now = h('b');
    this.top = h('span', { class: 'chart-top' });
    this.area = svg('path', { class: 'area' });
    this.path = svg('path', { class: 'curve' });
    this.marks = svg('g', { class: 'marks' });
    this.drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' }, this.area, this.path, this.marks);
    this.element = h('figure', { class: 'chart' },
      h('figcaption', {}, h('span', {}, title), this.now), h('div', { class: 'plot' }, this.drawing, this.top));
  }

  // update draws points {t, v}, t in seconds, and marks {t, text}.
  update(points, marks, now) {
    const most = Math.max(1, ...points.map((p) => p.v));
    const span = Math.min(longest, Math.max(shortest, now - (points[0]?.t ?? now)));
    const x = (t) => width - ((now - t) / span) * width;
    const y = (v) => height - 2 - (v / most) * (height - 12);
    const seen = points.filter((p) => now - p.t <= span + 2);
    const line = seen.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(p.t).toFixed(1)} ${y(p.v).toFixed(1)}`).join('');
    setAttr(this.path, 'd', line || 'M0 0');
    const foot = (p) => `L${x(p.t).toFixed(1)} ${height}`;
    setAttr(this.area, 'd', seen.length > 1 ? `${line}${foot(seen.at(-1))}${foot(seen[0])}Z` : 'M0 0');
    this.marks.replaceChildren(...marks.filter((m) => now - m.t <= span).map((m) => {
      const at = x(m.t).toFixed(1);
      return svg('g', {}, svg('line', { x1: at, x2: at, y1: 0, y2: height }), svg('title', {}, m.text));
    }));
    const current = seen.at(-1)?.v ?? 0;
    setText(this.now, rate(current));
    setText(this.top, `${rate(most)}`);
    const kills = marks.filter((m) => now - m.t <= span).length;
    setAttr(this.drawing, 'aria-label',
      `${this.title}: now ${rate(current)}, at most ${rate(most)} in ${Math.round(span)} seconds, ${kills} failures marked`);
  }
}

// Bars are counts by name, the largest first.
export class Bars {
  constructor(empty) {
    this.empty = empty;
    this.element = h('dl', { class: 'bars' });
  }

  update(counts) {
    const all = [...counts].sort((a, b) => b[1] - a[1]);
    const most = Math.max(1, ...all.map(([, n]) => n));
    if (all.length === 0) { this.element.replaceChildren(h('div', { class: 'empty' }, h('dt', {}, this.empty), h('dd'))); return; }
    this.element.replaceChildren(...all.map(([name, n]) => {
      const bar = h('i', { class: 'bar', 'data-cause': name });
      bar.style.width = `${Math.max(1, (n / most) * 100)}%`;
      return h('div', {}, h('dt', {}, name), h('dd', {}, bar, h('span', {}, n.toLocaleString('en'))));
    }));
  }
}
