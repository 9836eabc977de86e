// With --faults: the strategy in force, and random kills. Without, nothing of it is there.
import { h } from './dom.js';
import * as api from './api.js';
import { roles } from './model.js';

const rates = [0, 1, 5, 20]; // kills a second

// sparing is how often one child is killed at random within ten seconds at most: at eleven failures its session is given up, by default,
// and random kills are meant to show that nothing happens.
const sparing = 8;

export class Faults {
  constructor(model, pane, act) {
    Object.assign(this, { model, pane, act, killed: new Map() });
    this.strategy = h('select', { id: 'strategy', change: () => this.choose() });
    this.rate = h('select', { id: 'rate', change: () => this.setRate(Number(this.rate.value)) },
      rates.map((r) => h('option', { value: r }, r === 0 ? 'off' : `${r} a second`)));
    pane.append(
      h('label', {}, h('span', {}, 'Strategy'), this.strategy),
      h('label', {}, h('span', {}, 'Random kills'), this.rate));
  }

  update() {
    this.pane.hidden = !this.model.faults;
    if (this.pane.hidden) { this.setRate(0); return; }
    const offered = this.model.strategies;
    const names = offered.map((s) => s.name).join();
    if (this.offered !== names) {
      this.offered = names;
      this.strategy.replaceChildren(...offered.map((s) => h('option', { value: s.name, title: s.summary }, s.name)));
    }
    if (document.activeElement !== this.strategy || !this.choosing) {
      if (this.strategy.value !== this.model.strategy) this.strategy.value = this.model.strategy;
    }
    this.strategy.title = offered.find((s) => s.name === this.model.strategy)?.summary ?? '';
  }

  async choose() {
    this.choosing = true;
    const name = this.strategy.value;
    await this.act.try(() => api.choose(name));
    this.choosing = false;
  }

  setRate(perSecond) {
    clearInterval(this.timer);
    this.timer = perSecond > 0 ? setInterval(() => this.killOne(), 1000 / perSecond) : null;
    if (this.rate.value !== String(perSecond)) this.rate.value = String(perSecond);
  }

  killOne() {
    const { order, sessions } = this.model;
    if (order.length === 0 || this.act.lost()) return;
    const s = sessions.get(order[Math.floor(Math.random() * order.length)]);
    if (s.state !== 'relaying') return;
    const pid = `${s.pid}/${roles[Math.floor(Math.random() * roles.length)]}`;
    const now = performance.now();
    if (this.killed.size > 2000) this.killed.clear();
    const recent = (this.killed.get(pid) ?? []).filter((t) => now - t < 10000);
    if (recent.length >= sparing) return;
    this.killed.set(pid, [...recent, now]);
    api.killUnseen(pid, Math.random() < 0.5 ? 'panic' : 'stop').catch(() => {}); // it may just have ended
  }
}
