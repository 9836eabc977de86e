// The living tree. It may have tens of thousands of actors, so only the rows in sight exist as elements: rows have known heights, and stand
// at their places in a pane as high as all of them. That is a few dozen lines here; a layout library would bring a kilobyte for each of
// them, and would still not know how to keep five thousand sessions from being drawn. The flows are lines that the browser animates.
import { h, setAttr, atMostEvery } from './dom.js';
import { lastPart, parent } from './format.js';
import { roles } from './model.js';
import { Row, killable } from './row.js';

const rowHeight = 42, panelHeight = 172;
const margin = 300; // pixels beyond what is in sight that are drawn, so that scrolling finds them there

export class Tree {
  // act is what the user may do to an actor: kill(pid, mode), select(id).
  constructor(model, pane, act) {
    Object.assign(this, { model, pane, act, rows: [], tops: [], shown: new Map(), query: '' });
    this.open = new Map(); // PID → unfolded, as the user wants it
    this.focused = 'guardian';
    this.space = h('div', { class: 'space', role: 'none' });
    pane.append(this.space);
    this.draw = atMostEvery(0, () => this.render());
    this.rebuild = atMostEvery(80, () => { this.layOut(); this.render(); });
    pane.addEventListener('scroll', this.draw, { passive: true });
    pane.addEventListener('keydown', (e) => this.key(e));
    pane.addEventListener('focusin', (e) => this.followFocus(e));
    new ResizeObserver(this.draw).observe(pane);
    model.addEventListener('structure', this.rebuild);
    model.addEventListener('numbers', this.draw);
    model.addEventListener('event', (e) => this.happened(e.detail));
    this.layOut();
  }

  search(text) { this.query = text.trim().toLowerCase(); this.pane.scrollTop = 0; this.rebuild(); }

  foldAll(open) {
    for (const s of this.model.sessions.values()) this.open.set(s.pid, open);
    this.rebuild();
  }

  // isOpen: a few sessions are unfolded from the start, thousands are not.
  isOpen(row) { return this.open.get(row.pid) ?? (row.kind === 'session' ? this.model.order.length <= 2 : true); }

  toggle(pid, open) { this.open.set(pid, open); this.rebuild(); }

  // layOut lists the rows, from the guardian down, each with its place.
  layOut() {
    const { model } = this;
    const rows = [];
    const p = model.process;
    let level = 1;
    if (p?.survive) {
      rows.push({ pid: 'keeper', kind: 'process', level: level++, system: p.keeper }, { pid: 'worker', kind: 'process', level, system: p.worker });
      rows.push({ pid: 'holder', kind: 'process', level: level++, system: p.holder });
    }
    rows.push({ pid: 'guardian', kind: 'guardian', level, folds: true });
    this.matches = 0;
    if (this.isOpen(rows.at(-1))) {
      const below = new Map(model.listeners.map((l) => [l, []]));
      for (const id of model.order) {
        const s = model.sessions.get(id);
        if (this.matching(s)) { below.get(s.listener)?.push(s); this.matches++; }
      }
      for (const l of model.listeners) {
        rows.push({ pid: l, kind: 'listener', level: level + 1, folds: true });
        if (!this.isOpen(rows.at(-1))) continue;
        const helping = model.helpers.get(l) ?? [];
        const helpers = helping.length;
        for (const pid of helping) rows.push({ pid, kind: 'helper', level: level + 2 });
        const all = below.get(l);
        all.forEach((s, i) => rows.push({
          pid: s.pid, kind: 'session', level: level + 2, session: s, folds: true, place: helpers + i + 1, of: helpers + all.length,
        }));
      }
    }
    this.rows = rows;
    this.tops = new Float64Array(rows.length + 1);
    this.index = new Map();
    rows.forEach((row, i) => {
      row.open = row.folds && this.isOpen(row);
      this.tops[i + 1] = this.tops[i] + rowHeight + (row.kind === 'session' && row.open ? panelHeight : 0);
      this.index.set(row.pid, i);
    });
    const height = `${this.tops[rows.length]}px`;
    if (this.space.style.height !== height) this.space.style.height = height;
  }

  matching(s) {
    if (!this.query) return true;
    return `${s.pid} ${s.client} ${s.server} ${s.state}`.toLowerCase().includes(this.query);
  }

  // at is the row at a height.
  at(y) {
    let low = 0, high = this.rows.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (this.tops[mid] <= y) low = mid; else high = mid - 1;
    }
    return low;
  }

  // inSight are the sessions whose numbers are wanted.
  inSight() {
    if (this.pane.clientHeight === 0) return [];
    return [...this.shown.values()].filter((v) => v.row.session && !v.row.session.ended).map((v) => v.row.session.id);
  }

  render() {
    const first = this.at(this.pane.scrollTop - margin);
    const last = this.at(this.pane.scrollTop + this.pane.clientHeight + margin);
    const wanted = new Set();
    for (let i = first; i <= last && i < this.rows.length; i++) wanted.add(this.rows[i].pid);
    const held = this.rowOf(this.focused);
    if (held && this.pane.contains(document.activeElement)) wanted.add(held.pid); // or the keyboard would lose its place
    for (const [pid, view] of this.shown) {
      if (!wanted.has(pid) || !this.index.has(pid)) { view.element.remove(); this.shown.delete(pid); }
    }
    let before = null;
    for (const pid of [...wanted].filter((p) => this.index.has(p)).sort((a, b) => this.index.get(a) - this.index.get(b))) {
      const i = this.index.get(pid);
      let view = this.shown.get(pid);
      if (!view) {
        view = new Row(this, this.rows[i]);
        this.shown.set(pid, view);
      }
      const next = before ? before.nextSibling : this.space.firstChild; // in order, for who reads by the order of elements
      if (next !== view.element) this.space.insertBefore(view.element, next);
      before = view.element;
      view.update(this.rows[i], this.tops[i]);
    }
    if (this.onRender) this.onRender();
  }

  happened(e) {
    const place = this.shown.get(this.model.noteAt(e.pid ?? ''));
    if (place && (e.name === 'actor-failed' || e.name === 'actor-restarted')) {
      place.update(place.row);
      place.flash(e.pid, e.name === 'actor-failed');
    }
  }

  // rowOf is the row that shows an actor: a session's for its children.
  rowOf(pid) {
    const i = this.index.get(pid) ?? this.index.get(parent(pid));
    return i === undefined ? null : this.rows[i];
  }

  // items are all that the focus can go to, from the top down.
  neighbour(pid, step) {
    const row = this.rowOf(pid);
    if (!row) return 'guardian';
    const inside = row.pid === pid ? 0 : 1 + roles.indexOf(lastPart(pid));
    const children = (r) => (r.kind === 'session' && r.open ? roles.length : 0);
    const i = this.index.get(row.pid);
    const to = inside + step;
    if (to >= 0 && to <= children(row)) return to === 0 ? row.pid : `${row.pid}/${roles[to - 1]}`;
    const other = this.rows[i + step];
    if (!other) return pid;
    return step < 0 && children(other) > 0 ? `${other.pid}/${roles.at(-1)}` : other.pid;
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('button')) return;
    const pid = this.focused;
    const row = this.rowOf(pid);
    if (!row) return;
    const self = row.pid === pid;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (e.key in moves) this.focus(this.neighbour(pid, moves[e.key]));
    else if (e.key === 'Home') this.focus(this.rows[0].pid);
    else if (e.key === 'End') this.focus(this.rows.at(-1).pid);
    else if (e.key === 'ArrowRight') { if (self && row.folds && !row.open) this.toggle(pid, true); else this.focus(this.neighbour(pid, 1)); }
    else if (e.key === 'ArrowLeft') {
      if (self && row.folds && row.open) this.toggle(pid, false);
      else this.focus(self ? this.above(row) : row.pid);
    } else if (e.key === 'Enter' || e.key === ' ') { if (row.session) this.act.select(row.session.id); }
    else if (this.model.faults && killable(pid) && (e.key === 'p' || e.key === 's')) this.act.kill(pid, e.key === 'p' ? 'panic' : 'stop');
    else return;
    e.preventDefault();
  }

  above(row) {
    for (let i = this.index.get(row.pid); i >= 0; i--) if (this.rows[i].level < row.level) return this.rows[i].pid;
    return row.pid;
  }

  // focus moves the one tab stop of the tree, and scrolls there.
  focus(pid) {
    this.focused = pid;
    const row = this.rowOf(pid);
    if (!row) return;
    const i = this.index.get(row.pid);
    const top = this.tops[i], bottom = row.pid === pid ? top + rowHeight : this.tops[i + 1];
    if (top < this.pane.scrollTop) this.pane.scrollTop = top;
    else if (bottom > this.pane.scrollTop + this.pane.clientHeight) this.pane.scrollTop = bottom - this.pane.clientHeight;
    if (!this.shown.has(row.pid)) this.render();
    this.retab();
    this.shown.get(row.pid)?.item(pid)?.focus({ preventScroll: true });
  }

  followFocus(e) {
    const item = e.target.closest('[role=treeitem]');
    if (item?.dataset.pid && item.dataset.pid !== this.focused) { this.focused = item.dataset.pid; this.retab(); }
  }

  retab() {
    for (const item of this.space.querySelectorAll('[role=treeitem]')) {
      setAttr(item, 'tabindex', item.dataset.pid === this.focused ? '0' : '-1');
    }
  }
}
