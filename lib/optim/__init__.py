"""Optimization: iterates, learning rates, gradient flow, and runs that are recorded."""
