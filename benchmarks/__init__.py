"""Problem x solver x size against peers, as ratios measured in one run: ``python -m benchmarks``."""
