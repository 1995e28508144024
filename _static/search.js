// Search: symbols and numbers are found, whatever is asked ends, and what was found is marked in the page.
(() => {
  // --- on the page of results
  const plain = (text) => text.normalize("NFKC").toLowerCase().replace(/(?:[\\{}()$\s,;:]|\.(?!\d))+/g, " ").trim();

  // What tools/previews.py has put aside: numbered things, and the rows of the notation page.
  const looked = (query) => {
    const asked = plain(query);
    const rank = ([, , , , keys, less]) => (keys.includes(asked) ? 2 : less.includes(asked) ? 1 : 0);
    return (window.bookLookup ?? [])
      .filter((entry) => rank(entry) > 0)
      .map((entry) => [entry[0], entry[1], `#${entry[2]}`, entry[3] || null, 1000 * rank(entry), `${entry[0]}.html`])
      .reverse()
      .sort((a, b) => a[4] - b[4]); // the last one is shown first
  };

  const prepare = () => {
    const query = new URLSearchParams(location.search).get("q") ?? "";
    DOCUMENTATION_OPTIONS.LINK_SUFFIX = `.html?highlight=${encodeURIComponent(query)}`;
    const { _performSearch, query: ask, setIndex } = Search;
    // Words like "constructor" are no entries of the index, but every object has them.
    const mend = (index) => {
      for (const words of [index.terms, index.titleterms]) {
        Object.setPrototypeOf(words, null);
        Object.defineProperty(words, "hasOwnProperty", { value: (word) => word in words });
      }
    };
    if (Search.hasIndex()) mend(Search._index);
    Search._performSearch = (asked, ...rest) => [..._performSearch(asked, ...rest), ...looked(asked)];
    Search.setIndex = (index) => {
      mend(index);
      setIndex(index);
    };
    Search.query = (asked) => {
      const script = document.createElement("script");
      script.onload = script.onerror = () => ask(asked);
      script.src = `${document.documentElement.dataset.content_root}_static/lookup.js`;
      document.head.append(script);
    };
  };

  // --- on the page that was found
  const WORD = /[\p{Letter}\p{Number}_]+/gu;
  const unmarked = "script, style, button, .math, mjx-container, svg, mark";

  const mark = (query) => {
    const stemmer = new Stemmer();
    const stem = (word) => stemmer.stemWord(word.toLowerCase());
    const asked = (query.match(WORD) ?? []).filter((word) => !stopwords.includes(word.toLowerCase()));
    const wanted = new Set(asked.map(stem));
    const walker = document.createTreeWalker(document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(unmarked)) texts.push(walker.currentNode);
    for (const text of texts) {
      for (const found of [...text.data.matchAll(WORD)].reverse()) {
        if (!wanted.has(stem(found[0]))) continue;
        const word = text.splitText(found.index);
        word.splitText(found[0].length);
        const place = document.createElement("mark");
        word.replaceWith(place);
        place.append(word);
      }
    }
    return document.querySelector(".bd-article mark");
  };
  const unmark = () => {
    for (const place of document.querySelectorAll(".bd-article mark")) place.replaceWith(...place.childNodes);
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (document.getElementById("search-results")) return prepare();
    const address = new URL(location);
    const query = address.searchParams.get("highlight");
    if (!query) return;
    address.searchParams.delete("highlight");
    try {
      history.replaceState(history.state, "", address); // a link that is passed on marks nothing
    } catch {
      // some browsers keep a page on disk from this
    }
    addEventListener("load", () => {
      const first = mark(query);
      if (first && !location.hash) goTo(first, { behavior: "instant", block: "center" });
    });
    addEventListener("keydown", ({ key }) => key === "Escape" && unmark());
  });
})();
