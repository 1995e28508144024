"""Driving JupyterLab in a browser: by its menus as a reader would, by its model where only that knows all.

Cells outside of the window are not in the page, so what cells printed is read from the notebook's model.
"""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

RUN_TIMEOUT = 1800  # seconds for all cells of one notebook, on a machine that does other things too
PANEL = """(path) =>
    [...window.jupyterapp.shell.widgets("main")].find((panel) => panel.context?.path === path)"""
READY = f"""(path) => {{
    const panel = ({PANEL})(path);
    return panel?.context.isReady && panel.sessionContext.session?.kernel?.status === "idle";
}}"""
CELLS = f"""(path) => [...({PANEL})(path).content.model.cells]
    .filter((cell) => cell.type === "code")
    .map((cell) => ({{
        source: cell.sharedModel.source,
        count: cell.executionCount,
        outputs: cell.outputs.toJSON(),
    }}))"""
ENDED = f"""(path) => {{
    const cells = ({CELLS})(path).filter((cell) => cell.source.trim());
    const failed = cells.some((cell) => cell.outputs.some((output) => output.output_type === "error"));
    return failed || cells.every((cell) => cell.count !== null);
}}"""
SHOW = f"""async ([path, id]) => {{
    const {{ content }} = ({PANEL})(path);
    const index = [...content.model.cells].findIndex((cell) => cell.id === id);
    content.activeCellIndex = index;
    await content.scrollToItem(index, "start");
}}"""
CLOSE = f"""async (path) => {{
    const panel = ({PANEL})(path);
    await panel.sessionContext.shutdown();
    panel.context.model.dirty = false;
    panel.close();
}}"""


@dataclass
class Lab:
    """A window of JupyterLab."""

    page: Page
    address: str

    def open(self, path: str) -> None:
        """Open a notebook, alone, and wait for its kernel."""
        self.page.goto(self.address.replace("/lab?", f"/lab/tree/{path}?reset&"))
        self.page.wait_for_function("window.jupyterapp?.restored", timeout=120_000)
        self.page.wait_for_function(READY, arg=path, timeout=120_000)

    def choose(self, menu: str, item: str) -> None:
        """Choose an item of a menu."""
        self.page.locator(".lm-MenuBar-item").get_by_text(menu, exact=True).click()
        self.page.locator(".lm-Menu-item").get_by_text(item, exact=True).click()

    def run_all(self, path: str) -> list[dict]:
        """Run all cells, from none that has run, and return the code cells with their outputs."""
        self.choose("Edit", "Clear Outputs of All Cells")
        assert not any(cell["outputs"] for cell in self.cells(path))
        self.choose("Run", "Run All Cells")
        self.page.wait_for_function(ENDED, arg=path, timeout=1000 * RUN_TIMEOUT, polling=500)
        return self.cells(path)

    def cells(self, path: str) -> list[dict]:
        """Return the code cells as they are."""
        return self.page.evaluate(CELLS, path)

    def explorer(self, path: str, cell_id: str) -> Locator:
        """Scroll to a cell and return the explorer in it."""
        self.page.evaluate(SHOW, [path, cell_id])
        explorer = self.page.locator(".jp-Notebook .jp-Cell.jp-mod-active .explorer")
        expect(explorer).to_be_visible(timeout=60_000)
        return explorer

    def close(self, path: str) -> None:
        """Close a notebook and end its kernel."""
        self.page.evaluate(CLOSE, path)


def complaints(cells: list[dict]) -> list[str]:
    """Return what no cell of the book may do: raise, write to standard error, or not run at all."""
    found = []
    for number, cell in enumerate(cells, 1):
        if cell["source"].strip() and cell["count"] is None:
            found.append(f"code cell {number} did not run")
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                found.append(f"code cell {number} raised {output['ename']}: {output['evalue']}")
            if output.get("name") == "stderr":
                found.append(f"code cell {number} wrote to standard error: {output['text']}")
    return found
