// What the widgets of the explorers lack in a page: names for their sliders, and the MathJax of today.
(() => {
  // A screen reader then says "batch size, 16" where the widgets' own markup has no name and no value.
  const name = (slider) => {
    const handle = slider.querySelector('.noUi-handle[role="slider"]');
    const label = slider.querySelector(".widget-label");
    const readout = slider.querySelector(".widget-readout");
    if (!handle || !label || !readout) return;
    const update = () => {
      const value = readout.textContent.trim();
      handle.setAttribute("aria-label", label.textContent.trim());
      if (handle.getAttribute("aria-valuetext") !== value) handle.setAttribute("aria-valuetext", value);
      if (label.title === "null") label.removeAttribute("title");
    };
    new MutationObserver(update).observe(readout, { childList: true, characterData: true, subtree: true });
    new MutationObserver(update).observe(handle, { attributeFilter: ["aria-valuetext"] });
    update();
    slider.dataset.named = "";
  };
  const nameAll = () => document.querySelectorAll(".widget-slider:not([data-named])").forEach(name);

  document.addEventListener("DOMContentLoaded", () => {
    // The widgets ask for their labels to be typeset in the manner of MathJax 2.
    if (window.MathJax?.startup) {
      const typeset = ([, , element]) =>
        MathJax.startup.promise.then(() => MathJax.typesetPromise([element]));
      MathJax.Hub = { Queue: typeset };
    }
    nameAll();
    new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
  });
})();
