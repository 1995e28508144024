"""What the tests of the library share: one seeded source of randomness, and no window to draw in."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")


@pytest.fixture
def rng():
    return np.random.default_rng(0)
