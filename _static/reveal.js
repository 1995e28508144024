// What a link or a search leads to is seen: folds around it open, and the page goes there again once its formulas
// are typeset, which moves everything below them.
const reveal = (element) => {
  for (let box = element; box; box = box.parentElement) {
    if (box.matches("details")) box.open = true;
    if (box.matches(".toggle-hidden")) box.querySelector(":scope > .admonition-title .toggle-button")?.click();
  }
};

// Go somewhere, and again when the page has settled, unless the reader has moved meanwhile.
const goTo = async (element, place) => {
  let moved = false;
  const note = () => (moved = true);
  const kinds = ["wheel", "touchstart", "keydown", "pointerdown"];
  for (const kind of kinds) addEventListener(kind, note, { once: true, passive: true });
  reveal(element);
  element.scrollIntoView(place);
  await window.MathJax?.startup?.promise;
  await document.fonts?.ready;
  if (!moved) element.scrollIntoView(place);
  for (const kind of kinds) removeEventListener(kind, note);
};

(() => {
  const target = () => document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const arrive = () => {
    const element = target();
    if (element) goTo(element, { behavior: "instant" });
  };
  addEventListener("hashchange", arrive);
  // A link to where the address already points changes nothing, so nothing else is told.
  addEventListener("click", ({ target: clicked }) => {
    const link = clicked.closest?.("a[href*='#']");
    if (link && link.href === location.href) arrive();
  });
  // Who comes back to a page, or loads it again, is where they were.
  addEventListener("load", () => {
    if (performance.getEntriesByType("navigation")[0]?.type === "navigate") arrive();
  });
})();
