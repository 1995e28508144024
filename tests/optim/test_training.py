"""Batches that reach every row, and records of runs."""

from functools import partial
from itertools import islice

import numpy as np
import pytest
from helpers import take
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from tqdm.std import tqdm

from lib.optim import training
from lib.optim.optimizers import sgd
from lib.optim.training import (
    DivergenceError,
    early_stopping,
    minibatches,
    random_batches,
    record,
    stochastic,
    trajectory,
)

both_samplers = pytest.mark.parametrize("sampler", [minibatches, random_batches])


def halving():
    """Return the iterates 8, 4, 2, ...: sgd on theta^2 with rate 1/4."""
    return sgd(lambda theta: 2 * theta, [8.0], alpha=0.25)


# --- Batches ---


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [(6, 2, [2, 2, 2]), (7, 3, [3, 3, 1]), (5, 4, [4, 1]), (5, 5, [5]), (3, 1, [1, 1, 1])],
)
def test_every_epoch_has_every_row_once(rng, n, batch_size, sizes):
    batches = minibatches(np.arange(n), batch_size=batch_size, rng=rng)
    for _ in range(4):
        epoch = [rows for (rows,) in islice(batches, len(sizes))]
        assert [len(rows) for rows in epoch] == sizes
        assert sorted(np.concatenate(epoch)) == list(range(n))


def test_each_epoch_has_a_new_order(rng):
    batches = minibatches(np.arange(20), batch_size=20, rng=rng)
    orders = {tuple(rows) for (rows,) in islice(batches, 10)}
    assert len(orders) == 10
    assert tuple(range(20)) not in orders


def test_each_epoch_draws_one_permutation():
    batches = minibatches(np.arange(5), batch_size=2, rng=np.random.default_rng(4))
    again = np.random.default_rng(4)
    for _ in range(3):
        epoch = np.concatenate([rows for (rows,) in islice(batches, 3)])
        np.testing.assert_array_equal(epoch, again.permutation(5))


def test_random_batches_draw_rows_with_replacement():
    batches = random_batches(np.arange(5), batch_size=8, rng=np.random.default_rng(4))
    again = np.random.default_rng(4)
    drawn = []
    for _ in range(500):
        (rows,) = next(batches)
        np.testing.assert_array_equal(rows, again.integers(5, size=8))
        drawn.append(rows)
    # Of 4000 draws each row gets 800, with standard deviation sqrt(4000 * 0.2 * 0.8) = 25.
    assert (np.abs(np.bincount(np.concatenate(drawn), minlength=5) - 800) < 4 * 25.3).all()


@pytest.mark.parametrize("members", [1, 4])
def test_each_member_has_every_row_once_an_epoch_in_its_own_order(rng, members):
    batches = minibatches(np.arange(20), batch_size=7, rng=rng, members=members)
    for _ in range(3):
        epoch = [rows for (rows,) in islice(batches, 3)]
        assert [rows.shape for rows in epoch] == [(members, 7), (members, 7), (members, 6)]
        orders = np.concatenate(epoch, axis=1)
        assert len({tuple(order) for order in orders}) == members
        for order in orders:
            assert sorted(order) == list(range(20))


def test_each_member_draws_its_own_rows(rng):
    (rows,) = next(random_batches(np.arange(20), batch_size=30, rng=rng, members=4))
    assert rows.shape == (4, 30)
    assert len({tuple(row) for row in rows}) == 4


@both_samplers
@pytest.mark.parametrize("members", [None, 3])
def test_arrays_stay_aligned(sampler, rng, members):
    X = rng.normal(size=(11, 3))
    batches = sampler(X, X.sum(axis=1), batch_size=4, rng=rng, members=members)
    for rows, sums in islice(batches, 12):
        np.testing.assert_array_equal(rows.sum(axis=-1), sums)


@both_samplers
def test_the_generator_alone_decides(sampler):
    runs = [
        [
            rows.tolist()
            for (rows,) in islice(sampler(np.arange(9), batch_size=4, rng=np.random.default_rng(s)), 9)
        ]
        for s in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


@both_samplers
def test_batches_are_copies(sampler, rng):
    X = np.arange(6.0)
    (batch,) = next(sampler(X, batch_size=6, rng=rng))
    batch[:] = -1
    assert X.tolist() == [0, 1, 2, 3, 4, 5]


@both_samplers
@pytest.mark.parametrize(
    ("arrays", "batch_size", "name"),
    [
        ((np.zeros(4),), 0, "batch_size"),
        ((np.zeros(4),), -1, "batch_size"),
        ((np.zeros(4),), 2.0, "batch_size"),
        ((np.zeros(4),), True, "batch_size"),
        ((np.zeros(4), np.zeros(3)), 2, "arrays"),
        ((np.zeros((0, 2)),), 1, "arrays"),
        ((), 1, "arrays"),
    ],
)
def test_bad_arguments_are_named_at_the_call(sampler, rng, arrays, batch_size, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        sampler(*arrays, batch_size=batch_size, rng=rng)


@both_samplers
@pytest.mark.parametrize("members", [0, -1, 1.0])
def test_bad_members_are_named_at_the_call(sampler, rng, members):
    with pytest.raises(ValueError, match=r"^members must"):
        sampler(np.zeros(4), batch_size=1, rng=rng, members=members)


def test_a_batch_larger_than_the_data(rng):
    with pytest.raises(
        ValueError, match="batch_size must be at most the number of rows in arrays or rows, 4, not 5"
    ):
        minibatches(np.zeros(4), batch_size=5, rng=rng)
    # With replacement there is nothing wrong with it.
    assert len(next(random_batches(np.zeros(4), batch_size=5, rng=rng))[0]) == 5


def test_stochastic_takes_one_batch_for_each_gradient():
    batches = iter([(np.array(1.0), np.array(10.0)), (np.array(2.0), np.array(20.0))])
    gradient = stochastic(lambda theta, a, b: theta * a + b, batches)
    assert gradient(3.0) == 13.0
    assert gradient(3.0) == 26.0


def test_the_batches_of_an_epoch_average_to_the_full_gradient(rng):
    # If the batch size divides n: else the rows of the last batch would weigh more.
    y = rng.normal(size=12)
    gradient = stochastic(lambda theta, y: 2 * (theta - y.mean()), minibatches(y, batch_size=3, rng=rng))
    assert np.mean([gradient(0.5) for _ in range(4)]) == pytest.approx(2 * (0.5 - y.mean()), rel=1e-13)


# --- Records ---


def test_record_starts_at_zero_and_ends_at_the_last_step():
    theta, history = record(halving(), 3, square=lambda theta: theta.item() ** 2, both=lambda theta: [1, 2])
    assert theta.tolist() == [1]
    assert list(history) == ["t", "square", "both"]
    assert history["t"].tolist() == [0, 1, 2, 3]
    assert history["square"].tolist() == [64, 16, 4, 1]
    assert history["both"].shape == (4, 2)


@pytest.mark.parametrize(
    ("n_steps", "every", "t"), [(6, 3, [0, 3, 6]), (7, 3, [0, 3, 6]), (2, 5, [0]), (0, 1, [0])]
)
def test_record_keeps_every_so_many(n_steps, every, t):
    theta, history = record(halving(), n_steps, every, theta=lambda theta: theta.item())
    assert history["t"].tolist() == t
    assert history["theta"].tolist() == [8 / 2**k for k in t]
    assert theta.item() == 8 / 2**n_steps


def test_record_takes_no_more_gradients_than_steps():
    calls = []
    record(sgd(lambda theta: calls.append(1) or theta, [1.0], 0.1), 5)
    assert len(calls) == 5


def test_trajectory_stacks_all_iterates():
    assert trajectory(halving(), 3).tolist() == [[8], [4], [2], [1]]
    ensemble = trajectory(sgd(lambda theta: theta, np.ones((2, 3)), 0.5), 4)
    assert ensemble.shape == (5, 2, 3)


def test_a_run_that_diverges_says_at_which_step():
    # theta is multiplied by 1 - 1e100 a step: 1e0, -1e100, 1e200, -1e300, overflow at step 4.
    for run in (record, trajectory):
        with pytest.raises(DivergenceError, match="theta is no longer finite at step 4: the learning rate"):
            run(sgd(lambda theta: 1e100 * theta, [1.0], alpha=1.0), 10)
    # One member of an ensemble is enough, and a run that stops in time is none.
    start = np.array([[0.0], [1.0]])
    with pytest.raises(DivergenceError, match="step 4"):
        record(sgd(lambda theta: 1e100 * theta, start, alpha=1.0), 10)
    record(sgd(lambda theta: 1e100 * theta, [1.0], alpha=1.0), 3)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_steps": -1}, "n_steps"),
        ({"n_steps": 2.0}, "n_steps"),
        ({"every": 0}, "every"),
        ({"t": sum}, '"t"'),
    ],
)
def test_bad_arguments_of_record_are_named(arguments, name):
    with pytest.raises(ValueError, match=name):
        record(halving(), **{"n_steps": 3, **arguments})


def test_what_is_wrong_from_the_start_is_not_the_rate_s_fault():
    for run in (
        lambda: record(iter([np.array([np.inf])]), 0),
        lambda: trajectory(iter([np.array([np.nan])]), 0),
    ):
        with pytest.raises(DivergenceError, match=r"^theta is not finite at the start$"):
            run()
    with pytest.raises(DivergenceError, match=r"^loss is not finite at the start$"):
        record(halving(), 3, loss=lambda theta: np.nan)


@pytest.mark.parametrize("value", ["text", None, [1.0, [2.0]]])
def test_a_metric_that_is_no_number_is_named(value):
    with pytest.raises(ValueError, match=r"^loss must"):
        record(halving(), 3, loss=lambda theta: value)


def test_a_metric_that_changes_its_shape_is_named():
    with pytest.raises(ValueError, match=r"^loss must"):
        record(halving(), 3, loss=lambda theta: np.ones(int(theta[0])))


def test_bad_arguments_of_trajectory_are_named():
    with pytest.raises(ValueError, match="n_steps must be at least 0"):
        trajectory(halving(), -1)


def test_the_progress_bar_goes_to_stderr_and_changes_nothing(capsys, monkeypatch):
    monkeypatch.setattr(training, "tqdm", partial(tqdm, disable=False))
    theta, history = record(halving(), 3, progress="halving", theta=lambda theta: theta.item())
    assert theta.item() == 1
    assert history["theta"].tolist() == [8, 4, 2, 1]
    out, err = capsys.readouterr()
    assert out == ""
    assert "halving" in err
    # leave=False: the bar is wiped, so that the last thing written is a blank line's start.
    assert err.endswith("\r")


@pytest.mark.parametrize("disable", ["", "1"])
def test_a_notebook_shows_the_progress_bar_unless_the_environment_forbids_it(monkeypatch, disable):
    monkeypatch.setenv("TQDM_DISABLE", disable)
    cell = """from lib.optim.optimizers import sgd
from lib.optim.training import record
theta, _ = record(sgd(lambda theta: 2 * theta, [8.0], alpha=0.25), 3, progress="halving")
print(theta)"""
    notebook = new_notebook(cells=[new_code_cell(cell)])
    NotebookClient(notebook, kernel_name="python3").execute()
    texts = {"stdout": "", "stderr": ""}
    for output in notebook.cells[0].outputs:
        texts[output.name] += output.text
    assert texts["stdout"] == "[1.]\n"
    assert ("halving" in texts["stderr"]) == (not disable)


def test_without_a_label_there_is_no_progress_bar(capsys, monkeypatch):
    monkeypatch.setattr(training, "tqdm", partial(tqdm, disable=False))
    record(halving(), 3)
    assert capsys.readouterr() == ("", "")


def test_iterates_of_a_batch_gradient_are_taken_in_order(rng):
    batches = minibatches(np.arange(4.0), batch_size=1, rng=np.random.default_rng(5))
    order = np.random.default_rng(5).permutation(4)
    thetas = take(sgd(stochastic(lambda theta, x: x, batches), [0.0], alpha=1.0), 5)
    np.testing.assert_array_equal(np.diff(thetas, axis=0)[:, 0], -order)


def test_a_metric_that_overflows_is_reported_by_name_and_step():
    iterates = sgd(lambda theta: 2 * theta, [1.0], alpha=10)
    with pytest.raises(DivergenceError, match=r"^loss is no longer finite at step 150"):
        record(iterates, 200, 50, loss=lambda theta: theta**2)


# --- Rows of one's own ---


def test_batches_of_given_rows_visit_these_and_as_often_as_given(rng):
    rows = np.array([[0, 0, 3, 5, 7], [1, 2, 2, 2, 9]])
    batches = minibatches(np.arange(10), batch_size=2, rng=rng, rows=rows)
    for _ in range(3):
        epoch = [batch for (batch,) in islice(batches, 3)]
        assert [batch.shape for batch in epoch] == [(2, 2), (2, 2), (2, 1)]
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch, axis=1)), rows)
    np.testing.assert_array_equal(rows, [[0, 0, 3, 5, 7], [1, 2, 2, 2, 9]])


def test_all_rows_are_the_default():
    whole, given = (
        take(minibatches(np.arange(7), batch_size=3, rng=np.random.default_rng(2), rows=rows), 6)
        for rows in (None, np.arange(7))
    )
    for (a,), (b,) in zip(whole, given, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"rows": np.array([0, 5])}, "rows"),
        ({"rows": np.array([-1, 2])}, "rows"),
        ({"rows": np.array([0.0, 2.0])}, "rows"),
        ({"rows": np.array([], int)}, "rows"),
        ({"rows": np.array(3)}, "rows"),
        ({"rows": np.array([[0, 1]]), "members": 1}, "rows"),
        ({"rows": np.array([1])}, "batch_size"),
    ],
)
def test_bad_rows_are_named(rng, more, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        minibatches(np.arange(5), batch_size=2, rng=rng, **more)


# --- Early stopping ---


def scored(*scores):
    """Return iterates 0, 1, 2, ... and a score of them that counts its calls."""
    calls = []

    def score(theta):
        calls.append(int(theta[0]))
        return np.array(scores[int(theta[0])])

    return iter(np.arange(float(len(scores)))[:, None]), score, calls


def test_the_best_iterate_is_returned_not_the_last():
    iterates, score, calls = scored(5.0, 3.0, 4.0, 2.0, 2.5, 2.2, 2.1, 1.0)
    found = early_stopping(iterates, score, patience=3, max_steps=7)
    assert found.theta.tolist() == [3.0]
    assert (found.step, found.score, found.stop) == (3, 2.0, 6)
    # It did not look beyond the stop.
    assert calls == [0, 1, 2, 3, 4, 5, 6]


def test_more_patience_finds_the_better_one_and_max_steps_ends_the_search():
    scores = (5.0, 3.0, 4.0, 2.0, 2.5, 2.2, 2.1, 1.0, 0.5)
    found = early_stopping(*scored(*scores)[:2], patience=4, max_steps=7)
    assert (found.step, found.score, found.stop) == (7, 1.0, 7)


def test_of_equal_scores_the_earliest_counts():
    found = early_stopping(*scored(2.0, 1.0, 1.0, 1.0, 1.0)[:2], patience=2, max_steps=4)
    assert (found.step, found.stop) == (1, 3)


def test_the_score_is_taken_every_so_often():
    iterates, score, calls = scored(5.0, 0.0, 4.0, 0.0, 4.5, 0.0, 4.6, 0.0, 1.0)
    found = early_stopping(iterates, score, patience=3, max_steps=8, every=2)
    assert calls == [0, 2, 4]
    assert (found.step, found.score, found.stop) == (2, 4.0, 5)


def test_an_ensemble_stops_like_each_member_alone(rng):
    paths = rng.normal(size=(60, 8, 3)).cumsum(axis=0)
    together = early_stopping(iter(paths), lambda theta: theta[..., 0] ** 2, patience=7, max_steps=59)
    assert len(set(together.stop.tolist())) > 2
    for k in range(8):
        alone = early_stopping(iter(paths[:, k]), lambda theta: theta[0] ** 2, patience=7, max_steps=59)
        np.testing.assert_array_equal(together.theta[k], alone.theta)
        for name in ("step", "score", "stop"):
            assert getattr(together, name)[k] == getattr(alone, name)


def test_what_a_stopped_member_does_later_is_of_no_account():
    paths = np.array([[1.0, 9.0], [2.0, 8.0], [3.0, 7.0], [np.nan, 6.0], [0.0, 5.0]])[..., None]
    found = early_stopping(iter(paths), lambda theta: theta[..., 0], patience=2, max_steps=4)
    assert found.theta[..., 0].tolist() == [1.0, 5.0]
    assert found.stop.tolist() == [2, 4]


def test_a_score_that_is_no_number_is_reported():
    with pytest.raises(DivergenceError, match="score is no longer finite at step 1"):
        early_stopping(*scored(1.0, float("nan"))[:2], patience=2, max_steps=1)


@pytest.mark.parametrize("name", ["patience", "max_steps", "every"])
def test_bad_arguments_of_early_stopping_are_named(name):
    arguments = {"patience": 1, "max_steps": 1, "every": 1, name: 0}
    with pytest.raises(ValueError, match=f"^{name} must"):
        early_stopping(halving(), float, **arguments)


def test_patience_that_ends_before_the_next_score_is_named():
    with pytest.raises(ValueError, match=r"^patience must be at least every, 3, but it is 2"):
        early_stopping(halving(), float, patience=2, max_steps=9, every=3)
    found = early_stopping(*scored(3.0, 9.0, 2.0, 9.0, 4.0)[:2], patience=2, max_steps=4, every=2)
    assert (found.step, found.stop) == (2, 4)


@pytest.mark.parametrize(
    "score", [lambda theta: theta, np.sum, lambda theta: "text", lambda theta: 1j * theta[:, 0]]
)
def test_a_score_of_another_shape_is_named(score):
    with pytest.raises(ValueError, match=r"^score must give real numbers of shape \(2,\)"):
        early_stopping(iter(np.ones((3, 2, 2))), score, patience=1, max_steps=2)


def test_iterates_that_end_too_early_are_named():
    path = np.zeros((3, 1))
    with pytest.raises(ValueError, match=r"^iterates must hold n_steps = 3 steps, but they end after 2"):
        record(iter(path), 3, every=2)
    with pytest.raises(ValueError, match=r"^iterates must hold n_steps = 0 steps"):
        trajectory(iter([]), 0)
    with pytest.raises(ValueError, match=r"^iterates must hold at least one"):
        early_stopping(iter([]), lambda theta: 0, patience=1, max_steps=1)
    assert len(trajectory(iter(path), 2)) == 3
