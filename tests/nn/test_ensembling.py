"""Averages of classifiers: by hand, over members alone, without underflow."""

import numpy as np
import pytest

from lib.nn.ensembling import mean_outputs, mean_probabilities
from lib.nn.losses import log_softmax


def test_averages_of_classifiers_by_hand():
    # Two members, one example, probabilities (1/2, 1/2) and (1/10, 9/10).
    f = np.log([[[0.5, 0.5]], [[0.1, 0.9]]]) + np.array([3.0, -2.0])[:, None, None]
    np.testing.assert_allclose(np.exp(mean_probabilities(f)), [[0.3, 0.7]], rtol=1e-14)
    ratio = np.exp(np.diff(mean_outputs(f)))
    np.testing.assert_allclose(ratio, [[np.sqrt(1 * 9)]], rtol=1e-14)


@pytest.mark.parametrize("average", [mean_outputs, mean_probabilities])
def test_an_average_is_over_the_members_alone(rng, average):
    f = rng.normal(size=(4, 3, 5, 4))
    together = average(f)
    assert together.shape == (3, 5, 4)
    for k in range(3):
        np.testing.assert_allclose(together[k], average(f[:, k]), rtol=1e-13, atol=1e-13)
    same = average(np.broadcast_to(f[0], f.shape))
    np.testing.assert_allclose(log_softmax(same), log_softmax(f[0]), rtol=1e-12, atol=1e-12)


def test_mean_probabilities_do_not_underflow():
    f = np.array([[[0.0, 2000.0]], [[0.0, 1500.0]]])
    np.testing.assert_allclose(mean_probabilities(f), [[-1500 + np.log(0.5), 0]], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("average", [mean_outputs, mean_probabilities])
@pytest.mark.parametrize("f", [np.zeros((3, 2)), np.full((2, 3, 2), np.nan)])
def test_outputs_that_cannot_be_averaged_are_named(average, f):
    with pytest.raises(ValueError, match=r"^f must"):
        average(f)
