// Elements of the page, made in one expression; what they say is text.

/** Make an element with properties, attributes where the name has a dash, and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Make a button that does something. */
export function button(words, onClick, properties = {}) {
  const made = element("button", { type: "button", textContent: words, ...properties });
  made.addEventListener("click", onClick);
  return made;
}

/** Make what holds a name that reports have given: of any length, and of any direction. */
export const named = (tag, name, properties = {}) =>
  element(tag, { dir: "auto", textContent: name, className: "name", ...properties });

/**
 * Put children into a parent, unless it has equal ones: what stays keeps selection and hover. What
 * has the `data-key` of what had the focus, or was open, has it then, or is.
 */
export function put(parent, ...children) {
  const next = parent.cloneNode(false);
  next.append(...children);
  for (const { dataset } of parent.querySelectorAll("details[open][data-key]")) {
    next.querySelector(`details${selectorOf(dataset.key)}`)?.setAttribute("open", "");
  }
  if (next.isEqualNode(parent)) return;
  const focused = focusedIn(parent);
  parent.replaceChildren(...next.childNodes);
  focusAgain(parent, focused);
}

const selectorOf = (key) => `[data-key="${CSS.escape(key)}"]`;

/** The `data-key` of what has the focus in a parent, or null. */
export function focusedIn(parent) {
  const { activeElement: focused } = document;
  return parent.contains(focused) ? focused.dataset.key ?? null : null;
}

/** Focus what has a `data-key` in a parent. */
export function focusAgain(parent, key) {
  if (key !== null) parent.querySelector(selectorOf(key))?.focus({ preventScroll: true });
}
