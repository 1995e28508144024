"""`make book`, killed at ten random moments, in a copy of the checkout: `make test-accidents`, up to an hour.

The folder of the copy has a space and a letter with dots in its name.  Nothing is installed: the copy has
the environment of the checkout.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import psutil

from tools.mutants import make_copy
from tools.notebooks import ROOT

KILLS = int(os.environ.get("KILLS", "10"))
LONGEST = float(os.environ.get("LONGEST", "60"))  # seconds until a kill
WHOLE = 3 * 3600  # seconds that a build may take on a busy machine
# The installations that the Makefile would look after are none of this test's business.
BOOK = ["make", "-o", ".venv/.installed", "-o", "node_modules/.package-lock.json", "book"]


def test_a_book_whose_build_was_killed_is_built_by_the_next(tmp_path):
    copy = make_copy(tmp_path / "a bük")
    (copy / ".venv").symlink_to(ROOT / ".venv")
    if (ROOT / "node_modules").exists():
        shutil.copytree(ROOT / "node_modules", copy / "node_modules")
    before = {path: path.read_bytes() for path in copy.rglob("*.ipynb")}
    moments = [random.SystemRandom().uniform(1, LONGEST) for _ in range(KILLS)]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    for moment in moments:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(BOOK, cwd=copy, env=environment, start_new_session=True, **quiet)
        time.sleep(moment)
        assert process.poll() is None, f"the build ended before it could be killed after {moment:.1f} s"
        started = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(started, timeout=60)
        assert not alive, f"killed after {moment:.1f} s"
        executed = len(list(copy.glob("_build/.jupyter_cache/*/executed/*/base.ipynb")))
        print(f"killed after {moment:.1f} s, with {executed} notebooks in the cache", flush=True)
    run = subprocess.run(
        BOOK, cwd=copy, env=environment, capture_output=True, text=True, timeout=WHOLE, check=False
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    pages = {path.relative_to(copy).with_suffix(".html") for path in before}
    assert not [page for page in pages if not (copy / "_build" / "html" / page).exists()]
    assert {path: path.read_bytes() for path in before} == before
    assert not list(copy.rglob("*.new"))
