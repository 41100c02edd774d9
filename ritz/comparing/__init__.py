"""Measuring solvers on equal terms, and showing the outcome."""
