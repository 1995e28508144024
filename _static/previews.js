// What a reference leads to, beside it: under the pointer and on the focus of the keyboard. Where neither is, on touch,
// the link just works. tools/previews.py has put aside what there is to show; it is loaded when it is asked for.
(() => {
  const root = new URL(document.documentElement.dataset.content_root ?? "./", location);
  const loading = {};
  const load = (page) =>
    (loading[page] ??= new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = `${root}_static/previews/${page}.js`;
      script.onload = script.onerror = () => resolve(window.bookPreviews?.[page] ?? {});
      document.head.append(script);
    }));
  const find = async (link) => {
    const { pathname, hash } = new URL(link.href);
    const page = decodeURIComponent(pathname.slice(root.pathname.length)).replace(/\.html$/, "");
    return (await load(page))[decodeURIComponent(hash.slice(1))];
  };

  document.addEventListener("DOMContentLoaded", () => {
    const card = document.createElement("div");
    card.id = "preview";
    card.hidden = true;
    card.setAttribute("role", "tooltip");
    document.body.append(card);
    let shown = null;
    let timer;

    const show = async (link) => {
      clearTimeout(timer);
      if (shown === link) return;
      hide();
      shown = link;
      const html = await find(link);
      if (!html || shown !== link) return;
      card.innerHTML = html.replaceAll("{root}/", root.href);
      card.hidden = false;
      card.style.visibility = "hidden"; // until it is typeset and knows its size
      await window.MathJax?.startup?.promise;
      await window.MathJax?.typesetPromise?.([card]);
      await Promise.all([...card.querySelectorAll("img")].map((image) => image.decode().catch(() => {})));
      if (shown !== link) return;
      place(link.getClientRects()[0]);
      card.style.visibility = "";
      if (link.title) [link.dataset.title, link.title] = [link.title, ""]; // one card is enough
      link.setAttribute("aria-describedby", card.id);
    };
    const place = ({ left, top, bottom }) => {
      const { width, height } = card.getBoundingClientRect();
      const below = bottom + 6 + height <= innerHeight || top < innerHeight / 2;
      card.style.left = `${scrollX + Math.max(8, Math.min(left, document.documentElement.clientWidth - width - 8))}px`;
      card.style.top = `${scrollY + (below ? bottom + 6 : top - height - 6)}px`;
    };
    const hide = () => {
      clearTimeout(timer);
      if (!shown) return;
      shown.removeAttribute("aria-describedby");
      if (shown.dataset.title) shown.title = shown.dataset.title;
      shown = null;
      card.hidden = true;
      card.replaceChildren();
    };
    const soon = (action, delay) => {
      clearTimeout(timer);
      timer = setTimeout(action, delay);
    };

    for (const link of document.querySelectorAll(".bd-article a.reference.internal[href*='#']")) {
      const byMouse = (action) => (event) => event.pointerType === "mouse" && action();
      link.addEventListener("pointerenter", byMouse(() => soon(() => show(link), shown === link ? 0 : 250)));
      link.addEventListener("pointerleave", byMouse(() => soon(hide, 200))); // time to move on to the card
      link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
      link.addEventListener("blur", hide);
      link.addEventListener("click", hide);
    }
    card.addEventListener("pointerenter", () => clearTimeout(timer));
    card.addEventListener("pointerleave", () => soon(hide, 200));
    addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  });
})();
