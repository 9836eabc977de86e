// A guided tour for a lecture: five steps that make real actors of the running proxy fail, and say what came of it.
import { h } from './dom.js';
import * as api from './api.js';
import { bytes, lastPart, list, seconds } from './format.js';

const steps = [
  {
    title: 'A connection is four actors',
    text: 'Choose the busiest connection and unfold it: two readers and two writers, with the bytes in the flows between them.',
    button: 'Show me',
    async run(tour) {
      const s = tour.busiest();
      tour.act.reveal(s.id);
      tour.id = s.id;
      return `${lastPart(s.pid)} forwards between ${s.client} and ${s.server}; what must not be lost lies in the flows, not in the actors.`;
    },
  },
  {
    title: 'Kill the client-reader: one-for-one',
    text: 'Make one reader panic. The strategy in force restarts that child, and nobody else.',
    button: 'Kill the client-reader',
    run: (tour) => tour.killUnder('one-for-one', (o, s, moved) =>
      `Only ${list(o.names)} was restarted${o.quick}; its siblings noticed nothing, and ${moved} went on meanwhile.`),
  },
  {
    title: 'The same kill: all-for-one',
    text: 'Now choose all-for-one, for children that depend on each other, and kill the same actor again.',
    button: 'Choose all-for-one and kill',
    run: (tour) => tour.killUnder('all-for-one', (o, s, moved) =>
      `One failed, and ${o.names.length === 4 ? 'all four' : list(o.names)} were restarted${o.quick}; `
      + `the connection still lost no byte, and ${moved} went on.`),
  },
  {
    title: 'Let it escalate',
    text: 'With escalate the session fails in its child’s place, and its own supervisor, the listener, decides.',
    button: 'Choose escalate and kill',
    run: (tour) => tour.killUnder('escalate', (o, s, moved) =>
      `The failure went up one level: ${list(o.names)} were restarted${o.quick}, over the same two sockets, and ${moved} went on.`),
  },
  {
    title: 'Give up: stop',
    text: 'The last strategy gives the connection up: both peers are reset. Every other connection goes on.',
    button: 'Choose stop and kill',
    async run(tour) {
      const before = tour.was;
      const text = await tour.killUnder('stop', (o) => o.ended
        ? `The session was reset with the cause “${o.ended}”, and no other connection noticed; the strategy is ${before} again.`
        : `The session is being reset; the strategy is ${before} again.`);
      return text;
    },
  },
];

export class Tour {
  constructor(model, pane, act) {
    Object.assign(this, { model, pane, act, step: 0, said: [] });
    this.render();
    model.addEventListener('structure', () => this.refresh());
  }

  // refresh looks again whether the tour can begin.
  refresh() {
    if (this.busy || this.looked === `${this.model.faults} ${this.model.order.length > 0}`) return;
    this.render();
  }

  render() {
    this.possible = this.model.faults && this.model.order.length > 0;
    this.looked = `${this.model.faults} ${this.model.order.length > 0}`;
    const rows = steps.map((step, i) => {
      const said = this.said[i];
      const state = said ? 'done' : i === this.step ? 'now' : 'later';
      const button = h('button', { type: 'button', class: 'primary', click: () => this.run(i) }, step.button);
      button.disabled = !this.possible || Boolean(this.busy);
      return h('li', { class: state, 'aria-current': state === 'now' ? 'step' : null },
        h('h3', {}, step.title), h('p', {}, step.text),
        state === 'now' ? button : null,
        said ? h('p', { class: 'verdict' }, said) : null);
    });
    const done = this.step >= steps.length;
    const why = !this.model.faults ? 'The tour makes actors fail, which takes a proxy that was started with --faults.'
      : this.model.order.length === 0 && !done ? 'The tour takes a connection: open one through the proxy, and it can begin.' : '';
    this.pane.replaceChildren(
      h('h2', {}, 'A tour in five steps'),
      why ? h('p', { class: 'hint' }, why) : null ?? '',
      h('ol', { class: 'tour' }, rows),
      h('p', { class: 'wrong', role: 'alert' }, this.wrong ?? ''),
      done ? h('p', { class: 'tour-end' }, 'That was the tour: five failures, one connection given up on purpose, and no other byte lost.') : '',
      this.step > 0 ? h('button', { type: 'button', click: () => this.again() }, 'From the beginning') : '');
  }

  again() { Object.assign(this, { step: 0, said: [], wrong: '', id: null }); this.render(); }

  async run(i) {
    if (this.busy) return;
    this.busy = true;
    this.wrong = '';
    this.render();
    try {
      this.said[i] = await steps[i].run(this);
      this.step = i + 1;
      this.act.say(this.said[i]);
    } catch (e) {
      this.wrong = e.message;
    }
    this.busy = false;
    this.render();
    (this.pane.querySelector('.now button') ?? this.pane.querySelector('button'))?.focus();
  }

  busiest() {
    const all = [...this.model.sessions.values()].filter((s) => s.state === 'relaying' && !s.ended);
    if (all.length === 0) throw new Error('No connection is open just now: open one through the proxy, and try again.');
    return all.reduce((a, b) => (b.upRate + b.downRate > a.upRate + a.downRate ? b : a));
  }

  // current is the session of the tour, or another if that has ended meanwhile.
  current() {
    const s = this.model.sessions.get(this.id);
    if (s && !s.ended) return s;
    const other = this.busiest();
    this.id = other.id;
    this.act.reveal(other.id);
    return other;
  }

  // killUnder has a client-reader fail under a strategy, puts the one from before back, and says what came of it.
  async killUnder(strategy, say) {
    const s = this.current();
    this.was = this.model.strategy || 'one-for-one';
    const watch = this.watch(s.pid);
    try {
      if (this.was !== strategy) await api.choose(strategy);
      const before = s.up + s.down;
      const answer = await api.kill(`${s.pid}/client-reader`, 'panic');
      const outcome = await watch.settled(answer);
      await this.act.sampled();
      const moved = s.up + s.down - before;
      return say(outcome, s, moved > 0 ? bytes(moved) : 'the connection');
    } finally {
      watch.end();
      if (this.was !== strategy) await api.choose(this.was);
    }
  }

  // watch gathers who is restarted in a session, and waits until nobody has been for a moment.
  watch(pid) {
    const names = new Set();
    let ended = '', last = performance.now(), after = 0;
    const see = ({ detail: e }) => {
      if (e.pid !== pid && !e.pid?.startsWith(`${pid}/`)) return;
      if (e.name === 'actor-restarted') { names.add(lastPart(e.pid)); after ||= e.after_s; }
      if (e.name === 'session-closed') ended = e.cause;
      last = performance.now();
    };
    this.model.addEventListener('event', see);
    return {
      end: () => this.model.removeEventListener('event', see),
      settled: async (answer) => {
        while (performance.now() - last < 400) await new Promise((r) => setTimeout(r, 100));
        if (names.size === 0 && answer.outcome === 'restarted') names.add('client-reader');
        ended ||= answer.cause ?? '';
        const took = after || answer.after_s || 0;
        return { names: [...names], ended, quick: took > 0 ? ` in ${seconds(took)}` : '' };
      },
    };
  }
}

