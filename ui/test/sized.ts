// A page without a layout: its lists have no height, and would draw nothing; it can neither scroll nor paint.

const sizes = { offsetWidth: 800, offsetHeight: 3000, clientWidth: 800, clientHeight: 3000 };
for (const [name, value] of Object.entries(sizes)) Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
HTMLElement.prototype.scrollTo = () => {};
HTMLCanvasElement.prototype.getContext = () => null;
