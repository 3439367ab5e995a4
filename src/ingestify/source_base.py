"""What a source is written with; see `ingestify.domain.models`."""

from ingestify.domain.models import *  # noqa: F403 - all of its names
