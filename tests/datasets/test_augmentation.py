"""Changes of inputs against arithmetic by hand: what they do, and that they leave their argument alone."""

import numpy as np
import pytest

from lib.datasets.augmentation import augmented, chain, jitter, scale, shear, shift
from lib.optim.training import minibatches

TRANSFORMS = {
    "shift": shift(2, 3),
    "roll": shift(0, 8, wrap=True),
    "scale": scale(0.5, 2),
    "shear": shear(1.5),
    "jitter": jitter(0.1),
    "chain": chain(shift(1, 1), scale(0.5, 2), shear(1), jitter(0.1)),
}
every_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)


@every_transform
@pytest.mark.parametrize("lead", [(), (3,)])
def test_the_argument_is_left_alone_and_the_shape_kept(rng, transform, lead):
    x = rng.normal(size=(*lead, 5, 9))
    before = x.copy()
    changed = transform(x, rng)
    np.testing.assert_array_equal(x, before)
    assert changed.shape == x.shape
    assert not np.shares_memory(changed, x)


@every_transform
def test_every_signal_of_every_member_has_its_own_draw(rng, transform):
    x = np.broadcast_to(np.arange(9.0) ** 2, (3, 40, 9))
    changed = transform(x, rng)
    assert len({tuple(row) for row in changed.reshape(-1, 9)}) > 5
    assert not np.array_equal(changed[0], changed[1])


@every_transform
def test_the_same_generator_gives_the_same_change(transform):
    x = np.random.default_rng(1).normal(size=(5, 9))
    first, second = (transform(x, np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_all_shifts_occur_and_repeat_the_ends(rng):
    x = np.tile(np.array([1.0, 2.0, 3.0, 4.0]), (4000, 1))
    changed, counts = np.unique(shift(1, 2)(x, rng), axis=0, return_counts=True)
    assert changed.tolist() == [[1, 1, 1, 2], [1, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 4]]
    # Each of the four has probability 1/4: 1000 of 4000, with standard deviation 27.4.
    assert (np.abs(counts - 1000) < 4 * 27.4).all()


def test_a_roll_loses_nothing(rng):
    x = np.tile(np.arange(5.0), (500, 1))
    changed = shift(0, 4, wrap=True)(x, rng)
    np.testing.assert_array_equal(np.sort(changed, axis=1), x)
    assert sorted(set(changed[:, 0])) == [0, 1, 2, 3, 4]
    assert (np.diff(changed, axis=1) % 5 == 1).all()


def test_a_factor_is_common_to_the_signal_and_uniform(rng):
    x = np.tile(np.array([1.0, -2.0, 4.0]), (4000, 1))
    factors = scale(0.8, 1.4)(x, rng) / x
    np.testing.assert_allclose(factors, factors[:, :1].repeat(3, 1), rtol=1e-14)
    u = factors[:, 0]
    assert 0.8 <= u.min() < 0.81
    assert 1.39 < u.max() < 1.4
    assert u.mean() == pytest.approx(1.1, abs=4 * 0.6 / np.sqrt(12 * 4000))


def test_a_shear_is_a_line_through_the_middle(rng):
    x = rng.normal(size=(2000, 5))
    added = shear(2)(x, rng) - x
    np.testing.assert_allclose(added, added[:, -1:] * np.array([-1, -0.5, 0, 0.5, 1]), atol=1e-14)
    # The rise from end to end is uniform between -2 and 2.
    rise = added[:, -1] - added[:, 0]
    assert np.abs(rise).max() == pytest.approx(2, abs=0.01)
    assert np.abs(rise.mean()) < 4 * 4 / np.sqrt(12 * 2000)


def test_jitter_is_independent_normal_noise(rng):
    noise = jitter(0.5)(np.ones((20_000, 2)), rng) - 1
    n = len(noise)
    assert np.abs(noise.mean(axis=0)).max() < 4 * 0.5 / np.sqrt(n)
    assert noise.var(axis=0) == pytest.approx(np.full(2, 0.25), rel=4 * np.sqrt(2 / n))
    assert abs(np.corrcoef(noise.T)[0, 1]) < 4 / np.sqrt(n)


def test_a_chain_goes_from_left_to_right(rng):
    x = np.ones((1, 1))
    plus_one = lambda x, rng: x + 1  # noqa: E731
    assert chain(plus_one, scale(3, 3))(x, rng).item() == 6
    assert chain(scale(3, 3), plus_one)(x, rng).item() == 4
    assert chain()(x, rng).item() == 1


def test_augmented_batches_keep_the_labels_and_the_order(rng):
    x, y = np.arange(10.0)[:, None] + 1, np.arange(10)
    batches = minibatches(x, y, batch_size=5, rng=rng)
    changed = augmented(batches, scale(0.99, 1.01), np.random.default_rng(1))
    seen = [next(changed) for _ in range(4)]
    for x_batch, y_batch in seen:
        np.testing.assert_allclose(x_batch[:, 0], y_batch + 1, rtol=0.011)
        assert (x_batch[:, 0] != y_batch + 1).all()
    # The second epoch brings other copies, and the data set is what it was.
    first, second = (np.concatenate([b[0] for b in pair]).ravel() for pair in (seen[:2], seen[2:]))
    assert not set(first) & set(second)
    np.testing.assert_array_equal(x[:, 0], np.arange(10.0) + 1)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: shift(-1, 0), "left"),
        (lambda: shift(0, 1.5), "right"),
        (lambda: scale(0, 1), "low"),
        (lambda: scale(-1, 1), "low"),
        (lambda: scale(2, 1), "low"),
        (lambda: scale(1, float("inf")), "high"),
        (lambda: shear(-1), "most"),
        (lambda: jitter(-1), "eta"),
        (lambda: jitter(float("nan")), "eta"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        call()
