// The timeline by buttons and by keyboard.

const PART = 0.25;

/** `onAll()` shows the whole history, `onNow()` brings now into view. */
export function listenToButtons(buttons, { view }, { onAll, onNow }) {
  const acts = {
    earlier: () => view.pan(-2 * PART),
    later: () => view.pan(2 * PART),
    in: () => view.zoomBy(2),
    out: () => view.zoomBy(0.5),
    all: onAll,
    now: onNow,
  };
  for (const button of buttons) button.addEventListener("click", acts[button.dataset.view]);
}

/**
 * `onStep()` is called for another choice, `onEnter()` to explain what is chosen, `onFit()` to fit
 * its row and `onInstant()` to look at its start.
 */
export function listenToKeys(element, chart, { onStep, onEnter, onFit, onInstant, onAll, onNow }) {
  const step = (periods, rows) => () => {
    chart.step(periods, rows);
    onStep();
  };
  const { view } = chart;
  const keys = {
    ArrowLeft: step(-1, 0),
    ArrowRight: step(1, 0),
    ArrowUp: step(0, -1),
    ArrowDown: step(0, 1),
    Home: step(-Infinity, 0),
    End: step(Infinity, 0),
    "shift+ArrowLeft": () => view.pan(-PART),
    "shift+ArrowRight": () => view.pan(PART),
    "+": () => view.zoomBy(1.5),
    "=": () => view.zoomBy(1.5),
    "-": () => view.zoomBy(1 / 1.5),
    0: onAll,
    n: onNow,
    f: onFit,
    i: onInstant,
    Enter: onEnter,
    " ": onEnter,
  };
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = keys[event.shiftKey && name.startsWith("Arrow") ? `shift+${name}` : name];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
