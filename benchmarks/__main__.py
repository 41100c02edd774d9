"""Run benchmark suites: ``python -m benchmarks [SUITE ...] [--quick] [--output FOLDER]``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from rich.console import Console

import benchmarks
from benchmarks.harness import Suite, save


def find_suites() -> dict[str, Suite]:
    """Return the suites of all modules in the sub-folders, by name."""
    names = [found.name for found in walk_packages(benchmarks.__path__, "benchmarks.") if found.name.count(".") == 2]
    suites: list[Suite] = [module.SUITE for name in names if hasattr(module := import_module(name), "SUITE")]
    return {suite.name: suite for suite in suites}


SUITES = find_suites()


def main(arguments: list[str] | None = None) -> None:
    """Run suites, print their summaries, and write JSON lines and a plot for each."""
    description = "Run benchmark suites, print their summaries, and write JSON lines and a plot for each."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=description)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of {', '.join(SUITES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="use small sizes, to check that suites run")
    parser.add_argument("--output", type=Path, default=Path("output/benchmarks"), help="folder for the results")
    options = parser.parse_args(arguments)
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"unknown suite {sorted(unknown)[0]!r}; known: {', '.join(SUITES)}")
    options.output.mkdir(parents=True, exist_ok=True)
    console = Console()
    for name in options.suites or SUITES:
        suite = SUITES[name]
        rows = suite.run(options.quick)
        save(rows, options.output / f"{name}.jsonl")
        suite.plot(rows).savefig(options.output / f"{name}.png", dpi=150)
        console.print(suite.question)
        console.print(suite.summary(rows))
        console.print(f"written: {options.output / name}.jsonl, {options.output / name}.png\n")


if __name__ == "__main__":
    main()
