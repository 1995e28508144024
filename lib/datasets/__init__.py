"""Data made by a formula and a generator of random numbers: nothing is downloaded."""
