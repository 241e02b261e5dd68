// Asking again and again, one answer after the other.

/**
 * Call `act(signal)` every so many milliseconds until `stop()`. While nobody can see the page it
 * rests, and `wake()` asks at once. What fails is asked again like all else.
 */
export class Polling {
  constructor(act, milliseconds, isSeen = () => true) {
    Object.assign(this, { act, milliseconds, isSeen, running: null });
  }

  start() {
    this.stop();
    this.running = new AbortController();
    this.wait(this.running.signal);
  }

  stop() {
    this.running?.abort();
    this.running = null;
    clearTimeout(this.timer);
  }

  wake() {
    if (!this.running) return;
    this.stop();
    this.running = new AbortController();
    this.turn(this.running.signal);
  }

  wait(signal) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.turn(signal), this.milliseconds);
  }

  async turn(signal) {
    if (this.isSeen()) await this.act(signal).catch(() => {});
    if (!signal.aborted) this.wait(signal);
  }
}
