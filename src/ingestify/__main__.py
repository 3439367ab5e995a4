"""`python -m ingestify`."""

from ingestify.cli import main

main()
