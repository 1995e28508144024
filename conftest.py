"""What every test run shares: the notebook comparison, and the environment of the kernels."""

from tools.notebooks import prepare_kernels

pytest_plugins = ["tools.nbval_tolerance", "tools.nbval_side_by_side"]

prepare_kernels()
