// One observer for all that want to know their size: a list that is scrolled makes and drops hundreds of them.

const told = new WeakMap<Element, () => void>();
let observer: ResizeObserver | undefined;

/** Tells once now and whenever the element's size changes, until what it returns is called. */
export function sized(element: Element, tell: () => void): () => void {
  if (typeof ResizeObserver === "undefined") return () => undefined;
  observer ??= new ResizeObserver((changes) => {
    for (const { target } of changes) told.get(target)?.();
  });
  told.set(element, tell);
  observer.observe(element);
  return () => observer?.unobserve(element);
}
