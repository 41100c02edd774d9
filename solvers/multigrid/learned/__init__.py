"""Multigrid with learned smoothers, transfers and coarse operators."""
