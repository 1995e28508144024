"""Drawn pictures: what is drawn, where, and that each knob does what it says."""

import numpy as np
import pytest

from lib.datasets.images import digit_strokes, digits, shapes

PLAIN = {"wobble": 0.0, "turn": 0.0, "shear": 0.0, "scale": 0.0, "noise": 0.0}


def middle(image):
    """Return the middle of the rows and of the columns that have ink."""
    return np.array(
        [
            (np.flatnonzero(image.any(axis)).min() + np.flatnonzero(image.any(axis)).max()) / 2
            for axis in (1, 0)
        ]
    )


def test_strokes_stay_in_their_square_and_fill_its_height():
    strokes = digit_strokes()
    assert strokes.shape == (10, 11, 2)
    assert strokes.min() == 0
    assert strokes.max() == 1
    np.testing.assert_array_equal(np.ptp(strokes[..., 1], axis=1), 1)


def test_a_seven_by_hand(rng):
    images, centres = digits([7], rng, size=20, height=12.0, pen=0.1, **PLAIN)
    assert centres.tolist() == [[9.5, 9.5]]
    # Its upper line runs in row 3.5, from column 9.5 - 0.3 to 9.5 + 0.3 widths; the pen is 1.2 + 1/2 wide.
    assert images[0, 3, 10] == images[0, 4, 10] == 1
    assert images[0, 2, 10] == pytest.approx(1.7 - 1.5)
    assert images[0, 1, 10] == 0
    assert images[0, 12, 3] == 0
    assert images.min() == 0
    assert images.max() == 1


@pytest.mark.parametrize("digit", range(10))
def test_the_middle_is_where_it_is_said_to_be(digit, rng):
    images, centres = digits([digit] * 40, rng, size=40, shift=8.0, **PLAIN)
    wide = np.ptp(digit_strokes()[digit, :, 0]) / 2 + digit_strokes()[digit, :, 0].min() - 0.5
    for image, centre in zip(images, centres, strict=True):
        # In columns the middle of the square is not that of the stroke.
        assert middle(image > 0) == pytest.approx(centre + np.array([0, 9 * wide]), abs=0.51)
    assert np.ptp(centres) > 10
    assert np.abs(centres - 19.5).max() <= 8


def test_a_shift_is_not_rounded(rng):
    centres = digits(np.arange(10), rng, shift=4.0)[1]
    assert len(np.unique(centres % 1)) == 20
    images = [digits([8], np.random.default_rng(1), shift=shift, **PLAIN)[0] for shift in (0.0, 0.3)]
    assert 0.01 < np.abs(images[1] - images[0]).mean() < 0.2


def test_knobs_change_the_picture_and_noise_comes_last(rng):
    plain = digits([5] * 20, np.random.default_rng(1), **PLAIN)[0]
    for knob, value in [("wobble", 0.05), ("turn", 0.3), ("shear", 0.3), ("scale", 0.3)]:
        other = digits([5] * 20, np.random.default_rng(1), **PLAIN | {knob: value})[0]
        assert np.abs(other - plain).mean() > 0.01, knob
    noisy = digits([5] * 20, rng, **PLAIN | {"noise": 0.2})[0] - plain
    assert noisy.std() == pytest.approx(0.2, rel=0.03)
    assert abs(noisy.mean()) < 4 * 0.2 / np.sqrt(noisy.size)


def test_a_turn_turns_about_the_middle_and_keeps_lengths():
    # A stroke that turns keeps its ink, on average.
    ink = digits([0] * 200, np.random.default_rng(1), **PLAIN | {"turn": np.pi})[0].sum(axis=(1, 2))
    plain = digits([0], np.random.default_rng(1), **PLAIN)[0].sum()
    assert ink == pytest.approx(plain, rel=0.05)


def test_the_same_dice_draw_the_same_pictures():
    first, again = (digits(np.arange(10), np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    first, again = (shapes(4, np.random.default_rng(3))[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_one_shape_is_at_the_same_distance_from_its_middle_in_its_norm(rng):
    images, labels = shapes(200, rng, per_image=1, noise=0.0)
    np.testing.assert_array_equal(images, labels > 0)
    norms = {1: np.inf, 2: 2, 3: 1}
    for label in labels:
        (kind,) = np.unique(label[label > 0])
        points = np.argwhere(label)
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        distance = np.linalg.norm(points - centre, ord=norms[kind], axis=1)
        assert np.ptp(distance) < 3
        assert distance.min() > 1.9
        assert distance.max() < 6.5
        # A closed line has something inside of it.
        assert label[tuple(centre.astype(int))] == 0
    assert [np.sum([kind in label for label in labels]) > 40 for kind in (1, 2, 3)] == [True] * 3


def test_a_shape_lies_within_its_picture_and_its_radius_between_the_bounds(rng):
    labels = shapes(300, rng, size=16, per_image=1, low=4.0, high=4.0)[1]
    for label in labels:
        points = np.argwhere(label)
        assert 7 <= np.ptp(points, axis=0).min() <= np.ptp(points, axis=0).max() <= 9


@pytest.mark.parametrize(
    ("given", "name"),
    [({"y": [10]}, "y"), ({"scale": 1.0}, "scale"), ({"shift": -1.0}, "shift"), ({"pen": 0.0}, "pen")],
)
def test_bad_digits_are_named(given, name, rng):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        digits(**{"y": [1], "rng": rng} | given)


def test_a_shape_without_room_is_refused(rng):
    with pytest.raises(ValueError, match=r"^low must be at most high, and high at most"):
        shapes(1, rng, size=9, high=5.0)
