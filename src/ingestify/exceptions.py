"""See `ingestify.errors`."""

from ingestify.errors import *  # noqa: F403 - all of its names
