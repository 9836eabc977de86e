// The way to the proxy: HTTP requests, the token if it takes one, and the stream of events.

// The token is nowhere but here: it is gone when the page is closed.
let token = '';
export function setToken(text) { token = text; }

// Refused is an answer that says no; its message is the proxy's reason.
export class Refused extends Error {
  constructor(status, reason) { super(reason); this.status = status; }
}

function headers(more = {}) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function request(method, path, body, signal) {
  const response = await fetch(path, {
    method, headers: headers(), cache: 'no-store', signal: signal ?? AbortSignal.timeout(15000),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) {
    const reason = await response.json().then((b) => b.error, () => response.statusText);
    throw new Refused(response.status, reason);
  }
  return response;
}

// get asks for JSON.
export const get = async (path) => (await request('GET', path)).json();

// page asks for a part of a list; total is how many there are in all.
export async function page(path) {
  const response = await request('GET', path);
  return { body: await response.json(), total: Number(response.headers.get('X-Total-Count')) };
}

// kill makes an actor fail, and resolves to what became of it.
export const kill = async (pid, mode) => (await request('POST', '/api/faults?wait=2s', { pid, mode })).json();

// killUnseen does not wait for that.
export const killUnseen = (pid, mode) => request('POST', '/api/faults', { pid, mode });

export const choose = (strategy) => request('PUT', '/api/supervision', { strategy });
export const end = (id) => request('DELETE', `/api/sessions/${id}`);

const silence = 25000; // a heartbeat comes every ten seconds

// events reads the stream from after the event lastId on, if that is given, until it ends: it always throws. EventSource would do the
// same, but it can send no token, and does not tell when it has lost the proxy.
export async function events(lastId, onOpen, onEvent) {
  const gone = new AbortController();
  let timer = setTimeout(() => gone.abort(), silence);
  try {
    const response = await fetch('/api/events', {
      headers: headers(lastId ? { 'Last-Event-ID': lastId } : {}), cache: 'no-store', signal: gone.signal,
    });
    if (!response.ok) throw new Refused(response.status, response.statusText);
    onOpen();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(onEvent);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error('the stream has ended');
      clearTimeout(timer);
      timer = setTimeout(() => gone.abort(), silence);
      parse(value);
    }
  } finally {
    clearTimeout(timer);
    gone.abort();
  }
}

// parser takes the stream in pieces, as they come, and calls onEvent(name, data, id) for each event; one that only tells where the stream is
// has no name.
export function parser(onEvent) {
  let rest = '';
  let name = '', data = [], id = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (data.length > 0) onEvent(name || 'message', JSON.parse(data.join('\n')), id);
        else if (id) onEvent('', null, id);
        name = ''; data = []; id = '';
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue; // a heartbeat
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') name = value;
      else if (field === 'data') data.push(value);
      else if (field === 'id') id = value;
    }
  };
}
