"""Notebooks are executed here: one, or many side by side.

`make test` has a way of its own, pytest's processes: see `tools.nbval_side_by_side`.
"""

import copy
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

import joblib
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from lib.experiments.sweeps import end_with
from tools.notebooks import CELL_TIMEOUT, KERNEL_TIMEOUT, ROOT

# What a kernel is told that does not have the machine to itself.  joblib.cpu_count obeys: a sweep takes one
# process, and its results are the same.
SHARED = {"LOKY_MAX_CPU_COUNT": "1"}


class Seldom:
    """Tells whether it is time to say something again."""

    def __init__(self, seconds: float = 30) -> None:
        self.seconds, self.last = seconds, time.monotonic()

    def due(self) -> bool:
        """Return whether so much time has passed, and begin anew if so."""
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


def execute(
    path: Path, notebook: NotebookNode, timeout: int = CELL_TIMEOUT, widgets: bool = False
) -> NotebookNode:
    """Return ``notebook`` with the outputs of a fresh kernel that runs in the folder of ``path``.

    No cell may take longer than ``timeout`` seconds.  With ``widgets``, their state is kept.

    Raises
    ------
    RuntimeError
        If a cell raises, takes too long, kills the kernel or writes to standard error.
    """
    seldom = Seldom()

    def say_how_far(cell: NotebookNode, cell_index: int) -> None:
        if seldom.due():
            print(f"{name(path)}: cell {cell_index + 1} of {len(notebook.cells)}", flush=True)

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        startup_timeout=KERNEL_TIMEOUT,
        iopub_timeout=KERNEL_TIMEOUT,
        raise_on_iopub_timeout=True,
        resources={"metadata": {"path": str(path.resolve().parent)}},
        record_timing=False,
        store_widget_state=widgets,
        coalesce_streams=True,
        on_cell_complete=say_how_far,
    )
    try:
        executed = client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(str(error).strip()) from error
    for number, cell in enumerate(executed.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"cell {number} wrote to standard error:\n{output.text}")
    return executed


def name(path: Path) -> str:
    """Return a notebook's name as one would type it."""
    return os.path.relpath(path, ROOT) if path.resolve().is_relative_to(ROOT) else str(path)


class Recorder:
    """Makes an executed notebook of what a kernel says, in the way of nbclient, which is the build's."""

    def __init__(self, notebook: NotebookNode, kernel_client: object) -> None:
        self.notebook = copy.deepcopy(notebook)
        self.cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        for cell in self.cells:
            cell.outputs, cell.execution_count = [], None
        self.client = NotebookClient(self.notebook, record_timing=False)
        self.client.kc = kernel_client  # an Output widget answers
        self.owner: dict[str, int] = {}  # request -> the cell that made it
        self.current = 0

    def begin(self, number: int) -> None:
        """Note that a code cell begins."""
        self.current, self.client.clear_before_next_output = number, False

    def hear(self, message: dict) -> None:
        """Take a message of the kernel."""
        number = self.owner.setdefault(message["parent_header"].get("msg_id"), self.current)
        with suppress(CellExecutionComplete):
            self.client.process_message(message, self.cells[number], number)

    def executed(self) -> NotebookNode:
        """Return the notebook, with the numbers of its cells: nbval's requests are not counted."""
        for number, cell in enumerate(self.cells, 1):
            cell.execution_count = number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number
        self.client.set_widgets_metadata()
        return self.notebook


def cores() -> int:
    """Return how many cores there are for us: fewer than the machine has, in a container or under taskset."""
    return joblib.cpu_count()


def environment(many: bool) -> dict[str, str]:
    """Return what to add to the environment of kernels, as many at a time as there are cores, or of one."""
    return {key: os.environ.get(key, value) for key, value in SHARED.items()} if many else {}


def side_by_side(
    pool: Executor,
    run: Callable[[Any], Any],
    tasks: Iterable[Any],
    room: int,
    weight: Callable[[Any], int] = lambda task: 1,
) -> Iterator[tuple[Any, Future]]:
    """Run tasks in a pool, in their order where there is room, and yield each with its future when it ends.

    What needs more room than there is runs alone.
    """
    waiting, running = list(tasks), {}
    while waiting or running:
        for task in list(waiting):
            if not running or sum(map(weight, running.values())) + weight(task) <= room:
                waiting.remove(task)
                running[_submit(pool, run, task)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future


def _submit(pool: Executor, run: Callable[[Any], Any], task: Any) -> Future:
    """Submit a task; where a process of the pool was killed, it fails as those that were running."""
    try:
        return pool.submit(run, task)
    except BrokenExecutor as error:
        future: Future = Future()
        future.set_exception(error)
        return future


class _Process(SpawnProcess):
    """A process that hears no Ctrl-C before it can leave it to its parent."""

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(SpawnContext):
    """Starts processes the same way on every Python and system.

    Forking would be faster, but Python 3.14 forks from a server, which is not the parent that `end_with`
    watches; and a process with threads, NumPy's for instance, had better not be forked.
    """

    Process = _Process


def processes(workers: int) -> AbstractContextManager[Executor]:
    """Give a pool of processes that leave Ctrl-C to this one, and end with it."""
    begin = {"mp_context": _Context(), "initializer": _begin, "initargs": (os.getpid(), workers > 1)}
    return abandoned(ProcessPoolExecutor(workers, **begin))


@contextmanager
def abandoned(pool: Executor) -> Iterator[Executor]:
    """Give a pool that an exception, such as Ctrl-C, closes at once, with all processes begun since.

    First they are asked to end, since one that executes a notebook then ends its kernel, and later killed.
    """
    others = set(psutil.Process().children())
    with pool:
        try:
            yield pool
        except BaseException:
            closing = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True})
            closing.start()
            asked, end = set(), time.monotonic() + 10
            while closing.is_alive():
                for child in set(psutil.Process().children()) - others:
                    with suppress(psutil.NoSuchProcess):
                        if time.monotonic() > end:
                            child.kill()
                        elif child not in asked:
                            asked.add(child)
                            child.terminate()
                closing.join(0.1)
            raise


def _begin(parent: int, many: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # for the kernels
    end_with(parent)
    os.environ.update(environment(many))
