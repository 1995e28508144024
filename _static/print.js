// On paper the theme is light, whatever it is on the screen.
(() => {
  const root = document.documentElement;
  let chosen = null;
  const paper = () => {
    chosen ??= root.dataset.theme;
    root.dataset.theme = "light";
  };
  const screen = () => {
    if (chosen) root.dataset.theme = chosen;
    chosen = null;
  };
  addEventListener("beforeprint", paper);
  addEventListener("afterprint", screen);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? paper() : screen()));
})();
