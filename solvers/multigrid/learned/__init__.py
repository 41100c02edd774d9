"""Multigrid whose smoothers and transfers a network sets."""
