"""How fast the book's library is, beside PyTorch and JAX: `python -m benchmarks`.

The task is that of `lib.experiments.double_descent`: perceptrons 40-k-k-10 on 4000 examples of MNIST-1D, in
batches of 100, with Polyak's momentum at rate 0.01 and memory 0.9.
"""
