"""Schedules: values, sums and bad arguments; test_optimizers shows that every optimizer obeys them."""

import math

import numpy as np
import pytest

from lib.optim.schedules import constant, cosine, inverse_time, step_decay


def test_constant():
    assert [constant(0.3)(t) for t in (0, 1, 10**9)] == [0.3] * 3
    rates = np.array([[0.1], [0.2]])
    np.testing.assert_array_equal(constant(rates)(5), rates)
    assert constant(0)(0) == 0


def test_step_decay_drops_every_third_step():
    rates = [step_decay(8.0, every=3, factor=0.5)(t) for t in range(10)]
    assert rates == [8, 8, 8, 4, 4, 4, 2, 2, 2, 1]
    # Its sum is that of a geometric series: every alpha / (1 - factor).
    assert sum(step_decay(8.0, every=3, factor=0.5)(t) for t in range(300)) == pytest.approx(3 * 8 / 0.5)
    assert [step_decay(1.0, every=1, factor=0)(t) for t in range(3)] == [1, 0, 0]


def test_inverse_time():
    schedule = inverse_time(0.6, tau=50)
    assert [schedule(t) for t in (0, 50, 100, 450)] == pytest.approx([0.6, 0.3, 0.2, 0.06], rel=1e-15)
    # sum of 1 / (1 + t)^2 over all t is pi^2 / 6; the tail from T on is 1/T to first order.
    squares = sum(inverse_time(1.0, tau=1)(t) ** 2 for t in range(10_000))
    assert squares + 1e-4 == pytest.approx(math.pi**2 / 6, abs=1e-8)
    # The sum of the rates grows by log 2 whenever T doubles.
    doubling = sum(inverse_time(1.0, tau=1)(t) for t in range(10_000, 20_000))
    assert doubling == pytest.approx(math.log(2), abs=1e-4)


def test_cosine():
    schedule = cosine(2.0, n_steps=6)
    # cos 0, pi/6 * (2, 3, 4, 6): 1, 1/2, 0, -1/2, -1.
    assert [schedule(t) for t in (0, 2, 3, 4, 6)] == pytest.approx([2, 1.5, 1, 0.5, 0], abs=1e-15)
    assert [schedule(t) for t in (7, 100)] == [0, 0]
    # The cosine is odd about T/2, so that the rates from 0 to T sum to alpha (T + 1) / 2.
    assert sum(schedule(t) for t in range(7)) == pytest.approx(2 * 7 / 2, rel=1e-14)


NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: constant(-0.1), "alpha"),
        (lambda: constant(NAN), "alpha"),
        (lambda: constant(np.array([0.1, -0.1])), "alpha"),
        (lambda: constant("fast"), "alpha"),
        (lambda: step_decay(-1, 2), "alpha"),
        (lambda: step_decay(1, 0), "every"),
        (lambda: step_decay(1, 2.0), "every"),
        (lambda: step_decay(1, 2, 1.0), "factor"),
        (lambda: step_decay(1, 2, -0.5), "factor"),
        (lambda: inverse_time(-1, 1), "alpha"),
        (lambda: inverse_time(1, 0), "tau"),
        (lambda: inverse_time(1, NAN), "tau"),
        (lambda: cosine(-1, 4), "alpha"),
        (lambda: cosine(1, 0), "n_steps"),
        (lambda: cosine(1, 2.5), "n_steps"),
    ],
)
def test_bad_arguments_are_named_at_the_call(make, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        make()
