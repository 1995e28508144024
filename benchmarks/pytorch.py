"""The same task with PyTorch: as one writes it, and tuned.  Needs `torch`, which the book does not."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks import ours
from benchmarks.ours import BATCH, first_weights
from lib.optim.training import minibatches


def network(theta: NDArray, width: int) -> nn.Module:
    """Return the network with the weights theta of shape (P,), which `lib` lays out as PyTorch does."""
    model = nn.Sequential(
        nn.Linear(40, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )
    theta = torch.tensor(theta)
    nn.utils.vector_to_parameters(theta, model.to(theta.dtype).parameters())
    return model


def losses(model: nn.Module, batches: Iterator, **how: bool) -> Iterator[Tensor]:
    """Train, and yield the loss of each batch before its step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **how)
    loss_function = nn.CrossEntropyLoss()
    for x, y in batches:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        yield loss.detach()


def loaded(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches as one usually does, from a DataLoader."""
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    while True:
        yield from loader


def indexed(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches as views of tensors that are shuffled at once: nothing is done row by row."""
    while True:
        order = torch.randperm(len(x))
        yield from zip(x[order].split(BATCH), y[order].split(BATCH), strict=True)


# What is handed out, and how the optimizer goes over the parameters.
WAYS = {
    "notebook": (loaded, {}),
    "tuned, fused": (indexed, {"fused": True}),
    "tuned, foreach": (indexed, {"foreach": True}),
}


def steps(x: NDArray, y: NDArray, width: int, dtype: str, way: str, threads: int) -> Iterator[Tensor]:
    """Train one network without end, on so many threads."""
    batches, how = WAYS[way]
    model = network(first_weights(width, 1)[0].astype(dtype), width)
    x, y = torch.tensor(x.astype(dtype)), torch.tensor(y)
    run = losses(model, batches(x, y), **how)
    while True:
        # Several runs with different numbers of threads may take turns.
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        yield next(run)


def largest_difference(x: NDArray, y: NDArray, width: int, n_steps: int) -> float:
    """Train the library's network and PyTorch's from the same start on the same batches, both in float64.

    Returns the largest difference of their losses, in nats, which only round-off may cause.
    """
    theta = first_weights(width, 1)[0]
    batches = list(islice(minibatches(x, y, batch_size=BATCH, rng=np.random.default_rng(1)), n_steps))
    value, _ = ours.loss(width)
    iterates = ours.iterates(theta, width, iter(batches))
    found = [value(theta, *batch) for theta, batch in zip(iterates, batches, strict=False)]
    tensors = ((torch.tensor(x), torch.tensor(y)) for x, y in batches)
    expected = [loss.item() for loss in losses(network(theta, width), tensors)]
    return float(np.abs(np.subtract(found, expected)).max())
