"""Comparison of solvers under equal conditions: measurements, tables, plots and reports."""
