"""The rules of the house: lint, format, imports, and what every notebook and page must satisfy."""

import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from helpers import PATIENCE, pythons, refused_pins

from tools.check_notebooks import problems
from tools.notebooks import ROOT, find_all, find_pages, loads

# Without the notebooks of a reader's own.
SOURCES = ["conftest.py", "benchmarks", "lib", "tests", "tools", *find_all()]


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", *SOURCES),
        ("-m", "ruff", "format", "--check", *SOURCES),
        # Not the scripts beside Python: they carry the path of the folder in which they were installed.
        ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
    ],
    ids=["ruff check", "ruff format", "lint-imports"],
)
def test_tool(command):
    run = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert run.returncode == 0, run.stdout + run.stderr


def spelling(paths, folder):
    """Return what codespell finds in files; of notebooks, in their cells."""
    texts = [path for path in paths if path.suffix != ".ipynb"]
    for path in set(paths) - set(texts):
        cells = loads(path.read_text(encoding="utf-8")).cells
        texts.append(folder / f"{path.stem}.txt")
        texts[-1].write_text("\n".join(cell.source for cell in cells), encoding="utf-8")
    command = [sys.executable, "-m", "codespell_lib", "--toml", ROOT / "pyproject.toml", *texts]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return run.stdout + run.stderr


def test_spelling(tmp_path):
    prose = [*ROOT.glob("*.md"), ROOT / "references.bib", *find_pages()]
    code = [path for name in ("lib", "tools", "tests") for path in (ROOT / name).rglob("*.py")]
    code += (ROOT / "_static").glob("*.[jc]s*")
    assert spelling([*prose, *code], tmp_path) == ""
    (tmp_path / "wrong.md").write_text("A gradient " + "reci" + "eved.")
    assert "received" in spelling([tmp_path / "wrong.md"], tmp_path)


def test_what_is_cited_is_this_book():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (cited["title"], cited["authors"][0]["name"]) == (config["title"], config["author"])
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changes.split("## ")[1].startswith(project["version"])


@pytest.mark.parametrize("path", find_all(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_notebook(path):
    assert problems(path.read_text(encoding="utf-8")) == []


def test_no_title_of_a_fence_holds_a_backtick():
    # MyST would read the fence as text, and say nothing.
    pages = (path for path in find_pages() if path.suffix == ".md")
    texts = {path.name: path.read_text(encoding="utf-8") for path in pages}
    for path in find_all():
        cells = loads(path.read_text(encoding="utf-8")).cells
        texts |= {f"{path.name} {cell.id}": cell.source for cell in cells if cell.cell_type == "markdown"}
    broken = re.compile(r"^ *`{3,}[^`\n]+`.*$", re.M)
    assert broken.search("```{note} About `x`\n")
    assert {name: broken.findall(text) for name, text in texts.items() if broken.search(text)} == {}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_in_the_repository_lead_somewhere(name):
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    relative = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in relative if not (ROOT / link).exists()] == []


def test_the_api_page_lists_every_module_of_lib_once():
    page = (ROOT / "appendix" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. automodule:: (lib\.[\w.]+)$", page, re.M)
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "lib").rglob("[!_]*.py")]
    assert sorted(listed) == sorted(".".join(file.parts) for file in files)


def test_the_lock_of_npm_pins_what_package_json_names_and_no_registry():
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    pinned = package["dependencies"] | package["devDependencies"]
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in pinned} == pinned
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]


def test_make_and_its_readers_know_the_pythons_that_the_book_admits():
    makefile, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "README.md"))
    *others, last = pythons()
    named = f"Python {', '.join(others)} or {last}"
    assert f"The book needs {named} with venv and pip" in makefile
    assert f"With {named} and `make`" in readme
    assert f"# {others[0]} to {last}\n" in readme
    tried = re.search(r"for python in (.*) python3 python;", makefile)[1]
    assert tried.split() == [f"python{version}" for version in pythons()]
    bounds = [tuple(map(int, version.split("."))) for version in (others[0], last)]
    assert f"not {bounds[0]} <= sys.version_info[:2] <= {bounds[1]})" in makefile


def test_every_pinned_package_can_be_installed_under_every_python_that_the_book_admits():
    assert {"3.11", "3.12", "3.13", "3.14"} <= set(pythons())
    assert refused_pins(ROOT / "constraints.txt") == []
