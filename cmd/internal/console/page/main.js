// The page: it keeps the model up to date, and shows it in several views, each a module of its own.
//
//	api.js       requests, the token, the stream of events        format.js, dom.js   numbers and elements
//	model.js     what is known of the proxy                        faults.js           strategy and random kills
//	tree.js      the living tree, of the rows of row.js            session.js          one session, with chart.js
//	timeline.js  events, and why sessions ended                    tour.js             five steps for a lecture
//
// Events tell who is there and what happens; numbers are asked for each second, and only of the sessions in sight.
import * as api from './api.js';
import { h, byId, setText } from './dom.js';
import { count, rate, seconds, times } from './format.js';
import { Faults } from './faults.js';
import { Model, spoken } from './model.js';
import { SessionView } from './session.js';
import { Timeline } from './timeline.js';
import { Tour } from './tour.js';
import { Tree } from './tree.js';

const pace = 1000; // ms between two questions for numbers
const healing = 30000; // ms between two lists of all sessions, should an event ever have been missed
const atOnce = 2000; // sessions to a request

const model = new Model();
const act = {
  kill: (pid, mode) => act.try(() => api.kill(pid, mode)),
  end: (id) => act.try(() => api.end(id)),
  select, reveal, say, sampled: () => askNumbers(), lost: () => lostAt !== null,
  async try(f) {
    try { await f(); } catch (e) { warn(e.message); }
  },
};
const tree = new Tree(model, byId('tree'), act);
const timeline = new Timeline(model, byId('view-events'));
const session = new SessionView(model, byId('view-session'), act);
const tour = new Tour(model, byId('view-tour'), act);
const faults = new Faults(model, byId('faults'), act);

// --- views

const views = { tree: 'Tree', events: 'Events', session: 'Session', tour: 'Tour' };
const narrow = matchMedia('(max-width: 899px)');
let chosen = 'tree';

function tab(name) {
  return h('button', {
    type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `view-${name}`, click: () => show(name), keydown: (e) => arrow(e, name),
  }, views[name]);
}

function arrow(e, name) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (!step) return;
  const names = Object.keys(views).filter((n) => narrow.matches || n !== 'tree');
  const next = names[(names.indexOf(name) + step + names.length) % names.length];
  show(next);
  byId(`tab-${next}`).focus();
  e.preventDefault();
}

// show opens a view. On a wide screen the tree is always there, and the others share the place beside it.
function show(name) {
  chosen = name;
  if (!narrow.matches && name === 'tree') name = aside;
  else if (name !== 'tree') aside = name;
  for (const n of Object.keys(views)) {
    byId(`view-${n}`).hidden = n !== name && (n !== 'tree' || narrow.matches);
    byId(`tab-${n}`).setAttribute('aria-selected', String(n === name));
    byId(`tab-${n}`).tabIndex = n === name ? 0 : -1;
  }
  if (name === 'session') session.render();
  if (name === 'events') timeline.draw();
}
let aside = 'events';

byId('tabs').append(...Object.keys(views).map(tab));
narrow.addEventListener('change', () => show(chosen));
show('tree');

function select(id) {
  tree.selected = id;
  session.show(id);
  show('session');
  tree.draw();
  askNumbers().catch(() => {}); // that the proxy is lost, the round of every second says
}

// reveal unfolds a session in the tree, and goes there.
function reveal(id) {
  const s = model.sessions.get(id);
  tree.selected = id;
  tree.open.set(s.pid, true);
  tree.layOut();
  tree.render();
  const i = tree.index.get(s.pid);
  if (i !== undefined) tree.pane.scrollTop = tree.tops[i];
  session.show(id);
  tree.draw();
}

byId('search').addEventListener('input', (e) => tree.search(e.target.value));
tree.onRender = () => setText(byId('found'), tree.query ? `${count(tree.matches)} of ${count(model.order.length)}` : '');
let folded = false;
byId('fold').addEventListener('click', () => {
  folded = !folded;
  tree.foldAll(!folded);
  setText(byId('fold'), folded ? 'Unfold all' : 'Fold all');
});

// --- the strip of key figures

const figures = {};
for (const [key, name] of Object.entries({
  sessions: 'sessions', up: 'client → server', down: 'server → client', restarts: 'restarts', kills: 'kills', closed: 'endings',
  generation: 'generation',
})) {
  figures[key] = h('b', {}, '–');
  byId('figures').append(h('div', { class: `figure of-${key}` }, figures[key], h('span', {}, name)));
}
byId('figures').lastChild.hidden = true;
byId('figures').title = 'Restarts, kills and endings since this page was opened';

function showFigures() {
  const s = model.stats;
  setText(figures.sessions, count(s.sessions));
  setText(figures.up, rate(s.upRate));
  setText(figures.down, rate(s.downRate));
  for (const key of ['restarts', 'kills', 'closed']) setText(figures[key], count(model.counts[key]));
  setText(figures.generation, String(model.process?.generation ?? '–'));
  byId('figures').lastChild.hidden = !model.process?.survive;
}

// --- numbers

// ranges cuts numbers of sessions into runs that one question each can ask for, since those between them come along.
function ranges(ids) {
  const places = ids.map((id) => model.place(id)).sort((a, b) => a - b);
  const runs = [];
  for (const p of places) {
    const run = runs.at(-1);
    if (run && p - run.last < 60) run.last = p;
    else runs.push({ first: p, last: p });
  }
  return runs.slice(0, 4).map((r) => `limit=${r.last - r.first + 1}&after=${model.order[r.first] - 1}`);
}

async function askStats() {
  const now = await api.get('/api/stats');
  const at = performance.now() / 1000;
  const before = model.stats;
  for (const [rateKey, key] of [['upRate', 'bytes_client_to_server'], ['downRate', 'bytes_server_to_client']]) {
    now[rateKey] = before ? Math.max(0, now[key] - before[key]) / Math.max(0.05, at - before.at) : 0;
  }
  model.stats = { ...now, at };
  Object.assign(model, { faults: now.faults, strategies: now.strategies, strategy: now.supervision });
  if (model.process) model.process.generation = now.generation;
}

let asking = null;
// askNumbers asks for what is in sight. Whoever calls while it does waits for the same answer.
function askNumbers() {
  asking ??= (async () => {
    const wanted = [...tree.inSight(), session.id].filter((id) => model.sessions.has(id) && !model.sessions.get(id).ended);
    const runs = wanted.length > 0 ? ranges(wanted) : ['limit=1'];
    const asked = [];
    for (const run of runs) {
      asked.push(api.page(`/api/sessions?${run}`).then(({ body }) => model.sample(body)));
      asked.push(api.get(`/api/tree?${run}`).then((root) => model.learn(root)));
    }
    await Promise.all(asked);
  })().finally(() => { asking = null; });
  return asking;
}

// snapshot asks for all sessions, in parts.
async function snapshot() {
  const askedAt = performance.now();
  const all = [];
  for (let after = 0; ;) {
    const { body, total } = await api.page(`/api/sessions?limit=${atOnce}&after=${after}`);
    all.push(...body);
    if (total <= all.length || body.length === 0) break;
    after = body.at(-1).id;
  }
  model.snapshot(all, askedAt);
  model.process = await api.get('/api/process');
  model.changed('structure');
}

// --- the connection

let lostAt = null; // ms, when the proxy was lost
let lostGeneration; // which process that was
let snapshotAt = -Infinity;
let lastId = '';
let replayed = 0;

function lose() {
  if (lostAt !== null) return;
  lostAt = performance.now();
  lostGeneration = model.process?.generation;
  document.body.classList.add('lost');
  const since = new Date().toLocaleTimeString('en-GB');
  banner(`The proxy has not answered since ${since}. What you see is what was known then; this page tries again every second.`, 'bad');
  setText(byId('connection'), 'lost');
}

function found(how) {
  setText(byId('connection'), how);
  if (lostAt === null) return;
  const away = seconds((performance.now() - lostAt) / 1000);
  lostAt = null;
  document.body.classList.remove('lost');
  replayed = 0;
  backAt = { away, missed: null };
  setTimeout(sayBack, 700); // what was missed comes first in the stream
}
let backAt = null;

async function sayBack() {
  const back = backAt;
  if (!back || lostAt !== null) return;
  model.process = await api.get('/api/process').catch(() => model.process);
  if (lostAt !== null) return;
  let what = back.missed === null ? `${times(replayed, 'event')} from meanwhile, nothing missed`
    : back.missed < 0 ? 'it was started anew, so what happened meanwhile is not known' : `${times(back.missed, 'event')} missed for good`;
  if (model.process?.survive && model.process.generation > lostGeneration) {
    what = `process ${model.process.generation} goes on with the connections of the one before, which ended: ${model.process.reason}`;
  }
  banner(`The proxy is back after ${back.away}: ${what}.`, 'good');
  backAt = null;
  model.changed('structure');
  setTimeout(() => { if (lostAt === null) banner(''); }, 8000);
}

function banner(text, kind = '') {
  const b = byId('banner');
  b.hidden = text === '';
  b.dataset.kind = kind;
  setText(b, text);
}

let warned = 0;
function warn(text) {
  if (lostAt !== null) return;
  banner(text, 'bad');
  clearTimeout(warned);
  warned = setTimeout(() => { if (lostAt === null) banner(''); }, 6000);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function onEvent(name, data, id) {
  if (id) lastId = id;
  if (name === '') return;
  replayed++;
  if (name === 'missed' || name === 'dropped') {
    if (name === 'missed' && backAt) backAt.missed = data.missed;
    // What was missed may be who is there. Should this page be too slow, to ask all the time would make it slower.
    snapshotAt = name === 'missed' ? -Infinity : Math.min(snapshotAt, performance.now() - healing + 5000);
    if (data.missed < 0) model.closed.clear();
    model.changed('event', { name, time: new Date().toISOString(), ...data });
    return;
  }
  model.take(name, data);
  if (name === 'actor-failed') announce(data);
  if (name === 'supervision-changed') faults.update();
}

async function follow() {
  for (;;) {
    try {
      await api.events(lastId, () => found('live'), onEvent);
    } catch (e) {
      if (e.status === 401) await askToken();
      else if (e instanceof api.Refused) setText(byId('connection'), `no events: ${e.message}`);
      else lose();
    }
    await pause(1000);
  }
}

async function poll() {
  for (;;) {
    try {
      await askStats();
      if (performance.now() - snapshotAt > healing) {
        snapshotAt = performance.now();
        await snapshot().catch((e) => { snapshotAt = -Infinity; throw e; });
      }
      if (!document.hidden) await askNumbers();
      showFigures();
      faults.update();
      tour.refresh();
      showKeys();
    } catch (e) {
      if (e.status === 401) await askToken();
      else if (e instanceof api.Refused) warn(e.message);
      else { lose(); snapshotAt = -Infinity; }
    }
    await pause(pace);
  }
}

// --- the token

let asked = null;
let tries = 0;
function askToken() {
  asked ??= new Promise((done) => {
    const dialog = byId('token');
    setText(byId('token-error'), tries++ > 0 ? 'The proxy does not take this one.' : '');
    dialog.oncancel = (e) => e.preventDefault();
    dialog.querySelector('form').onsubmit = (e) => {
      e.preventDefault();
      api.setToken(byId('token-field').value.trim());
      byId('token-field').value = '';
      dialog.close();
      asked = null;
      done();
    };
    dialog.showModal();
  });
  return asked;
}

// --- what a screen reader is told

let unsaid = [];
let saying = null;
// announce gathers failures for a moment: at a hundred a second nobody could listen to each.
function announce(e) {
  unsaid.push(model.noteAt(e.pid));
  saying ??= setTimeout(() => {
    const notes = unsaid.map((pid) => model.notes.get(pid)).filter(Boolean);
    unsaid = [];
    saying = null;
    if (notes.length > 0) say(spoken(notes));
  }, 1500);
}

function say(text) { setText(byId('live'), text); }

function showKeys() {
  const kills = model.faults ? ' P makes the actor panic, S stops it.' : '';
  setText(byId('keys'), `In the tree: arrows move and unfold, Enter opens a session.${kills}`);
}

follow();
poll();
