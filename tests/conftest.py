"""What the tests of the library share: one seeded source of randomness, and no window to draw in."""

import matplotlib
import numpy as np
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

matplotlib.use("agg")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session", autouse=True)
def _hypothesis_leaves_nothing_in_the_checkout(tmp_path_factory):
    set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
