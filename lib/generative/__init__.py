"""Generative models: bijections that carry data to noise, and velocity fields that carry noise to data."""
