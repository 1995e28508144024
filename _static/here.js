// Where am I? On a narrow screen, which has no contents beside the text, a line says the section.
document.addEventListener("DOMContentLoaded", () => {
  const headings = [...document.querySelectorAll(".bd-article :is(h2, h3)")];
  const header = document.querySelector(".bd-header-article");
  if (!header || headings.length < 2) return;
  const line = document.createElement("div");
  line.className = "here";
  line.setAttribute("aria-hidden", "true"); // who hears the page hears its headings
  header.append(line);
  const title = (heading) => {
    const copy = heading.cloneNode(true);
    copy.querySelectorAll(".headerlink, mjx-assistive-mml").forEach((extra) => extra.remove());
    return copy;
  };
  let shown = null;
  const update = () => {
    const last = headings.findLast((heading) => heading.getBoundingClientRect().top < 100) ?? null;
    if (last === shown) return;
    shown = last;
    line.replaceChildren(...(last ? title(last).childNodes : []));
  };
  addEventListener("scroll", () => requestAnimationFrame(update), { passive: true });
  update();
});
