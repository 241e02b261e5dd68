// The bundle that is loaded next compiles validators by `new Function` as it loads, and shows
// documents without them. The Content-Security-Policy forbids to compile: it gets stand-ins.

globalThis.Function = new Proxy(Function, { construct: () => () => () => true });
