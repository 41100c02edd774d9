"""Graphs to be divided into clusters."""
