"""The language model of `benchmarks.transformer` with PyTorch, as one writes it.  Needs `torch`."""

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.transformer import LETTERS, PLACES, RATE, batches, model
from lib.nn.losses import cross_entropy
from lib.nn.networks import objective
from lib.optim.optimizers import adam
from lib.optim.training import stochastic


class LanguageModel(nn.Module):
    """One block, pre-norm, one head.  The parameters come in the order in which `lib` lays them out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(LETTERS, width)
        self.places = nn.Parameter(torch.zeros(PLACES, width))
        self.norm_1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_2 = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.norm_3 = nn.LayerNorm(width)
        self.read_out = nn.Linear(width, LETTERS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores, of shape (B, T, letters)."""
        h = self.embed(x) + self.places
        q, k, v = self.qkv(self.norm_1(h)).chunk(3, dim=-1)
        h = h + self.out(scaled_dot_product_attention(q, k, v, is_causal=True))
        h = h + self.perceptron(self.norm_2(h))
        return self.read_out(self.norm_3(h))


def parameters(network: LanguageModel) -> list[nn.Parameter]:
    """Return the parameters in the library's order; a module names its own before those of its parts."""
    places, embed, *others = network.parameters()
    return [embed, places, *others]


def losses(width: int, dtype: str) -> Iterator[Tensor]:
    """Train from the library's first weights, and yield the loss of each batch before its step."""
    torch.set_num_threads(1)
    network = LanguageModel(width).to(getattr(torch, dtype))
    theta = model(width).start(np.random.default_rng(0)).astype(dtype)
    nn.utils.vector_to_parameters(torch.tensor(theta), parameters(network))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    loss_function = nn.CrossEntropyLoss()
    for x, y in cycle([(torch.tensor(x), torch.tensor(y)) for x, y in batches()]):
        optimizer.zero_grad()
        loss = loss_function(network(x).flatten(0, 1), y)
        loss.backward()
        optimizer.step()
        yield loss.detach()


def largest_difference(width: int, n_steps: int) -> float:
    """Train the library's model and PyTorch's from the same start on the same batches, both in float64.

    Returns the largest difference of their losses, in nats, which only round-off may cause.
    """
    network, drawn = model(width), batches()
    value, gradient = objective(network, cross_entropy)
    iterates = adam(stochastic(gradient, cycle(drawn)), network.start(np.random.default_rng(0)), RATE)
    found = [value(theta, *batch) for theta, batch in zip(islice(iterates, n_steps), drawn, strict=False)]
    expected = [loss.item() for loss in islice(losses(width, "float64"), n_steps)]
    return float(np.abs(np.subtract(found, expected)).max())
