"""Which rows are used, and which labels are wrong."""

import numpy as np
import pytest

from lib.datasets.sampling import balanced_rows, bootstrap, corrupt_labels, split_rows


@pytest.mark.parametrize("y", [[], [10], [-1], [0.5], [[1]], 3])
def test_bad_classes_are_named(y):
    with pytest.raises(ValueError, match=r"^y must"):
        corrupt_labels(y, 0.1, np.random.default_rng(0))


# --- Label noise ---


def test_exactly_the_share_becomes_wrong(rng):
    y = np.arange(4000) % 10
    before = y.copy()
    noisy = corrupt_labels(y, 0.15, rng)
    np.testing.assert_array_equal(y, before)
    wrong = noisy != y
    assert wrong.sum() == 600
    # The new class is any other with the same probability: nine differences, 4 standard errors each.
    counts = np.bincount((noisy - y)[wrong] % 10, minlength=10)[1:]
    assert (np.abs(counts - 600 / 9) < 4 * np.sqrt(600 * 8 / 81)).all()
    # And the choice of examples leans to no place: the mean index of 600 of 4000.
    assert np.flatnonzero(wrong).mean() == pytest.approx(1999.5, abs=4 * 4000 / np.sqrt(12 * 600))


def test_ends_of_label_noise(rng):
    y = np.array([0, 1, 1, 0])
    assert corrupt_labels(y, 0, rng, n_classes=2).tolist() == [0, 1, 1, 0]
    assert corrupt_labels(y, 1, rng, n_classes=2).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("share", "n_classes", "name"),
    [(-0.1, 10, "share"), (1.1, 10, "share"), (float("nan"), 10, "share"), (0.1, 1, "n_classes")],
)
def test_bad_arguments_of_label_noise_are_named(rng, share, n_classes, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        corrupt_labels([0, 0], share, rng, n_classes)


# --- Splits ---


@pytest.mark.parametrize("members", [None, 4])
def test_the_parts_of_a_split_have_no_row_in_common(rng, members):
    parts = split_rows(10, 5, 3, 2, rng=rng, members=members)
    lead = () if members is None else (members,)
    assert [part.shape for part in parts] == [(*lead, 5), (*lead, 3), (*lead, 2)]
    for deal in np.concatenate(parts, axis=-1).reshape(-1, 10):
        assert sorted(deal) == list(range(10))


def test_a_split_is_random_for_each_member_and_may_leave_rows_over(rng):
    (rows,) = split_rows(20, 10, rng=rng, members=2000)
    assert len({tuple(row) for row in rows}) == 2000
    # Each row is among the ten with probability one half.
    assert np.abs(np.bincount(rows.ravel()) - 1000).max() < 4 * np.sqrt(2000 / 4)
    assert all(len(set(row)) == 10 for row in rows)


@pytest.mark.parametrize("sizes", [(), (0, 3), (6, 5), (2.5,)])
def test_bad_sizes_are_named(rng, sizes):
    with pytest.raises(ValueError, match=r"^sizes must"):
        split_rows(10, *sizes, rng=rng)


def test_balanced_rows(rng):
    y = rng.permutation(np.repeat([0, 1, 2], [9, 7, 8]))
    rows = balanced_rows(y, 5, rng, members=50)
    assert rows.shape == (50, 15)
    assert all(np.bincount(y[row]).tolist() == [5, 5, 5] for row in rows)
    assert all(len(set(row)) == 15 for row in rows)
    assert len({tuple(row) for row in rows}) == 50
    assert set(rows.ravel()) == set(range(24))


def test_smaller_sets_are_part_of_larger_ones(rng):
    y = rng.permutation(np.repeat([0, 1], 30))
    small, large = (balanced_rows(y, k, np.random.default_rng(1), members=3) for k in (4, 9))
    assert all(set(few) < set(many) for few, many in zip(small, large, strict=True))


def test_a_bootstrap_sample_draws_with_replacement(rng):
    rows = bootstrap(20, 5000, rng)
    assert rows.shape == (5000, 20)
    # Each row is drawn 5000 times in 100 000 draws, with standard deviation sqrt(100 000 * 0.05 * 0.95) = 69.
    assert np.abs(np.bincount(rows.ravel(), minlength=20) - 5000).max() < 4 * 69
    missed = 1 - np.array([len(set(row)) for row in rows]) / 20
    assert missed.mean() == pytest.approx((1 - 1 / 20) ** 20, abs=4 * missed.std() / np.sqrt(5000))
