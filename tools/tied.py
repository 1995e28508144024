"""Run a module that ends soon after the process that wants its results, however that ends.

python -m tools.tied PID MODULE ARGUMENT ...
"""

import runpy
import sys

from lib.experiments.sweeps import end_with

if __name__ == "__main__":
    parent, *sys.argv = sys.argv[1:]
    end_with(int(parent))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
