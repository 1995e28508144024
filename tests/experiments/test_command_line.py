"""The command line of what takes long: what it prints, stores and refuses, and that Ctrl-C loses nothing."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers import PATIENCE, entry_of, equal, wait_until

from lib.experiments import command_line, double_descent, sweeps
from lib.experiments.double_descent import Setting, train
from lib.experiments.sweeps import dependencies, fingerprint

ROOT = Path(__file__).parents[2]
SETTINGS = [Setting(width, members=2, n_train=100, n_test=100, epochs=3, every=1) for width in (9, 2, 5, 30)]
COMMAND = ["double-descent", "--members", "2", "--n-train", "100", "--n-test", "100", "--epochs", "3"]
COMMAND += ["--every", "1", "--alpha", "0.2", "--jobs", "1"]
WIDTHS = ["--widths", "9", "2", "5", "30"]


def start(*arguments):
    """Start the command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "lib.experiments", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's & switches off
        cwd=ROOT,
    )


def test_the_command_prints_a_table_and_stores_results(tmp_path, capsys):
    output = tmp_path / "out.json"
    serial = [train(setting) for setting in SETTINGS]
    assert command_line.main([*COMMAND, *WIDTHS, "--output", str(output)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0].split() == ["width", "parameters", "train", "error", "%", "test", "error", "%"]
    for line, setting, history in zip(lines[1:], SETTINGS, serial, strict=True):
        width, n, *numbers = line.replace("±", "").split()
        assert (int(width), int(n)) == (setting.width, double_descent.n_parameters(setting.width))
        last = [history[name][-1] * 100 for name in ("train_error", "test_error")]
        expected = [f(errors) for errors in last for f in (np.mean, partial(np.std, ddof=1))]
        np.testing.assert_allclose([float(number) for number in numbers], expected, atol=0.0051)
    stored = json.loads(output.read_text(encoding="utf-8"))
    assert stored["numpy"] == np.__version__
    assert stored["code"] == fingerprint(dependencies(train))
    for run, setting, history in zip(stored["runs"], SETTINGS, serial, strict=True):
        assert Setting(**run["setting"]) == setting
        for name in history:
            assert run[name] == history[name].tolist()


def test_one_member_has_no_spread(capsys):
    assert command_line.main([*COMMAND, "--widths", "3", "--members", "1"]) == 0
    assert "±" not in capsys.readouterr().out


def test_the_defaults_are_the_published_experiment():
    options = command_line._parser().parse_args(["double-descent"])
    settings = command_line._plan(options)
    assert len(settings) == 28
    assert settings[0] == Setting(width=2, epochs=1000, alpha=0.1)
    assert (settings[-1].width, sum(setting.width for setting in settings)) == (400, 2515)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--widths", "4", "0"], "width must be at least 1, but it is 0"),
        (["--widths", "4", "4"], "widths must be different"),
        (["--batch-size", "101"], "batch_size must be at most n_train, 100, but it is 101"),
        (["--n-test", "101"], "n_train + n_test must be a multiple of 10"),
        (["--label-noise", "1.5"], "label_noise must lie in [0, 1]"),
        (["--beta", "1"], "beta must lie in [0, 1)"),
        (["--dtype", "int"], "dtype must be"),
        (["--every", "2"], "every must divide epochs"),
        (["--jobs", "0"], "jobs must be at least 1"),
        (["--output", "{tmp}/none/out.json"], "cannot write into the folder {tmp}/none: No such file"),
        (["--output", "{tmp}"], "output must be a file"),
        (["--output", "{tmp}/file/out.json"], "cannot write into the folder {tmp}/file: Not a directory"),
        (["--cache", "{tmp}/file"], "{tmp}/file"),
    ],
)
def test_wrong_arguments_are_found_before_the_work(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(command_line, "sweep", None)
    (tmp_path / "file").touch()
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    assert command_line.main([*COMMAND, *filled]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sweeps: ")
    assert message.replace("{tmp}", str(tmp_path)) in err


@pytest.mark.parametrize("arguments", [[], ["triple-descent"], ["double-descent", "--widths", "2.5"]])
def test_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as exit:
        command_line.main(arguments)
    assert exit.value.code == 2
    assert "usage: python -m lib.experiments" in capsys.readouterr().err


def test_a_rate_that_is_too_large_fails_with_its_width(capsys):
    assert command_line.main([*COMMAND, "--widths", "3", "--alpha", "1e200", "--batch-size", "10"]) == 1
    err = capsys.readouterr().err
    assert "1 of 1 settings failed\nSetting(width=3," in err
    assert "the learning rate is too large" in err


def test_a_file_that_cannot_be_written_is_named(tmp_path, capsys, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    for module in (command_line, sweeps):
        monkeypatch.setattr(module, "write_atomically", full)
    for option in ("--output", "--cache"):
        assert command_line.main([*COMMAND, "--widths", "3", option, str(tmp_path / "new")]) == 1
        err = capsys.readouterr().err
        assert "sweeps: [Errno 28] No space left on device" in err
        assert str(tmp_path / "new") in err
        assert "Traceback" not in err


def test_results_are_stored_before_they_are_printed(tmp_path, monkeypatch):
    def closed(*_):
        raise BrokenPipeError

    monkeypatch.setattr(command_line, "_table", closed)
    command_line.main([*COMMAND, "--widths", "2", "--output", str(tmp_path / "out.json")])
    assert (tmp_path / "out.json").exists()


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_command_loses_nothing_that_was_finished(tmp_path, kill):
    # The first width would take hours; the signal comes when one of those beside it is done.
    cache = tmp_path / "cache"
    small = [*COMMAND, "--epochs", "1000", "--every", "500", "--cache", str(cache), "--widths"]
    widths = ["20", "21", "22", "23"]
    process = start(*small, "4000", *widths, "--jobs", "2")
    children = []
    try:
        wait_until(lambda: list(cache.glob("train-*")), "a result is kept", process)
        children = psutil.Process(process.pid).children(recursive=True)
        kept = {path: path.read_bytes() for path in cache.glob("train-*")}
        # Ctrl-C reaches the whole group, kill -9 the command alone.
        os.killpg(process.pid, kill) if kill == signal.SIGINT else process.kill()
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        alive = [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
        for child in alive:
            child.kill()
    assert not alive
    assert out == ""
    if kill == signal.SIGINT:
        assert process.returncode == 130
        assert f"interrupted; what was finished is in {cache}: the same command goes on from there" in err
        assert "Traceback" not in err

    again = start(*small, *widths)
    out, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:]] == widths
    assert kept.items() <= {path: path.read_bytes() for path in cache.glob("train-*")}.items()
    for setting in (Setting(width, 2, 100, 100, epochs=1000, every=500) for width in (20, 23)):
        kept_history = sweeps._read(entry_of(cache, train, setting))
        assert equal([kept_history], [train(setting)])


def test_the_command_of_the_page_is_understood():
    page = (ROOT / "appendix" / "beyond-one-machine.md").read_text(encoding="utf-8")
    first = re.search(r"^```sh\n(.*?)^```$", page, re.M | re.S)[1]
    program, *commands = first.strip().split("python -m lib.experiments ")
    assert program == ""
    options = command_line._parser().parse_args(commands[0].split())
    assert (options.jobs, options.cache) == (2, Path("sweeps"))
