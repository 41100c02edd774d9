"""``python -m ritz``."""

from ritz.cli import main

main()
