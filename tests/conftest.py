"""One thread for every library, so that tests run alike on every machine and side by side."""

import os
import sys
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

sys.path.insert(0, str(Path(__file__).parent))  # test files share systems.py and operator_checks.py

from hypothesis import settings  # noqa: E402  (after the threads are set: hypothesis loads NumPy)

# Integration runs draw the same examples each time; at a desk new ones are tried.
settings.register_profile("integration", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("integration")
