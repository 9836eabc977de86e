// One session: who it connects, how fast bytes go each way, and what has failed in it. It stays when the session has ended.
import { h, setText, atMostEvery } from './dom.js';
import { bytes, count, seconds, lastPart, clock } from './format.js';
import { Chart } from './chart.js';
import { told } from './model.js';
import { describe } from './timeline.js';

const keep = 150; // samples

export class SessionView {
  constructor(model, pane, act) {
    Object.assign(this, { model, pane, act, id: null });
    this.empty = h('p', { class: 'hint' }, 'Choose a session in the tree: click it, or press Enter on it.');
    pane.append(this.empty);
    this.draw = atMostEvery(200, () => this.render());
    model.addEventListener('numbers', (e) => this.sample(e.detail));
    model.addEventListener('event', (e) => this.happened(e.detail));
  }

  show(id) {
    const s = this.model.sessions.get(id);
    if (!s || id === this.id) return;
    Object.assign(this, { id, session: s, up: [], down: [], marks: [], failures: [], age: -1 });
    this.build();
    this.render();
  }

  build() {
    this.title = h('h2', {}, lastPart(this.session.pid));
    this.state = h('span', { class: 'state' });
    this.end = h('button', { type: 'button', class: 'danger', click: () => this.act.end(this.id) }, 'End this session');
    this.facts = {};
    const fact = (name) => { this.facts[name] = h('dd'); return h('div', {}, h('dt', {}, name), this.facts[name]); };
    this.charts = [new Chart('client → server'), new Chart('server → client')];
    this.note = h('p', { class: 'verdict' });
    this.log = h('ol', { class: 'log' });
    this.pane.replaceChildren(
      h('div', { class: 'heading' }, this.title, this.state, this.end),
      h('dl', { class: 'facts' }, ['client', 'server', 'age', 'idle', 'client → server', 'server → client'].map(fact)),
      ...this.charts.map((c) => c.element),
      h('p', { class: 'legend' }, 'Since you opened it, for up to two minutes. A red line marks a failure: the curve goes on.'),
      this.note,
      h('h3', {}, 'Failures and restarts'), this.log);
    this.list();
  }

  sample() {
    const s = this.session;
    if (!s || s.ended || s.age === this.age) return;
    this.age = s.age;
    const t = performance.now() / 1000;
    this.up.push({ t, v: s.upRate });
    this.down.push({ t, v: s.downRate });
    if (this.up.length > keep) { this.up.shift(); this.down.shift(); }
    this.draw();
  }

  happened(e) {
    const mine = this.session && (e.pid === this.session.pid || e.pid?.startsWith(`${this.session.pid}/`));
    if (!mine) return;
    if (e.name === 'actor-failed') this.marks.push({ t: performance.now() / 1000, text: `${lastPart(e.pid)}: ${e.reason}` });
    if (e.name.startsWith('actor-') || e.name === 'session-closed') {
      this.failures.unshift(e);
      this.failures.length = Math.min(this.failures.length, 60);
      this.list();
    }
    this.draw();
  }

  list() {
    this.log.replaceChildren(...(this.failures.length === 0
      ? [h('li', { class: 'none' }, 'None since you opened it here.')]
      : this.failures.map((e) => h('li', { 'data-kind': e.name }, h('time', {}, clock(new Date(e.time))), ' ', describe(e)))));
  }

  render() {
    const s = this.session;
    if (!s) return;
    setText(this.state, s.ended ? `ended: ${s.ended}${s.err ? ` (${s.err})` : ''}` : s.state);
    this.state.dataset.state = s.ended ? 'ended' : s.state;
    this.end.hidden = Boolean(s.ended);
    setText(this.facts.client, s.client);
    setText(this.facts.server, s.server || 'not reached yet');
    setText(this.facts.age, seconds(s.age));
    setText(this.facts.idle, s.ended ? '—' : seconds(s.idle ?? 0));
    setText(this.facts['client → server'], `${bytes(s.up)} (${count(s.up)} bytes)`);
    setText(this.facts['server → client'], `${bytes(s.down)} (${count(s.down)} bytes)`);
    const note = this.model.noteOf(s.pid);
    setText(this.note, note ? told(note) : '');
    if (this.pane.hidden) return;
    const now = performance.now() / 1000;
    const last = s.ended ? this.up.at(-1)?.t ?? now : now;
    this.charts[0].update(this.up, this.marks, last);
    this.charts[1].update(this.down, this.marks, last);
  }
}
