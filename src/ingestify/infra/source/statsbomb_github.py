"""See `ingestify.sources.statsbomb_github`."""

from ingestify.sources.statsbomb_github import StatsBombGithub as StatsBombGithub
