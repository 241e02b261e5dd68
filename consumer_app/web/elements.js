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

/** Put children into a parent, unless it has equal ones: what stays keeps selection and hover. */
export function put(parent, ...children) {
  const next = parent.cloneNode(false);
  next.append(...children);
  if (next.isEqualNode(parent)) return;
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...next.childNodes);
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}
