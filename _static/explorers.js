// What the widgets of the explorers lack in a page: their pictures unpacked, names for their sliders, and
// the MathJax of today. And what the theme lacks for those who go by the keyboard.
(() => {
  // tools/light.py packs what html-manager would look for, so it finds nothing, and the drawing is done here.
  const draw = async (packed) => {
    const bytes = Uint8Array.from(atob(packed.text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const state = await new Response(stream).json();
    const modules = ["@jupyter-widgets/html-manager", "@jupyter-widgets/html-manager/dist/libembed-amd"];
    const [{ HTMLManager }, { requireLoader }] = await new Promise((resolve, reject) => {
      require(modules, (...found) => resolve(found), reject); // it takes no async function
    });
    const manager = new HTMLManager({ loader: requireLoader });
    await manager.set_state(state);
    for (const view of document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')) {
      const place = document.createElement("div");
      place.className = "widget-subarea";
      const model = await manager.get_model(JSON.parse(view.text).model_id);
      const drawn = await manager.create_view(model);
      // Until now the first picture stood here, and it stays where this point is never reached.
      view.previousElementSibling?.matches(".explorer-still") && view.previousElementSibling.remove();
      view.before(place);
      await manager.display_view(drawn, place);
      place.querySelectorAll(".explorer").forEach(explain);
    }
  };

  // Under the picture stands what it shows. A screen reader hears it from the picture itself.
  const explain = (explorer) => {
    const says = document.createElement("p");
    says.className = "explorer-says";
    says.setAttribute("aria-hidden", "true");
    const update = () => {
      const seen = [...explorer.querySelectorAll("svg[role=img]")].find((picture) => picture.getClientRects().length);
      if (seen) says.textContent = seen.getAttribute("aria-label");
    };
    explorer.append(says);
    update();
    new MutationObserver(() => requestAnimationFrame(update)).observe(explorer, {
      attributeFilter: ["aria-valuetext"],
      subtree: true,
    });
    if (!document.querySelector(".explorer-hint")) {
      const hint = document.createElement("p");
      hint.className = "explorer-hint";
      hint.textContent = "Drag a slider, or press the arrow keys.";
      explorer.prepend(hint);
    }
    // The arrow keys move the slider used last, also after a click on the picture.
    let last = explorer.querySelector(".noUi-handle");
    explorer.addEventListener("focusin", ({ target }) => (last = target.closest(".noUi-handle") ?? last));
    explorer.addEventListener("click", ({ target }) => target.closest("svg") && last?.focus({ preventScroll: true }));
    // A finger that comes down on a rail may be on its way down the page. If it was a tap, the browser says so
    // afterwards, in the manner of a mouse, and the slider goes there.
    const withhold = (event) => {
      if (event.target.closest(".noUi-target") && !event.target.closest(".noUi-handle")) event.stopPropagation();
    };
    explorer.addEventListener("touchstart", withhold, { capture: true, passive: true });
  };

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
    readout.contentEditable = "false"; // the slider says it all; typing there would do nothing
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
    // A formula that is wider than its place can be scrolled by keyboard; the others are no stops on the way.
    window.MathJax?.startup?.promise?.then(() => {
      for (const formula of document.querySelectorAll("div.math mjx-container")) {
        if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
      }
    });
    // The theme loses the focus when it copies.
    document.addEventListener("click", ({ target }) => target.closest("button.copybtn")?.focus());
    document.querySelectorAll('script[type="application/vnd.jupyter.widget-state+json;deflate"]').forEach((packed) => {
      draw(packed).catch(() => {}); // no stream to unpack, a script that did not come: the first picture stays
    });
    nameAll();
    new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
  });
})();
