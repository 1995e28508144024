"""Tools of the book: what tests, builds and refreshes it; the chapters never import them.

Small helpers for files and processes that sweeps need too stand in `lib.experiments.sweeps`: `lib` is
installed alone, so it cannot import them from here.
"""
