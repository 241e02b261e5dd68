// The timeline by keyboard.

const PART = 0.25;

export function listenToKeys(element, chart, explainChosen) {
  const keys = {
    ArrowLeft: () => chart.step(-1, 0),
    ArrowRight: () => chart.step(1, 0),
    ArrowUp: () => chart.step(0, -1),
    ArrowDown: () => chart.step(0, 1),
    Home: () => chart.step(-Infinity, 0),
    End: () => chart.step(Infinity, 0),
    "shift+ArrowLeft": () => chart.pan(-PART),
    "shift+ArrowRight": () => chart.pan(PART),
    "+": () => chart.zoomBy(1.5),
    "=": () => chart.zoomBy(1.5),
    "-": () => chart.zoomBy(1 / 1.5),
    0: () => chart.fit(),
    n: () => chart.centre(Date.now()),
    Enter: explainChosen,
    " ": explainChosen,
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
