"""A real JupyterLab on a copy of the book, and a headless Chromium that sees nothing but it."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from lab import Lab
from playwright.sync_api import Browser

from tools.chromium import chromium
from tools.notebooks import ROOT

NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "_build", "node_modules", "*.egg-info")
QUIET = {  # JupyterLab would look for news and newer versions on the network
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the machine's Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the book: what is run there changes nothing here."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("lab") / "book", ignore=NOT_COPIED))


@pytest.fixture(scope="session")
def server(root: Path) -> Iterator[str]:
    """Start JupyterLab as `make lab` does, on a free port; return its address with its token."""
    state = root.parent
    for name, settings in QUIET.items():
        file = state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MPLCONFIGDIR")},
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
    }
    options = [
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.extension_manager=readonly",
    ]
    log = state / "lab.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.lab", *options],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait(f"{address}/api", process, log)
            yield f"{address}/lab?token={token}"
        finally:
            process.terminate()
            process.wait(60)


def _wait(address: str, process: subprocess.Popen, log: Path, patience: float = 120) -> None:
    end = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < end:
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text()}")


@pytest.fixture(scope="session")
def lab(browser: Browser, server: str) -> Iterator[Lab]:
    """Open JupyterLab in a window of its own; what is not on this machine fails."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.route(
        lambda url: not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url),
        lambda route: route.abort(),
    )
    lab = Lab(context.new_page(), server)
    yield lab
    context.close()
