"""Experiments whole: sweeps over many settings, in parallel, and what they run."""
