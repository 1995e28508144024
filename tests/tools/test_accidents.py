"""What kills, full disks and read-only folders leave: nothing half-written, and one line that says why."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import psutil
import pytest
from helpers import PATIENCE, wait_until
from nbformat.v4 import new_code_cell
from notebook_parts import notebook

from tools import book
from tools.mutants import read_mutants
from tools.notebooks import ROOT, dumps, unfinished, write


def command(*arguments, **options):
    """Start a module of the checkout, as make does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def succeed(*arguments):
    """Run a module to its end."""
    process = command(*arguments)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error


def complaint(*arguments, **options):
    """Return the exit code of a module and the one line that it writes to standard error."""
    process = command(*arguments, **options)
    _, error = process.communicate(timeout=PATIENCE)
    assert len(error.splitlines()) == 1, error
    return process.returncode, error.strip()


def building(folder):
    """Return the module and arguments that build a book."""
    return ["sphinx", "-C", "-q", "-D", "extensions=myst_nb,tools.book", folder, folder / "_build" / "html"]


def small_files():
    """Let no file of this process grow beyond 5000 bytes: a disk that is full there."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))


def hears_ctrl_c():
    """Listen to Ctrl-C also where the shell's & has switched it off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def read_only(folder):
    """Make a folder read-only, for root as well."""
    if os.geteuid():
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    if subprocess.run(["mount", "--bind", folder, folder], check=False, capture_output=True).returncode:
        pytest.skip("root may write everywhere, and may not mount here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def kill(process):
    """Kill a process as the system does when memory is short; what it started must end by itself."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(started, timeout=PATIENCE)
    assert not alive


# Not one long line, over which nbclient would take the square of its length.
LARGE = "print(chr(10).join(map(str, range({}))))"


def save(path, source):
    path.write_text(dumps(notebook(new_code_cell(source, id="cell"))), encoding="utf-8")


def test_a_refresh_that_is_killed_leaves_the_old_notebook_or_the_new_one(tmp_path):
    path = tmp_path / "a.ipynb"
    save(path, LARGE.format(100_000))
    start = time.monotonic()
    succeed("tools.refresh", path)
    whole = time.monotonic() - start
    new = path.read_text(encoding="utf-8")
    save(path, LARGE.format(100_000))
    old = path.read_text(encoding="utf-8")
    assert old != new
    for k in range(6):
        save(path, LARGE.format(100_000))
        process = command("tools.refresh", path)
        try:
            process.communicate(timeout=whole * random.Random(k).uniform(0.2, 1.1))
        except subprocess.TimeoutExpired:
            kill(process)
        assert path.read_text(encoding="utf-8") in (old, new)
    unfinished(path).write_text("half of it", encoding="utf-8")
    succeed("tools.refresh", path)
    assert path.read_text(encoding="utf-8") == new
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_ends_a_refresh_in_one_line(tmp_path):
    path, begun = tmp_path / "a.ipynb", tmp_path / "begun"
    save(path, f"import time; open({str(begun)!r}, 'w'); time.sleep({PATIENCE})")
    before = path.read_text(encoding="utf-8")
    process = command("tools.refresh", path, start_new_session=True, preexec_fn=hears_ctrl_c)
    wait_until(begun.exists, "its cell runs", process)
    started = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert error.strip() == "refresh: interrupted; what was finished is stored"
    assert not psutil.wait_procs(started, timeout=PATIENCE)[1]
    assert path.read_text(encoding="utf-8") == before


WRITER = """
import sys
from pathlib import Path
from tools.notebooks import unfinished, write
path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    for letter in "ab":
        unfinished(path).unlink(missing_ok=True)
        write(path, letter * 3_000_000)
"""


def test_a_notebook_is_never_half_written(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text("a", encoding="utf-8")
    moments, begun = random.Random(0), []

    def was_killed_while_writing():
        arguments = [sys.executable, "-c", WRITER, path]
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(moments.uniform(0.01, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        text = path.read_text(encoding="utf-8")
        assert text in ("a", "a" * 3_000_000, "b" * 3_000_000)
        begun.append(unfinished(path).exists())
        return len(begun) >= 12 and any(begun)

    wait_until(was_killed_while_writing, "a kill comes while a file is being written")


def test_two_that_write_the_same_notebook_cannot_mix(tmp_path):
    path = tmp_path / "a.ipynb"
    write(path, "one")
    unfinished(path).write_text("of another", encoding="utf-8")
    with pytest.raises(OSError, match=f"cannot write {path}: File exists"):
        write(path, "two")
    assert path.read_text(encoding="utf-8") == "one"
    assert unfinished(path).read_text(encoding="utf-8") == "of another"


def test_a_full_disk_is_named_in_one_line(tmp_path, subtests):
    path = tmp_path / "a.ipynb"
    save(path, LARGE.format(50_000))
    before = path.read_text(encoding="utf-8")
    with subtests.test("refresh"):
        code, error = complaint("tools.refresh", path, preexec_fn=small_files)
        assert (code, error) == (1, f"refresh: cannot write {path}: File too large")
        assert path.read_text(encoding="utf-8") == before
        assert list(tmp_path.iterdir()) == [path]
    with subtests.test("sweeps"):
        output = tmp_path / "sweep.json"
        sizes = ["--members", 20, "--n-train", 100, "--n-test", 100, "--epochs", 20, "--every", 1]
        sweep = ["lib.experiments", "double-descent", "--widths", 2, *sizes, "--output", output]
        process = command(*sweep, preexec_fn=small_files)
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert error.splitlines()[-1] == f"sweeps: cannot write {output}: File too large"
        assert "Traceback" not in error
        assert not output.exists()
    with subtests.test("mutants"):
        if not (ROOT / ".git").exists():
            pytest.skip("git tells what to copy")
        name = read_mutants()[0]["name"]
        arguments = ["tools.mutants", "--only", name, "--skip-chapters"]
        code, error = complaint(*arguments, preexec_fn=small_files)
        assert code == 2
        assert error.startswith("mutants: [Errno 27] File too large: ")
        assert error.count(str(ROOT)) == 1
    with subtests.test("book"):
        for name in ("requirements.txt", "constraints.txt"):
            (tmp_path / name).touch()
        (tmp_path / "index.md").write_text("# Title\n", encoding="utf-8")
        (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n", encoding="utf-8")
        code, error = complaint(*building(tmp_path), preexec_fn=small_files)
        html = tmp_path / "_build" / "html"
        assert (code, error) == (1, f"book: cannot write into the folder {html}: File too large")


def test_a_disk_without_room_for_a_book_is_named_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(book.shutil, "disk_usage", lambda folder: SimpleNamespace(free=199_999_999))
    with pytest.raises(SystemExit, match=f"book: a build needs 200 MB, and {tmp_path} has 199 MB left"):
        book.stop_unless_writable(tmp_path / "_build" / "html")


def test_a_read_only_folder_is_named_in_one_line(tmp_path, subtests):
    path = tmp_path / "a.ipynb"
    save(path, "1")
    commands = {
        "refresh": ["tools.refresh", path],
        "sweeps": ["lib.experiments", "double-descent", "--widths", 2, "--output", tmp_path / "a.json"],
        "benchmarks": ["benchmarks", "--output", tmp_path / "a.json"],
    }
    (tmp_path / "index.md").write_text("# Title\n", encoding="utf-8")
    commands["book"] = building(tmp_path)
    with read_only(tmp_path):
        for name, arguments in commands.items():
            with subtests.test(name):
                code, error = complaint(*arguments)
                assert code in (1, 2)
                assert error.startswith(f"{name}: cannot write into the folder {tmp_path}: ")
                assert error.endswith(("Read-only file system", "Permission denied"))


def test_a_folder_that_can_be_written_is_no_obstacle(tmp_path):
    book.stop_unless_writable(tmp_path / "_build" / "html")
    assert list(tmp_path.iterdir()) == []
