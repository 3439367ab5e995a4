"""A note for each provider, with the terms under which it gives its data out."""

from __future__ import annotations

from collections.abc import Iterator

from ingestify.domain.dataset import Dataset
from ingestify.store.export.paths import named

__all__ = ["Terms"]


class Terms:
    """The terms that the revisions of the exported datasets have kept."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, None]] = {}

    def add(self, dataset: Dataset) -> None:
        """Remember the terms of a dataset; a dict keeps them in order."""
        for revision in dataset.revisions[-1:]:
            for name in ("licence", "attribution"):
                if text := revision.source.get(name):
                    self._of.setdefault(dataset.provider, {})[f"{name}: {' '.join(str(text).split())}"] = None

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path and the content of each note."""
        for provider, lines in self._of.items():
            head = f"The files of {' '.join(provider.split())} in this folder belong to their provider. Its terms are:"
            text = "\n".join([head, "", *sorted(lines, reverse=True), ""])
            yield f"LICENCE-{named(provider)}.txt", text.encode("utf-8", "backslashreplace")
