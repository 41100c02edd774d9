"""Many calls in worker processes, so that crashes and hangs are outcomes like any other."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from . import files_and_options, linear_systems, other_problems, regression
from .calls import FINE, Call, Outcome, make

KINDS: dict[Callable[[np.random.Generator], Call], int] = {
    linear_systems.system: 45,
    linear_systems.grid: 10,
    linear_systems.shared: 2,
    linear_systems.sequence: 3,
    regression.least_squares: 8,
    regression.lp_regression: 5,
    regression.estimators: 2,
    other_problems.differential_equation: 2,
    other_problems.clustering: 5,
    other_problems.estimate: 5,
    other_problems.reduced_model: 1,
    files_and_options.operator: 3,
    files_and_options.options: 5,
    files_and_options.matrix_file: 2,
    files_and_options.edge_list: 2,
    files_and_options.command_line: 1,
}
PATIENCE = 120.0  # seconds that one call may take


def call_of(seed: int) -> Call:
    """Return the call that a seed stands for."""
    rng = np.random.default_rng((2024, seed))
    weights = np.array(list(KINDS.values()), dtype=float)
    return list(KINDS)[int(rng.choice(len(KINDS), p=weights / weights.sum()))](rng)


def outcome_of(seed: int) -> Outcome:
    """Make the call of a seed."""
    return make(call_of(seed))


def work(first: int, last: int) -> None:
    """Make calls in this process; print a line before and after each."""
    answers = os.fdopen(os.dup(1), "w")  # whatever a call prints goes elsewhere
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for seed in range(first, last):
        print(json.dumps({"begun": seed}), file=answers, flush=True)
        outcome = outcome_of(seed)
        line = {"seed": seed, "kind": outcome.kind, "text": outcome.text, "detail": outcome.detail[-600:]}
        print(json.dumps(line), file=answers, flush=True)


def supervise(first: int, last: int) -> Iterator[dict[str, object]]:
    """Yield what came of each call, from workers that are started again after a crash or a hang."""
    seed = first
    while seed < last:
        command = [sys.executable, "-m", "tests.fuzz", "--worker", str(seed), str(last)]
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
        )
        assert worker.stdout is not None
        selector = selectors.DefaultSelector()
        selector.register(worker.stdout, selectors.EVENT_READ)
        ending = "crash"
        while True:
            if not selector.select(PATIENCE):
                ending = "hang"
                worker.kill()
                break
            line = worker.stdout.readline()
            if not line:
                break
            found = json.loads(line)
            if "begun" in found:
                seed = found["begun"]
            else:
                yield found
                seed = found["seed"] + 1
        worker.wait()
        if seed < last:
            yield {
                "seed": seed,
                "kind": ending,
                "text": call_of(seed).text,
                "detail": f"exit status {worker.returncode}",
            }
            seed += 1


def run(calls: int, seed: int, report: Path | None, jobs: int = 1) -> int:
    """Make many calls; print a summary, write everything that is not fine, and return how many calls that were."""
    began, counts, bad = time.perf_counter(), Counter[str](), []
    ends = np.linspace(seed, seed + calls, jobs + 1).astype(int).tolist()

    def share(first: int, last: int) -> None:
        for found in supervise(first, last):
            counts[str(found["kind"])] += 1
            if found["kind"] not in FINE:
                bad.append(found)
                detail = str(found["detail"])[-300:]
                print(f"{found['kind']}: seed {found['seed']}: {found['text']}\n    {detail}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(share, *pair) for pair in pairwise(ends)]:
            done.result()
    summary = {"calls": calls, "first seed": seed, "seconds": round(time.perf_counter() - began), **counts}
    print(json.dumps(summary))
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps({"summary": summary, "bad": bad}, indent=1))
    return len(bad)
