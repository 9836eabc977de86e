// What the tree's rows are made of: a line for each actor, and below that of a session that is unfolded its children and flows.
import { h, svg, setText, setAttr, calm } from './dom.js';
import { bytes, rate, lastPart, count } from './format.js';
import { roles, short, told } from './model.js';

const flashFor = 1600; // ms

// killable: the guardian is no actor, and processes are not killed from here.
export const killable = (pid) => !['guardian', 'keeper', 'worker', 'holder'].includes(pid);

// Row is one line of the tree, with its session's children below it if that is unfolded.
export class Row {
  constructor(tree, row) {
    this.tree = tree;
    this.row = row;
    // The arrow keys do the same, and tell more.
    this.fold = h(row.folds ? 'button' : 'span', {
      class: 'fold', type: row.folds ? 'button' : null, tabindex: -1, 'aria-hidden': 'true',
      click: () => { if (this.row.folds) this.tree.toggle(this.row.pid, !this.row.open); },
    });
    this.name = h('span', { class: 'name' }, lastPart(row.pid));
    this.peers = h('span', { class: 'peers' });
    this.rates = h('span', { class: 'rates' });
    this.state = h('span', { class: 'state' });
    this.detail = h('span', { class: 'detail' });
    this.note = h('span', { class: 'note' });
    this.kills = killable(row.pid) ? killButtons(tree, row.pid) : null;
    this.line = h('div', { class: 'line' },
      this.fold, this.name, this.peers, this.note, this.rates, this.detail, this.state, this.kills);
    this.element = h('div', {
      class: `row ${row.kind}`, role: 'treeitem', 'data-pid': row.pid, 'aria-level': row.level, tabindex: -1, click: (e) => this.click(e),
    }, this.line);
    this.cards = new Map();
    this.failedAt = new Map(); // PID → when
  }

  click(e) {
    if (e.target.closest('button')) return;
    const item = e.target.closest('[role=treeitem]');
    this.tree.focus(item.dataset.pid);
    if (this.row.session) this.tree.act.select(this.row.session.id);
  }

  // item is the element that the focus goes to for an actor.
  item(pid) { return pid === this.row.pid ? this.element : this.cards.get(lastPart(pid))?.element; }

  update(row, top) {
    this.row = row;
    const { model } = this.tree;
    if (top !== undefined && top !== this.top) { this.top = top; this.element.style.transform = `translateY(${top}px)`; }
    this.element.style.setProperty('--level', row.level - 1);
    setAttr(this.element, 'tabindex', this.tree.focused === row.pid ? '0' : '-1');
    if (row.folds) setAttr(this.element, 'aria-expanded', String(row.open));
    const selected = row.session && row.session.id === this.tree.selected;
    this.element.classList.toggle('selected', Boolean(selected));
    setAttr(this.element, 'aria-selected', String(Boolean(selected)));
    if (row.of) { // most of them are not drawn, and cannot be counted
      setAttr(this.element, 'aria-posinset', String(row.place));
      setAttr(this.element, 'aria-setsize', String(row.of));
    }
    const note = model.noteOf(row.pid);
    setText(this.note, note ? short(note) : '');
    setAttr(this.note, 'title', note ? told(note) : '');
    this.element.classList.toggle('noted', Boolean(note));
    const actor = model.actors.get(row.pid);
    if (row.kind === 'process') this.updateProcess();
    else if (row.session) this.updateSession(row.session, actor);
    else this.updateActor(actor);
    if (this.kills) this.kills.hidden = !model.faults || Boolean(row.session?.ended);
    this.label(note);
  }

  label(note) {
    const s = this.row.session;
    const parts = [lastPart(this.row.pid), this.state.textContent];
    if (s) parts.push(`from ${s.client} to ${s.server || 'nobody yet'}`);
    if (this.detail.textContent) parts.push(this.detail.title);
    if (note) parts.push(told(note));
    setAttr(this.element, 'aria-label', parts.filter(Boolean).join(', '));
  }

  updateProcess() {
    const { pid, system } = this.row;
    setText(this.detail, `process ${system}`);
    this.detail.title = this.detail.textContent;
    setText(this.state, pid === 'holder' ? 'in reserve' : 'running');
  }

  updateActor(actor) {
    const { model } = this.tree;
    setText(this.state, actor?.state ?? '');
    setAttr(this.state, 'data-state', actor?.state ?? '');
    counters(this.detail, actor);
    if (this.row.kind === 'listener') {
      setText(this.peers, this.tree.model.listeners.length > 1 ? '' : `${count(model.order.length)} session${model.order.length === 1 ? '' : 's'}`);
    }
    if (this.row.kind === 'guardian') setText(this.peers, 'the root: not an actor, so nobody can kill it');
  }

  updateSession(s, actor) {
    setText(this.peers, `${s.client} → ${s.server || '…'}`);
    setText(this.state, s.ended ? `ended: ${s.ended}` : s.state);
    setAttr(this.state, 'data-state', s.ended ? 'ended' : s.state);
    const idle = s.upRate + s.downRate === 0;
    const text = s.ended || s.state === 'connecting' ? '' : idle ? 'idle' : `→ ${rate(s.upRate)}  ← ${rate(s.downRate)}`;
    setText(this.rates, this.row.open ? '' : text);
    setAttr(this.rates, 'data-idle', String(idle));
    counters(this.detail, actor);
    this.element.classList.toggle('ended', Boolean(s.ended));
    if (this.row.open && !this.panel) this.unfold();
    else if (!this.row.open && this.panel) { this.panel.remove(); this.panel = null; this.cards.clear(); }
    if (!this.panel) return;
    setAddress(this.clientPeer, s.client);
    setAddress(this.serverPeer, s.server || '…');
    for (const card of this.cards.values()) card.update();
    this.up.update(s.upRate, s.up, s.ended);
    this.down.update(s.downRate, s.down, s.ended);
  }

  // unfold draws the four children, the two peers, and the two flows between them.
  unfold() {
    for (const role of roles) this.cards.set(role, new Card(this.tree, `${this.row.pid}/${role}`, this.row.level + 1));
    this.up = new Flow('up');
    this.down = new Flow('down');
    this.clientPeer = h('span');
    this.serverPeer = h('span');
    const card = (role) => this.cards.get(role).element;
    this.panel = h('div', { class: 'panel', role: 'group', 'aria-label': 'Children' },
      h('div', { class: 'peer client', role: 'none' }, h('b', {}, 'client'), this.clientPeer),
      card('client-reader'), this.up.element, card('server-writer'),
      card('server-reader'), this.down.element, card('client-writer'),
      h('div', { class: 'peer server', role: 'none' }, h('b', {}, 'server'), this.serverPeer));
    this.element.append(this.panel);
  }

  flash(pid, failed) {
    const element = this.item(pid) && pid !== this.row.pid ? this.item(pid) : this.line;
    if (calm()) return;
    const now = performance.now();
    const soon = now - (this.failedAt.get(pid) ?? -Infinity) < flashFor / 2;
    if (failed) this.failedAt.set(pid, now);
    // Most are back within a tenth of a millisecond: the eye wants to see the failure first.
    const red = { backgroundColor: 'var(--bad-soft)' }, green = { backgroundColor: 'var(--good-soft)' };
    const frames = failed || soon ? [red, { ...red, offset: 0.3 }, {}] : [green, {}];
    if (soon && !failed) frames.splice(2, 0, { ...green, offset: 0.5 });
    element.animate(frames, { duration: flashFor, easing: 'ease-out' });
  }
}

// Card is one of a session's four children.
class Card {
  constructor(tree, pid, level) {
    Object.assign(this, { tree, pid });
    const role = lastPart(pid);
    this.state = h('span', { class: 'state' });
    this.detail = h('span', { class: 'detail' });
    this.kills = killButtons(tree, pid);
    this.element = h('div', {
      class: `card ${role}`, role: 'treeitem', 'data-pid': pid, 'aria-level': level, 'aria-selected': 'false', tabindex: -1,
      'aria-posinset': roles.indexOf(role) + 1, 'aria-setsize': roles.length,
    }, h('span', { class: 'name' }, role), h('span', { class: 'below' }, this.state, this.detail), this.kills);
  }

  update() {
    const { model, focused } = this.tree;
    const actor = model.actors.get(this.pid);
    const mark = model.marks.get(this.pid);
    const down = mark?.failed && performance.now() - mark.at < 4000;
    this.element.classList.toggle('failing', Boolean(down));
    this.element.classList.toggle('renewed', Boolean(mark && !mark.failed && performance.now() - mark.at < 2500));
    setText(this.state, down ? 'failed' : actor?.state ?? '…');
    setAttr(this.state, 'data-state', this.state.textContent);
    counters(this.detail, actor);
    setAttr(this.element, 'tabindex', focused === this.pid ? '0' : '-1');
    const state = down ? `failed: ${mark.reason}` : actor?.state;
    setAttr(this.element, 'aria-label', [lastPart(this.pid), state, this.detail.title].filter(Boolean).join(', '));
    setAttr(this.element, 'title', down ? mark.reason : '');
    this.kills.hidden = !model.faults;
  }
}

// Flow is the bytes between a reader and a writer: a line that moves while they do.
class Flow {
  constructor(direction) {
    this.rate = h('span', { class: 'flow-rate' });
    this.total = h('span', { class: 'flow-total' });
    this.line = svg('line', { x1: '0', x2: '100%', y1: '50%', y2: '50%' });
    this.element = h('div', { class: `flow ${direction}`, role: 'none' },
      this.rate, svg('svg', { 'aria-hidden': 'true' }, this.line), this.total);
  }

  update(perSecond, total, ended) {
    setText(this.rate, ended ? '' : rate(perSecond));
    setText(this.total, total > 0 ? bytes(total) : 'no byte yet');
    setAttr(this.total, 'title', `${count(total)} bytes`);
    const moves = perSecond > 0 && !ended;
    this.element.classList.toggle('moves', moves);
    // From a second a step for single bytes to a twentieth for gigabytes.
    const pace = `${Math.max(0.1, 1.1 - Math.log10(perSecond + 1) / 9).toFixed(1)}s`;
    if (moves && this.line.style.animationDuration !== pace) this.line.style.animationDuration = pace;
  }
}

// setAddress lets a line break come before the port.
function setAddress(element, address) {
  if (element.textContent === address) return;
  const colon = address.lastIndexOf(':');
  element.replaceChildren(...(colon < 0 ? [address] : [address.slice(0, colon), h('wbr'), address.slice(colon)]));
}

function counters(element, actor) {
  if (!actor) { setText(element, ''); element.title = ''; return; }
  const parts = [], words = [];
  if (actor.restarts > 0) { parts.push(`↻ ${actor.restarts}`); words.push(`restarted ${actor.restarts} times`); }
  if (actor.mailbox > 0) { parts.push(`✉ ${actor.mailbox}`); words.push(`${actor.mailbox} messages wait`); }
  setText(element, parts.join(' '));
  const title = words.join(', ');
  if (element.title !== title) element.title = title;
}

function killButtons(tree, pid) {
  const button = (mode, title) => h('button', {
    type: 'button', tabindex: -1, class: 'kill', 'data-mode': mode, title, 'aria-label': `${mode}: ${lastPart(pid)}`,
    click: () => tree.act.kill(pid, mode),
  }, mode);
  return h('span', { class: 'kills' }, button('panic', 'Make it panic'), button('stop', 'Stop it from outside'));
}
