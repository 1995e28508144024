"""What was measured on."""

import os
import platform
import re
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
from threadpoolctl import threadpool_info

STATUS = Path("/proc/self/status")  # Linux has it.
# Read by OpenBLAS when NumPy is loaded.  They choose a kernel for another processor.
FORCED_KERNEL = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]


def openblas() -> dict[str, object]:
    """Return what threadpoolctl tells of NumPy's OpenBLAS, or nothing if NumPy has another library."""
    found = [library for library in threadpool_info() if library["internal_api"] == "openblas"]
    # SciPy brings one of its own.
    found.sort(key=lambda library: Path(library["filepath"]).parent.name != "numpy.libs")
    return found[0] if found else {}


def kernel() -> str:
    """Name the kernel that NumPy's OpenBLAS has chosen for this processor."""
    return openblas().get("architecture", "unknown")


def processor() -> str:
    """Name the processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def describe() -> dict[str, object]:
    """Return what a reader must know of the machine to judge the numbers; the load is that of others."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": processor(),
        "cores": joblib.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "kernel": kernel(),
        "blas_threads": int(os.environ.get("OPENBLAS_NUM_THREADS", 0)) or None,
        "load": round(os.getloadavg()[0], 1),
        "pytorch": metadata.version("torch") if find_spec("torch") else None,
        "jax": metadata.version("jax") if find_spec("jax") else None,
    }


def memory() -> dict[str, float]:
    """Return the memory of this process, in megabytes: what it has now, and the most that it ever had."""
    text = STATUS.read_text()
    now, most = (int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) / 1000 for name in ("VmRSS", "VmHWM"))
    return {"now": now, "most": most}


def gflops(dtype: str, n: int = 1024) -> float:
    """Measure the speed of one product of n x n matrices, in 1e9 additions and multiplications a second."""
    a = np.random.default_rng(0).random((n, n)).astype(dtype)
    start = time.perf_counter()
    a @ a
    return 2 * n**3 / (time.perf_counter() - start) / 1e9
