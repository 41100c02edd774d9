"""The command ``python -m ritz``."""

from ritz.command_line.cli import main

main()
