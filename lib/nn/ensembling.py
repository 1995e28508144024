"""Ensembles that vote: the answers of several networks, averaged."""

import numpy as np
from numpy.typing import NDArray

from lib.checks import finite, representable
from lib.nn.losses import log_softmax


@representable("f")
def mean_outputs(f: NDArray) -> NDArray:
    r"""Average the outputs of a classifier's members before the softmax.

    .. math:: \bar f = \frac1M \sum_{m=1}^M f_m, \qquad
              \operatorname{softmax}(\bar f)_k \propto \Big(\prod_{m=1}^M p_{mk}\Big)^{1/M}

    Parameters
    ----------
    f
        Outputs of the members, of shape (M, ..., n, K).

    Returns
    -------
    NDArray
        Outputs of the ensemble, of shape (..., n, K): their softmax is the normalized geometric mean of the
        members' probabilities.

    Raises
    ------
    ValueError
        If f has fewer than three axes, or is not finite.

    Examples
    --------
    >>> mean_outputs(np.array([[[0.0, 4.0]], [[2.0, 0.0]]]))
    array([[1., 2.]])
    """
    return _outputs(f).mean(axis=0)


@representable("f")
def mean_probabilities(f: NDArray) -> NDArray:
    r"""Average the probabilities of a classifier's members, after the softmax.

    .. math:: \log \bar p = \log \frac1M \sum_{m=1}^M \operatorname{softmax}(f_m)

    Parameters
    ----------
    f
        Outputs of the members before the softmax, of shape (M, ..., n, K).

    Returns
    -------
    NDArray
        Log-probabilities of the ensemble, of shape (..., n, K).  They serve as its outputs: their softmax is
        the arithmetic mean of the members' probabilities.

    Raises
    ------
    ValueError
        If f has fewer than three axes, or is not finite.

    Examples
    --------
    >>> f = np.log([[[0.5, 0.5]], [[0.1, 0.9]]])
    >>> np.exp(mean_probabilities(f)).round(12)
    array([[0.3, 0.7]])
    """
    log_p = log_softmax(_outputs(f))
    largest = log_p.max(axis=0)
    return largest + np.log(np.exp(log_p - largest).mean(axis=0))


def _outputs(f: NDArray) -> NDArray:
    f = finite("f", f)
    if f.ndim < 3 or len(f) == 0:
        raise ValueError(f"f must have shape (M, ..., n, K), M at least 1, but it is {f.shape}")
    return f
