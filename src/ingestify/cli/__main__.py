"""`python -m ingestify.cli`."""

from ingestify.cli import main

main()
