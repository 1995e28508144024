r"""Data whose density is known: mixtures of round normal distributions, among them moons, rings and blobs.

Of such a mixture everything has a formula: density, score, marginals, conditional laws.  So the best score
that any model of the data could get is a number, and what a model lacks is another (`lib.stats.divergences`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    count,
    distribution,
    ensemble,
    finite,
    generator,
    numbers,
    positive,
    representable,
    whole,
)

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Mixture:
    r"""A mixture of K normal distributions in d dimensions, each the same in all directions.

    .. math:: p(x) = \sum_{k=1}^K w_k\, N(x;\; m_k,\; s_k^2 I)

    Parameters
    ----------
    weights
        w, of shape (K,), which sum to one.
    means
        m, of shape (K, d).
    scales
        Standard deviations s, of shape (K,), or one for all.

    Raises
    ------
    ValueError
        If the weights are no distribution, the shapes do not fit, a mean is not finite, or a scale is not
        positive.

    Examples
    --------
    >>> two = Mixture([0.5, 0.5], [[-3.0], [3.0]], 1.0)
    >>> two.log_density(np.array([[0.0], [3.0]])).round(6)
    array([-5.418939, -1.612086])
    """

    weights: NDArray
    means: NDArray
    scales: NDArray

    def __post_init__(self) -> None:
        weights = finite("weights", distribution("weights", self.weights), ndim=1)
        means = finite("means", self.means, ndim=2)
        if len(means) != len(weights) or means.size == 0:
            raise ValueError(
                f"means must have shape (K, d), a row for each of the {len(weights)} weights, "
                f"but it is {means.shape}"
            )
        scales = np.asarray(positive("scales", self.scales), float)
        if scales.shape not in {(), weights.shape}:
            raise ValueError(f"scales must be one number or have shape {weights.shape}, not {scales.shape}")
        for name, value in {
            "weights": weights,
            "means": means,
            "scales": np.broadcast_to(scales, weights.shape),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def d(self) -> int:
        """Number of dimensions."""
        return self.means.shape[1]

    @property
    def mean(self) -> NDArray:
        r"""Mean :math:`\sum_k w_k m_k`, of shape (d,)."""
        return self.weights @ self.means

    @property
    def covariance(self) -> NDArray:
        r"""Covariance :math:`\sum_k w_k (s_k^2 I + m_k m_k^T)` less that of the mean, of shape (d, d)."""
        second = (self.weights * self.means.T) @ self.means
        return second - np.outer(self.mean, self.mean) + self.weights @ self.scales**2 * np.eye(self.d)

    def log_density(self, x: NDArray) -> NDArray:
        r"""Return :math:`\log p(x)`, of shape (...), for x of shape (..., d)."""
        return self._parts(x)[0]

    def responsibilities(self, x: NDArray) -> NDArray:
        r"""Return the posterior weights :math:`r_k(x) = w_k N(x; m_k, s_k^2 I) / p(x)`, of shape (..., K).

        They are the weights of a conditional law: given its first coordinates, the others of X are a mixture
        with these weights, those that the marginal of the first ones gives.
        """
        return self._parts(x)[1]

    def score(self, x: NDArray) -> NDArray:
        r"""Return :math:`\nabla \log p(x) = \sum_k r_k(x)\, (m_k - x) / s_k^2`, of the shape of x."""
        r = self.responsibilities(x) / self.scales**2
        return r @ self.means - r.sum(axis=-1, keepdims=True) * x

    def marginal(self, *coordinates: int) -> "Mixture":
        """Return the law of some of the coordinates, in the order in which they are named, from 0."""
        kept = whole("coordinates", list(coordinates), high=self.d - 1)
        return Mixture(self.weights, self.means[:, kept], self.scales)

    def sample(self, n: int, rng: np.random.Generator, members: int | None = None) -> NDArray:
        """Draw n points, of shape (n, d), or (members, n, d): first their components, then the noise."""
        shape = (*ensemble("members", members), count("n", n))
        k = generator("rng", rng).choice(len(self.weights), size=shape, p=self.weights)
        return self.means[k] + self.scales[k][..., None] * rng.normal(size=(*shape, self.d))

    def _parts(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Return log p and the responsibilities."""
        x = numbers("x", x)
        if x.shape[-1:] != (self.d,):
            raise ValueError(f"x must end in {self.d} coordinates, but its shape is {x.shape}")
        square = np.square(x[..., None, :] - self.means).sum(axis=-1)
        with np.errstate(divide="ignore"):  # a component may have no weight
            log_joint = np.log(self.weights) - square / (2 * self.scales**2)
        log_joint = log_joint - self.d * (LOG_2PI / 2 + np.log(self.scales))
        # Subtracting the largest keeps exp from underflowing everywhere.
        top = log_joint.max(axis=-1, keepdims=True)
        share = np.exp(log_joint - top)
        total = share.sum(axis=-1, keepdims=True)
        return (top + np.log(total))[..., 0], share / total


def two_moons(sigma: float = 0.1, nodes: int = 96) -> Mixture:
    r"""Two half circles that reach into each other, blurred.

    .. math:: X = \pm\big(\cos\vartheta - \tfrac12,\; \sin\vartheta - \tfrac14\big) + \sigma Z, \qquad
              \vartheta \sim U(0, \pi), \qquad Z \sim N(0, I)

    Parameters
    ----------
    sigma
        Standard deviation of the noise.
    nodes
        Gauss-Legendre nodes on each arc, an arc being the mixture over them: 96 are exact to 14 digits at
        sigma = 0.1, and 160 at 0.05.

    Returns
    -------
    Mixture
        With 2 * nodes components in the plane, mean 0.

    Raises
    ------
    ValueError
        If sigma is not positive, or nodes lies outside 1 ... 1000.

    Examples
    --------
    >>> moons = two_moons()
    >>> moons.sample(5, np.random.default_rng(0)).shape, bool(np.allclose(moons.mean, 0))
    ((5, 2), True)
    """
    sigma = positive("sigma", sigma, ndim=0)
    x, w = np.polynomial.legendre.leggauss(count("nodes", nodes, high=1000))
    angle = math.pi * (x + 1) / 2
    arc = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=-1)
    return Mixture(np.tile(w / w.sum() / 2, 2), np.concatenate([arc, -arc]), sigma)


def ring(k: int = 8, radius: float = 2.0, scale: float = 0.2) -> Mixture:
    r"""Equal normal distributions on a circle.

    .. math:: m_j = \text{radius}\, (\cos 2\pi j/k,\; \sin 2\pi j/k), \qquad j = 0, \dots, k - 1

    Parameters
    ----------
    k
        Number of components.
    radius
        Of the circle through their means.
    scale
        Standard deviation of each.

    Returns
    -------
    Mixture
        In the plane.

    Raises
    ------
    ValueError
        If k is no whole number in 1 ... 1000, or radius or scale is not positive.

    Examples
    --------
    >>> ring(4, radius=1.0).means.round(12) + 0.0
    array([[ 1.,  0.],
           [ 0.,  1.],
           [-1.,  0.],
           [ 0., -1.]])
    """
    k, radius = count("k", k, high=1000), positive("radius", radius, ndim=0)
    angle = 2 * math.pi * np.arange(k) / k
    means = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return Mixture(np.full(k, 1 / k), means, positive("scale", scale, ndim=0))


@representable("scales", "distance")
def blobs(scales: ArrayLike = (0.8, 0.15), distance: float = 3.0) -> Mixture:
    r"""Round normal distributions side by side, of equal weight and different sizes.

    .. math:: m_k = \big((k - \tfrac{K - 1}2)\; \text{distance},\; 0\big), \qquad k = 0, \dots, K - 1

    Parameters
    ----------
    scales
        Their standard deviations, of shape (K,).
    distance
        From one mean to the next.

    Returns
    -------
    Mixture
        In the plane, its means on the first axis, about 0.

    Raises
    ------
    ValueError
        If scales is no vector of positive numbers, or distance not positive.

    Examples
    --------
    >>> blobs().means
    array([[-1.5,  0. ],
           [ 1.5,  0. ]])
    """
    scales, distance = positive("scales", scales, ndim=1), positive("distance", distance, ndim=0)
    k = len(scales)
    if k == 0:
        raise ValueError("scales must hold one number at least")
    means = np.zeros((k, 2))
    means[:, 0] = (np.arange(k) - (k - 1) / 2) * distance
    return Mixture(np.full(k, 1 / k), means, scales)
