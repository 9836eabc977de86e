// What the page knows of the proxy: sessions by number, the actors of those that are looked at, and what has happened to whom. Events keep
// it right from moment to moment; what the API tells of numbers (bytes, states, mailboxes) is asked for by main.js, for what is visible.
import { lastPart, parent, list, seconds, times } from './format.js';

export const roles = ['client-reader', 'server-writer', 'server-reader', 'client-writer'];

const noteFor = 8000; // ms for which a note stays at an actor's place
const ghostFor = 4000; // ms for which a session that ended by a failure is still shown
const forget = 60000; // ms after which a closed session's number is forgotten

export class Model extends EventTarget {
  sessions = new Map(); // by number
  order = []; // the numbers, ascending
  actors = new Map(); // by PID: state, restarts, mailbox, strategy, kind; listeners and helpers, and children of sessions in sight
  listeners = ['listener']; // PIDs
  helpers = new Map(); // listener → PIDs
  process = null;
  stats = null;
  faults = false;
  strategy = '';
  strategies = [];
  notes = new Map(); // PID of a session or helper → the last thing that was done there
  marks = new Map(); // PID → when it failed, and whether it runs again
  causes = new Map(); // of endings → how many
  closed = new Map(); // number → when
  counts = { failures: 0, restarts: 0, kills: 0, closed: 0 };

  // changed tells the views: "structure" is who there is, "numbers" how they are, "event" what has happened.
  changed(what, detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }

  // take is given every event, in order.
  take(name, e) {
    switch (name) {
      case 'session-accepted': this.add({ id: e.session, pid: e.pid, client: e.client, server: '', state: 'connecting' }); break;
      case 'session-opened': {
        const s = this.add({ id: e.session, pid: e.pid, client: e.client, server: e.server, state: 'relaying' });
        if (s) Object.assign(s, { server: e.server, state: 'relaying' });
        break;
      }
      case 'session-closed': this.close(e); break;
      case 'actor-killed': this.counts.kills++; break;
      case 'actor-failed': this.fail(e); break;
      case 'actor-restarted': this.restart(e); break;
      case 'actor-stopped': this.stopped(e); break;
      case 'accept-paused': case 'accept-resumed': case 'listener-draining': case 'listener-opened':
        this.setState(e.listener, name); break;
      case 'supervision-changed': this.strategy = e.strategy; break;
      case 'process-restarted': if (this.process) this.process.generation = e.generation; break;
    }
    this.changed('event', { name, ...e });
  }

  add(s) {
    let known = this.sessions.get(s.id);
    if (known && known.client !== s.client) { // a proxy that was started anew counts from one again
      this.closed.delete(s.id);
      this.lose(known);
      known = null;
    }
    if (known && !known.ended) return known;
    if (this.closed.has(s.id)) return null;
    known = { up: 0, down: 0, upRate: 0, downRate: 0, age: 0, bornAt: performance.now(), sampled: false, ...s };
    known.listener = parent(s.pid);
    this.sessions.set(s.id, known);
    const at = this.place(s.id);
    if (this.order[at] !== s.id) this.order.splice(at, 0, s.id);
    this.changed('structure');
    return known;
  }

  // place is where a number stands in the order, or would: mostly at the end.
  place(id) {
    let low = 0, high = this.order.length;
    if (high > 0 && this.order[high - 1] < id) return high;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.order[mid] < id) low = mid + 1; else high = mid;
    }
    return low;
  }

  close(e) {
    this.counts.closed++;
    this.causes.set(e.cause, (this.causes.get(e.cause) ?? 0) + 1);
    this.closed.set(e.session, performance.now());
    const s = this.sessions.get(e.session);
    if (!s) return;
    Object.assign(s, { ended: e.cause, state: 'ended', age: e.age_s, err: e.err, upRate: 0, downRate: 0 });
    Object.assign(s, { up: e.bytes_client_to_server, down: e.bytes_server_to_client });
    const note = this.notes.get(e.pid);
    if (note && e.cause === 'supervision') { note.ended = e.cause; note.at = performance.now(); }
    if (this.noteOf(e.pid)) setTimeout(() => this.remove(s), ghostFor);
    else this.remove(s);
    this.changed('structure');
  }

  // lose removes a session of whose end nothing is known.
  lose(s) {
    Object.assign(s, { ended: 'unseen', state: 'ended' });
    this.remove(s);
  }

  remove(s) {
    if (this.sessions.get(s.id) !== s) return;
    this.sessions.delete(s.id);
    const at = this.place(s.id);
    if (this.order[at] === s.id) this.order.splice(at, 1);
    for (const role of roles) { this.actors.delete(`${s.pid}/${role}`); this.marks.delete(`${s.pid}/${role}`); }
    for (const known of [this.actors, this.notes, this.marks]) known.delete(s.pid);
    this.changed('structure');
  }

  // noteAt is the place at which a failure is told: the session for its children, else the actor itself.
  noteAt(pid) { return roles.includes(lastPart(pid)) ? parent(pid) : pid; }

  fail(e) {
    this.counts.failures++;
    this.marks.set(e.pid, { at: performance.now(), failed: true, reason: e.reason });
    const at = this.noteAt(e.pid);
    const before = this.notes.get(at);
    // The session that fails in its child's place is part of the same story.
    if (before?.directive === 'escalate' && at === e.pid) {
      Object.assign(before, { escalated: e.directive, at: performance.now() });
      return;
    }
    this.notes.set(at, {
      at: performance.now(), who: e.pid, kill: e.kill, reason: e.reason, strategy: e.strategy, directive: e.directive,
      delay: e.delay_s, restarted: [], after: 0,
    });
  }

  restart(e) {
    this.counts.restarts++;
    const actor = this.actors.get(e.pid);
    if (actor) Object.assign(actor, { restarts: e.restarts, state: 'running' });
    this.marks.set(e.pid, { at: performance.now(), failed: false });
    const note = this.notes.get(this.noteAt(e.pid));
    if (!note) return;
    note.at = performance.now();
    if (!note.restarted.includes(e.pid)) note.restarted.push(e.pid);
    if (e.after_s > 0) note.after = e.after_s;
  }

  stopped(e) {
    this.marks.set(e.pid, { at: performance.now(), failed: true, reason: e.reason });
    const note = this.notes.get(this.noteAt(e.pid));
    if (note) note.stopped = e.pid;
  }

  setState(pid, name) {
    const states = { 'accept-paused': 'paused', 'accept-resumed': 'accepting', 'listener-draining': 'draining', 'listener-opened': 'serving' };
    const actor = this.actors.get(name.startsWith('accept') ? `${pid}/acceptor` : pid);
    if (actor) actor.state = states[name];
  }

  // noteOf is what was done at a place a moment ago, if anything was.
  noteOf(pid) {
    const note = this.notes.get(pid);
    return note && performance.now() - note.at < noteFor ? note : null;
  }

  // snapshot is given all sessions that there were after the time at which they were asked for.
  snapshot(all, askedAt) {
    const there = new Set(all.map((s) => s.id));
    for (const s of [...this.sessions.values()]) {
      if (!there.has(s.id) && s.bornAt < askedAt && !s.ended) this.lose(s);
    }
    for (const s of all) this.add({ id: s.id, pid: s.pid, client: s.client, server: s.server, state: s.state });
    this.sample(all);
    for (const [id, at] of this.closed) if (performance.now() - at > forget) this.closed.delete(id);
    this.changed('structure');
  }

  // sample takes what the API tells of some sessions. A rate goes by the session's own age: when the answer was made is not known here.
  sample(some) {
    for (const now of some) {
      const s = this.sessions.get(now.id);
      if (!s || s.ended) continue;
      const up = now.bytes_client_to_server, down = now.bytes_server_to_client;
      const took = now.age_s - s.age;
      if (s.sampled && took > 0.05) {
        s.upRate = Math.max(0, up - s.up) / took;
        s.downRate = Math.max(0, down - s.down) / took;
      }
      if (!s.sampled || took > 0.05 || took < 0) Object.assign(s, { up, down, age: now.age_s, sampled: true });
      Object.assign(s, { state: now.state, idle: now.idle_s, server: now.server });
    }
    this.changed('numbers', some);
  }

  // learn takes the tree, or a part of it.
  learn(root) {
    const listeners = root.kind === 'guardian' ? root.children : [root];
    const before = JSON.stringify([this.listeners, [...this.helpers]]);
    this.actors.set('guardian', { kind: 'guardian', state: 'running', restarts: 0, mailbox: 0, strategy: 'guardian' });
    this.listeners = listeners.map((l) => l.pid);
    for (const l of listeners) {
      this.note(l);
      this.helpers.set(l.pid, l.children.filter((c) => c.kind !== 'session').map((c) => c.pid));
      for (const c of l.children) {
        this.note(c);
        for (const child of c.children) this.note(child);
      }
    }
    if (JSON.stringify([this.listeners, [...this.helpers]]) !== before) this.changed('structure');
  }

  note({ pid, kind, state, restarts, mailbox, strategy }) { this.actors.set(pid, { kind, state, restarts, mailbox, strategy }); }
}

// told is a note as two sentences: who failed, and what the strategy did to whom.
export function told(note) {
  const how = note.kill === 'panic' ? 'was made to panic' : note.kill === 'stop' ? 'was stopped from outside' : `failed (${note.reason})`;
  return `${lastPart(note.who)} ${how}. ${answered(note)}`;
}

// short is the same for a line with little room.
export function short(note) {
  const how = note.kill === 'panic' ? 'panicked' : note.kill === 'stop' ? 'was stopped' : `failed (${note.reason})`;
  const who = lastPart(note.who);
  return `${who.startsWith('session-') ? 'it' : who} ${how} → ${answered(note)}`;
}

// whom names those that were restarted, as briefly as can be.
function whom(note) {
  const who = lastPart(note.who);
  const names = note.restarted.map(lastPart);
  const children = names.filter((n) => roles.includes(n));
  const itself = names.includes(who);
  if (roles.includes(who)) {
    const session = names.find((n) => n.startsWith('session-'));
    if (session) return children.length > 0 ? `the session and its ${children.length === 4 ? 'four children' : list(children)}` : 'the session';
    if (children.length === 4) return 'all four';
    return names.length === 1 && itself ? 'it alone' : list(names);
  }
  if (itself && children.length > 0) return `it and its ${children.length === 4 ? 'four children' : list(children)}`;
  return itself ? 'it' : list(names);
}

// answered is the second half of that.
export function answered(note) {
  const by = note.strategy === 'guardian' ? 'the guardian' : note.strategy;
  const quick = note.after > 0 ? ` in ${seconds(note.after)}` : '';
  if (note.ended) return `${by}: reset the session.`;
  if (note.directive === 'resume') return `${by}: lets it go on as it is.`;
  if (note.directive === 'escalate') {
    return `escalate: the session failed in its place${note.restarted.length > 0 ? `; restarted ${whom(note)}${quick}` : ''}.`;
  }
  if (note.directive === 'stop') return `${by}: resets the session.`;
  if (note.restarted.length === 0) return note.delay > 0 ? `${by}: restarts it after ${seconds(note.delay)}.` : `${by}: ${note.directive}.`;
  return `${by}: restarted ${whom(note)}${quick}.`;
}

// spoken is what a screen reader is told of several failures at once.
export const spoken = (notes) => (notes.length === 1 ? told(notes[0]) : `${times(notes.length, 'failure')}. The last: ${told(notes.at(-1))}`);
