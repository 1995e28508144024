"""What every test run shares: the notebook comparison, and one BLAS thread for steady numbers."""

import os

pytest_plugins = ["tools.nbval_tolerance"]

# Kernels inherit these.  At the sizes of this book a second thread gains nothing.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A progress bar is for a person who waits.
os.environ["TQDM_DISABLE"] = "1"
