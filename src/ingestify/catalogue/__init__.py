"""The catalogue: what the lake holds, in an SQL database."""

from __future__ import annotations

from ingestify.catalogue.catalogue import SqlCatalogue

__all__ = ["SqlCatalogue"]
