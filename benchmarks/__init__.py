"""Benchmarks of solvers on problems over sizes, against peers measured in the same run: ``python -m benchmarks``."""
