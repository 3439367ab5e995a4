"""See `ingestify.domain.file`."""

from ingestify.domain.file import DraftFile as DraftFile
from ingestify.domain.file import File as File
from ingestify.domain.file import NotModifiedFile as NotModifiedFile
