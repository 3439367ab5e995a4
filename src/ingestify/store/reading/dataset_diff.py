"""What changed between two revisions of a dataset, and the revisions of one, as tables."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ingestify.comparison.difference import Difference, FeedDifferences
from ingestify.comparison.kind import ABSENT, DifferenceKind
from ingestify.comparison.sentence import MOST_CLAUSES, clauses_of, sentence_of
from ingestify.comparison.words import field_label, value_texts
from ingestify.domain.json_value import JsonValue
from ingestify.domain.revision import RevisionState
from ingestify.store.reading.table_list import TableList

if TYPE_CHECKING:
    from ingestify.pictures.picture import Picture

__all__ = ["DatasetDiff", "LoggedRevision", "RevisionLog"]


_WHOLE = (DifferenceKind.ADDED, DifferenceKind.REMOVED)
"""Differences whose values are whole records."""


class DatasetDiff(TableList[Difference]):
    """What changed between two revisions: a sentence, and a table with a row for each difference.

    It is empty if no record changed; then too, the sentence says what else is different.

    Args:
        found: What was found in each feed that is not the same.
        name: The dataset's name.
        from_revision: The number of the old revision.
        to_revision: The number of the new one.

    Attributes:
        sentence: What changed, for people: `2 shots' xG changed; 1 pass added in minute 63.`
        clauses: All parts of the sentence, which has at most three of them.
    """

    columns = ("feed", "what", "record", "minute", "who", "field", "old", "new")

    def __init__(self, found: Sequence[FeedDifferences], name: str, from_revision: int, to_revision: int) -> None:
        super().__init__(one for of in found for one in of.differences)
        self.from_revision = from_revision
        self.to_revision = to_revision
        self.clauses = tuple(clauses_of(found))
        self.sentence = sentence_of(found, self.clauses)
        self._name = name
        self._labels = {of.feed: of.labels for of in found}

    @property
    def has_more_clauses(self) -> bool:
        """Whether the sentence leaves clauses out."""
        return len(self.clauses) > MOST_CLAUSES

    @property
    def caption(self) -> str:
        """The sentence, with which revisions of what it is about."""
        return f"{self._name}, revision {self.from_revision} → {self.to_revision}: {self.sentence}"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each difference."""
        for one in self:
            yield (
                one.feed,
                one.kind.value,
                one.noun or key_text(one),
                one.minute,
                one.who,
                field_label(one.field, self._labels[one.feed]) + (" id" if one.field.endswith(".id") else ""),
                *(("", "") if one.kind in _WHOLE else value_texts(one.old, one.new)),
            )

    def plot(self) -> Picture:
        """Return a picture: how many records of each feed were added, removed and changed."""
        from ingestify.pictures.change_bars import FeedChanges, change_bars  # only who looks at it needs it

        # A changed record has a difference for each of its fields.
        records = {(one.feed, one.kind, str(one.key), one.position) for one in self}
        counts = Counter((feed, kind.value) for feed, kind, _, _ in records)
        feeds = [
            FeedChanges(feed, **{kind.value: counts[feed, kind.value] for kind in DifferenceKind})
            for feed in self._labels
        ]
        return change_bars(f"{self._name}, revision {self.from_revision} → {self.to_revision}", self.sentence, feeds)

    def _repr_html_(self) -> str:
        from ingestify.pictures.picture import shown_in_notebook

        return (shown_in_notebook(self.plot) if self else "") + super()._repr_html_()

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each difference. Objects and lists are JSON text."""
        return [
            {
                "feed": one.feed,
                "kind": one.kind.value,
                "key": key_text(one),
                "position": one.position,
                "noun": one.noun,
                "who": one.who,
                "minute": one.minute,
                "field": one.field,
                "old": _cell(one.old),
                "new": _cell(one.new),
            }
            for one in self
        ]


def key_text(one: Difference) -> str:
    """Return the keys of a record as text: `914/6954`; empty: it has none."""
    return "/".join(map(str, one.key))


def _cell(value: JsonValue) -> JsonValue:
    if value is ABSENT:
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


class LoggedRevision(msgspec.Struct, frozen=True):
    """A revision, and what changed in it.

    Attributes:
        revision_id: Its number.
        created_at: When it was committed.
        state: Whether it is trusted.
        description: Why it was made or invalidated, for people.
        sentence: What changed since the revision before; of the first one, what came.
    """

    revision_id: int
    created_at: dt.datetime
    state: RevisionState
    description: str
    sentence: str


class RevisionLog(TableList[LoggedRevision]):
    """The revisions of a dataset, oldest first.

    Args:
        revisions: The revisions.
        name: The dataset's name.
    """

    columns = ("revision", "committed", "state", "what changed")

    def __init__(self, revisions: Iterable[LoggedRevision], name: str) -> None:
        super().__init__(revisions)
        self._name = name

    @property
    def caption(self) -> str:
        """Whose revisions they are."""
        return f"{self._name}: {len(self):,} revision{'' if len(self) == 1 else 's'}"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each revision."""
        for one in self:
            yield one.revision_id, one.created_at, one.state.value, one.sentence

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each revision."""
        return [
            {
                "revision_id": one.revision_id,
                "created_at": one.created_at,
                "state": one.state.value,
                "description": one.description,
                "sentence": one.sentence,
            }
            for one in self
        ]
