"""Clusters of snapshots, a basis for each, and the classifiers that choose among them."""
