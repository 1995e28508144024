// Code in layers: the story alone, or story and code. What the reader chose last holds; phones begin with the story.
(() => {
  const root = document.documentElement;
  const remembered = () => {
    try {
      return localStorage.getItem("layer");
    } catch {
      return null; // a browser may keep a page on disk from storing anything
    }
  };
  const remember = (layer) => {
    try {
      localStorage.setItem("layer", layer);
    } catch {
      // then it holds for this page
    }
  };
  const narrow = matchMedia("(max-width: 40rem)").matches;
  root.dataset.layer = remembered() ?? (narrow ? "story" : "code"); // now, before anything is drawn

  document.addEventListener("DOMContentLoaded", () => {
    const blocks = document.querySelectorAll("details.code");
    if (!blocks.length) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn layer-switch";
    button.setAttribute("role", "switch");
    button.title = "Show the code between the paragraphs";
    button.textContent = "Code";
    const show = (layer) => {
      root.dataset.layer = layer;
      button.setAttribute("aria-checked", layer === "code");
      for (const block of blocks) block.open = layer === "code";
    };
    button.addEventListener("click", () => {
      // What is at the top of the window stays there.
      const under = [...document.querySelectorAll(".bd-article section > *")].find(
        (element) => element.getBoundingClientRect().bottom > 60,
      );
      const before = under?.getBoundingClientRect().top;
      show(root.dataset.layer === "code" ? "story" : "code");
      if (under) scrollBy({ top: under.getBoundingClientRect().top - before, behavior: "instant" });
      remember(root.dataset.layer);
    });
    document.querySelector(".article-header-buttons")?.prepend(button);
    show(root.dataset.layer);
  });
})();
