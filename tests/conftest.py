"""What the tests of the library share: one seeded source of randomness, and no window to draw in."""

import tempfile

import matplotlib
import numpy as np
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

matplotlib.use("agg")
# Hypothesis keeps notes, which would else be left in the checkout.
_notes = tempfile.TemporaryDirectory()
set_hypothesis_home_dir(_notes.name)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
