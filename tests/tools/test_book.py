"""The Sphinx extension: its digest, its browser libraries, and whole builds of a tiny book."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from notebook_parts import notebook
from tiny_book import build, quiet

from tools import book, cache
from tools.notebooks import ROOT, dumps

DECISIVE = ["lib/__init__.py", "lib/data/x.csv", "requirements.txt", "constraints.txt"]
DECISIVE += ["results/a.json", "benchmarks/results.json"]


@pytest.fixture
def project(tmp_path):
    """Return the root of a project with a library, pinned packages, stored results and one page."""
    for name in DECISIVE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    shutil.copy(ROOT / "package.json", tmp_path)
    (tmp_path / "index.md").write_text("# Title\n\nText.\n")
    (tmp_path / "_toc.yml").write_text("root: index\n")
    return tmp_path


def install(project, version=None):
    """Put files into node_modules as npm does."""
    pinned = json.loads((project / "package.json").read_text())["dependencies"]
    modules = project / "node_modules"
    for package, patterns in book.BROWSER_LIBRARIES.items():
        for pattern in patterns:
            path = modules / package / pattern.replace("*", "some")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{package} {pattern}")
    packages = {f"node_modules/{name}": {"version": version or pinned[name]} for name in pinned}
    (modules / ".package-lock.json").write_text(json.dumps({"packages": packages}))


@pytest.mark.parametrize("name", DECISIVE)
def test_the_digest_knows_every_file_that_decides_a_number(project, name):
    before = cache.digest(project)
    (project / name).write_text("changed")
    assert cache.digest(project) != before


def test_the_digest_knows_names_but_not_compiled_files_or_dates(project):
    before = cache.digest(project)
    (project / "lib" / "x.pyc").write_text("compiled")
    os.utime(project / "lib" / "__init__.py", (0, 0))
    assert cache.digest(project) == before
    (project / "lib" / "__init__.py").rename(project / "lib" / "other.py")
    assert cache.digest(project) != before


def test_libraries_count_only_if_npm_finished_and_the_versions_are_the_pinned_ones(project):
    with pytest.raises(LookupError, match="npm has not installed"):
        book.find_browser_libraries(project)
    install(project)
    files = book.find_browser_libraries(project)
    assert {package: len(paths) for package, paths in files.items()} == {
        package: len(patterns) for package, patterns in book.BROWSER_LIBRARIES.items()
    }
    install(project, version="0.0.1")
    with pytest.raises(LookupError, match=r"node_modules has \S+ 0\.0\.1, not "):
        book.find_browser_libraries(project)
    install(project)
    files["requirejs"][0].unlink()
    with pytest.raises(LookupError, match=r"requirejs lacks require\.js"):
        book.find_browser_libraries(project)


def test_the_cache_of_another_state_of_lib_is_deleted(project):
    app = SimpleNamespace(outdir=project / "_build" / "html", srcdir=project)
    config = SimpleNamespace()
    book.use_cache(app, config)
    first = Path(config.nb_execution_cache_path)
    first.mkdir(parents=True)
    book.use_cache(app, config)
    assert first.exists()
    (project / "lib" / "__init__.py").write_text("changed")
    book.use_cache(app, config)
    assert Path(config.nb_execution_cache_path).parent == first.parent
    assert not first.exists()


@quiet
def test_a_build_with_a_warning_fails_again_until_it_is_mended(project):
    assert build(project)[0] == 0
    (project / "index.md").write_text("# Title\n\n{ref}`nowhere`\n")
    for _ in range(2):
        code, errors = build(project)
        assert code != 0
        assert "nowhere" in errors
    (project / "index.md").write_text("# Title\n\nMended.\n")
    assert build(project)[0] == 0


COUNT = "import json; print(str(json.load(open('words.ipynb'))['cells']).count('word'))"


@quiet
def test_a_page_that_reads_a_notebook_knows_when_its_text_has_changed(project):
    (project / "index.md").unlink()
    index = notebook(new_markdown_cell("# Title"), new_code_cell(COUNT))
    (project / "index.ipynb").write_text(dumps(index))
    page = project / "_build" / "html" / "index.html"
    (project / "_toc.yml").write_text("root: index\nchapters:\n- file: words\n")
    for many in (3, 5):
        words = notebook(new_markdown_cell("# Title\n\n" + "word " * many), new_code_cell("print(1)"))
        words.metadata["orphan"] = True
        (project / "words.ipynb").write_text(dumps(words))
        assert build(project) == (0, "")
        assert f"<pre>{many}\n" in page.read_text()
    read = (project / "_build" / ".doctrees" / "index.doctree").stat().st_mtime_ns
    assert build(project) == (0, "")
    assert (project / "_build" / ".doctrees" / "index.doctree").stat().st_mtime_ns == read, "needlessly"


def without_its_file(folder):
    (entry,) = (folder / "executed").glob("*/base.ipynb")
    entry.unlink()


def with_half_a_file(folder):
    (entry,) = (folder / "executed").glob("*/base.ipynb")
    entry.write_text(entry.read_text()[:100])


def without_a_record(folder):
    (folder / "global.db").unlink()


def with_an_empty_database(folder):
    (folder / "global.db").write_bytes(b"")


def with_a_spoilt_database(folder):
    (folder / "global.db").write_bytes(b"SQLite format 3" + bytes(100))


DAMAGES = [
    without_its_file,
    with_half_a_file,
    without_a_record,
    with_an_empty_database,
    with_a_spoilt_database,
]


@quiet
def test_a_cache_that_was_being_written_when_the_build_was_killed_is_mended(project, subtests):
    page = notebook(new_markdown_cell("# Title"), new_code_cell("print(6 * 7)"))
    (project / "index.md").unlink()
    (project / "index.ipynb").write_text(dumps(page))
    assert build(project) == (0, "")
    for damage in DAMAGES:
        with subtests.test(damage.__name__):
            (folder,) = (project / "_build" / ".jupyter_cache").iterdir()
            damage(folder)
            # As a kill leaves it: the build did not end.
            (project / "_build" / ".doctrees" / "finished-without-warning").unlink()
            assert build(project) == (0, "")
            assert "42" in (project / "_build" / "html" / "index.html").read_text()


@quiet
def test_the_libraries_are_carried_while_they_are_installed(project):
    (project / "index.md").write_text("# Title\n\n$x^2$\n")
    static = project / "_build" / "html" / "_static"
    carried = static / "libraries"
    page = project / "_build" / "html" / "index.html"
    install(project)
    assert build(project)[0] == 0
    assert (carried / "mathjax" / "es5" / "tex-mml-chtml.js").exists()
    assert "libraries/mathjax" in page.read_text()
    shutil.rmtree(project / "node_modules")
    assert build(project)[0] == 0
    assert not carried.exists()
    assert "cdn.jsdelivr.net/npm/mathjax" in page.read_text()


@quiet
def test_a_deleted_page_leaves_the_built_book_and_so_do_source_maps(project):
    html = project / "_build" / "html"
    chapter = project / "chapters" / "01-a.b.md"
    chapter.parent.mkdir()
    chapter.write_text("---\norphan: true\n---\n# Chapter\n")
    (html / "_static").mkdir(parents=True)
    (html / "_static" / "theme.css.map").touch()
    assert build(project)[0] == 0
    assert (html / "chapters" / "01-a.b.html").exists()
    assert not (html / "_static" / "theme.css.map").exists()
    chapter.unlink()
    assert build(project)[0] == 0
    assert not (html / "chapters" / "01-a.b.html").exists()
    assert (html / "index.html").exists()
    assert (html / "genindex.html").exists()


@quiet
@pytest.mark.parametrize("builder", ["latex", "text", "dummy"])
def test_a_build_that_is_not_for_the_browser_ends_well(project, builder):
    assert build(project, builder) == (0, "")
