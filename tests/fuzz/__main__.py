"""Run ``python -m tests.fuzz``: random calls, each compared with an independent reference."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from .runner import outcome_of, run, work  # noqa: E402  (after the threads are set)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--calls", type=int, default=20_000)
parser.add_argument("--seed", type=int, default=0, help="of the first call; each call has the next one")
parser.add_argument("--jobs", type=int, default=1, help="processes that make calls at the same time")
parser.add_argument("--report", type=Path, help="JSON file to write")
parser.add_argument("--only", type=int, help="make the call of this seed alone, in this process")
parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
options = parser.parse_args()
if options.worker:
    work(*options.worker)
elif options.only is not None:
    outcome = outcome_of(options.only)
    print(outcome.kind, outcome.text, outcome.detail, sep="\n")
else:
    sys.exit(1 if run(options.calls, options.seed, options.report, options.jobs) else 0)
