"""Graphs for clustering."""
