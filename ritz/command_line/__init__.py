"""The ``ritz`` command."""
