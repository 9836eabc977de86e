// Making elements, without a framework: the page has few kinds of them, and each knows itself when it has changed.

// h makes an element. Keys of attrs that are functions listen to the event of that name; "class" and all others are attributes; true is an
// attribute without a value, and false, null and undefined are none.
export function h(tag, attrs = {}, ...children) {
  return fill(document.createElement(tag), attrs, children);
}

// svg is h for drawings.
export function svg(tag, attrs = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attrs, children);
}

function fill(element, attrs, children) {
  for (const [key, value] of Object.entries(attrs)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((c) => c != null));
  return element;
}

// setText writes only what differs, so that an idle page costs the browser nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// setAttr is setText for an attribute.
export function setAttr(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export const byId = (id) => document.getElementById(id);

// calm is whether the user has asked for less motion.
export const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

// atMostEvery returns a function that has f called soon, but not more often than each so many milliseconds.
export function atMostEvery(ms, f) {
  let waiting = false;
  let last = -Infinity;
  return () => {
    if (waiting) return;
    waiting = true;
    const run = () => { waiting = false; last = performance.now(); f(); };
    setTimeout(() => requestAnimationFrame(run), Math.max(0, ms - (performance.now() - last)));
  };
}
