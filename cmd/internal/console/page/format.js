// How numbers are written.

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

// bytes writes a number of bytes in three digits: 4.21 MB.
export function bytes(n) {
  let unit = 0;
  while (n >= 999.5 && unit < units.length - 1) { n /= 1000; unit++; }
  const digits = unit === 0 || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2;
  return `${n.toFixed(digits)} ${units[unit]}`;
}

export const rate = (n) => `${bytes(n)}/s`;

// seconds writes a time of any size: 0.24 ms, 3.1 s, 2 min 5 s, 3 h 20 min.
export function seconds(s) {
  if (s < 0.001) return `${(s * 1000).toFixed(2)} ms`;
  if (s < 1) return `${(s * 1000).toPrecision(3).replace(/\.?0+$/, '')} ms`;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export const count = (n) => n.toLocaleString('en');

export const times = (n, what) => `${count(n)} ${what}${n === 1 ? '' : 's'}`;

export const clock = (date) => date.toLocaleTimeString('en-GB') + '.' + String(date.getMilliseconds()).padStart(3, '0');

// list joins names as a sentence does: a, b and c.
export function list(names) {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

// lastPart is an actor's own name, and parent its supervisor's PID.
export const lastPart = (pid) => pid.slice(pid.lastIndexOf('/') + 1);
export const parent = (pid) => pid.slice(0, Math.max(0, pid.lastIndexOf('/')));
