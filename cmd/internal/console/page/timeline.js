// What has happened, newest first, with filters and a pause; and above it why sessions ended.
import { h, setText, atMostEvery } from './dom.js';
import { clock, lastPart, seconds, bytes, times } from './format.js';
import { Bars } from './chart.js';

const keep = 1000, drawn = 150;

const groups = {
  failures: ['actor-failed', 'actor-stopped'],
  kills: ['actor-killed'],
  restarts: ['actor-restarted'],
  sessions: ['session-accepted', 'session-opened', 'session-closed'],
  proxy: [
    'listener-opened', 'listener-draining', 'listener-closed', 'accept-paused', 'accept-resumed', 'supervision-changed',
    'process-restarted', 'missed', 'dropped',
  ],
};
const groupOf = Object.fromEntries(Object.entries(groups).flatMap(([g, names]) => names.map((n) => [n, g])));

// place is an actor in a few words: client-reader of session-42.
function place(pid) {
  const parts = pid.split('/');
  const last = parts.at(-1);
  return parts.length > 2 ? `${parts.at(-2)}/${last}` : last;
}

// describe is an event as a sentence.
export function describe(e) {
  switch (e.name) {
    case 'actor-failed': {
      const delay = e.delay_s > 0 ? ` after ${seconds(e.delay_s)}` : '';
      return `${place(e.pid)} failed: ${e.reason} — ${e.strategy} says ${e.directive}${delay}`;
    }
    case 'actor-killed': return `${place(e.pid)} is killed by ${e.by} (${e.mode})`;
    case 'actor-restarted': {
      const how = e.after_s > 0 ? ` after ${seconds(e.after_s)}` : ', restarted with another';
      return `${place(e.pid)} runs again${how} (restart ${e.restarts})`;
    }
    case 'actor-stopped': return `${place(e.pid)} was stopped for good: ${e.reason}`;
    case 'session-accepted': return `${lastPart(e.pid)} accepted from ${e.client}`;
    case 'session-opened': return `${lastPart(e.pid)} connected to ${e.server} in ${seconds(e.took_s)}`;
    case 'session-closed': {
      const moved = `→ ${bytes(e.bytes_client_to_server)} ← ${bytes(e.bytes_server_to_client)}`;
      return `${lastPart(e.pid)} ended: ${e.cause}${e.err ? ` (${e.err})` : ''}, ${moved}, after ${seconds(e.age_s)}`;
    }
    case 'listener-opened': return `${e.listener} accepts clients on ${e.addr} for ${e.destination}`;
    case 'listener-draining': return `${e.listener} is draining: ${times(e.sessions, 'session')} may run on for ${seconds(e.timeout_s)}`;
    case 'listener-closed': return `${e.listener} is closed after ${times(e.sessions, 'session')}`;
    case 'accept-paused': return `${e.listener} leaves clients waiting: ${e.reason}`;
    case 'accept-resumed': return `${e.listener} accepts clients again`;
    case 'supervision-changed': return `from now on ${e.strategy} answers failures (it was ${e.was})`;
    case 'process-restarted':
      return `process ${e.generation} goes on with ${times(e.sessions, 'session')}, ${seconds(e.after_s)} after the one before: ${e.reason}`;
    case 'missed': return e.missed < 0 ? 'what happened while the proxy was away is not known' : `${times(e.missed, 'event')} could not be replayed`;
    case 'dropped': return `${times(e.dropped, 'event')} came faster than this page could read`;
    default: return e.name;
  }
}

export class Timeline {
  constructor(model, pane) {
    Object.assign(this, { model, pane, all: [], paused: false, behind: 0, text: '' });
    this.on = new Set(Object.keys(groups));
    this.causes = new Bars('No session has ended since this page was opened.');
    this.list = h('ol', { class: 'log', 'aria-label': 'Events, newest first', tabindex: 0 });
    this.pauseButton = h('button', { type: 'button', 'aria-pressed': 'false', click: () => this.pause(!this.paused) }, 'Pause');
    const chips = Object.keys(groups).map((g) => h('button', {
      type: 'button', class: 'chip', 'data-group': g, 'aria-pressed': 'true', click: (e) => this.switch(g, e.currentTarget),
    }, g));
    const filter = h('input', {
      type: 'search', placeholder: 'Filter', 'aria-label': 'Filter events by text', autocomplete: 'off', spellcheck: 'false',
      input: (e) => { this.text = e.target.value.toLowerCase(); this.draw(); },
    });
    pane.append(
      h('h2', {}, 'Endings'), this.causes.element,
      h('h2', {}, 'Events'),
      h('div', { class: 'toolbar' }, h('div', { class: 'chips', role: 'group', 'aria-label': 'Kinds of events' }, chips), filter, this.pauseButton),
      this.list);
    this.draw = atMostEvery(200, () => this.render());
    model.addEventListener('event', (e) => this.add(e.detail));
    this.render();
  }

  add(e) {
    this.all.push(e);
    if (this.all.length > 2 * keep) this.all.splice(0, keep);
    if (this.paused) this.behind++;
    this.draw();
  }

  switch(group, chip) {
    const on = !this.on.has(group);
    if (on) this.on.add(group); else this.on.delete(group);
    chip.setAttribute('aria-pressed', String(on));
    this.draw();
  }

  // pause keeps the list as it is, for reading; what happens meanwhile is counted, and shown afterwards.
  pause(paused) {
    Object.assign(this, { paused, behind: 0, frozen: paused ? this.all.slice(-keep) : null });
    this.pauseButton.setAttribute('aria-pressed', String(paused));
    this.draw();
  }

  render() {
    if (this.pane.hidden) return;
    setText(this.pauseButton, this.paused ? `Go on${this.behind > 0 ? ` (${this.behind} new)` : ''}` : 'Pause');
    this.causes.update(this.model.causes);
    const rows = [];
    const source = this.frozen ?? this.all;
    for (let i = source.length - 1; i >= 0 && rows.length < drawn; i--) {
      const e = source[i];
      if (!this.on.has(groupOf[e.name] ?? 'proxy')) continue;
      e.text ??= describe(e);
      if (this.text && !e.text.toLowerCase().includes(this.text)) continue;
      e.row ??= h('li', { 'data-kind': e.name }, h('time', {}, e.time ? clock(new Date(e.time)) : ''), ' ', e.text);
      rows.push(e.row);
    }
    if (rows.length === 0) rows.push(h('li', { class: 'none' }, 'Nothing yet.'));
    this.list.replaceChildren(...rows);
  }
}
