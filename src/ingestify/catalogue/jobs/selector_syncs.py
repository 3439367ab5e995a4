"""Selector syncs: when each selector was last ingested, and what it listed then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_from_text, moment_to_text, to_moment
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.domain.ports import DiscoveredSelector, SelectorSync
from ingestify.domain.selector import Selector, Several

__all__ = ["SelectorSyncs"]


class SelectorSyncs:
    """The table of the selectors that were ingested."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sync = tables.selector_sync

    @retried
    def find(self, key: str) -> SelectorSync | None:
        """Return the last sync of the selector with that key, or None."""
        statement = sa.select(self._sync).where(self._sync.c.key_hash == _hash(key))
        with self._database.read("read when a selector was ingested") as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else _sync_from(row)

    @retried
    def save(self, key: str, sync: SelectorSync) -> None:
        """Save the last sync of a selector."""
        values = {
            "selector_key": key,
            "last_modified": moment_to_text(sync.last_modified),
            "complete": sync.complete,
            "finished_at": moment_to_text(sync.finished_at),
            "listing": sync.listing,
            "hint": None if sync.hint is None else json.dumps(sync.hint),
            "is_settled": sync.is_settled,
            "followed_until": moment_to_text(sync.followed_until),
            "absent": sync.missing_digest,
            **_discovered_row(sync.discovered),
            "doubles": " ".join(sync.duplicates) or None,
        }
        with self._database.write("save when a selector was ingested") as connection:
            known = self._sync.c.key_hash == _hash(key)
            if not connection.execute(self._sync.update().where(known), values).rowcount:
                connection.execute(self._sync.insert(), {"key_hash": _hash(key), **values})

    @retried
    def find_discovered(self, bucket: str, source: str, provider: str, dataset_type: str) -> list[DiscoveredSelector]:
        """Return the selectors that a source discovered in an earlier run, each once."""
        there = {"bucket": bucket, "source": source, "provider": provider, "dataset_type": dataset_type}
        statement = sa.select(self._sync).where(*(self._sync.c[name] == value for name, value in there.items()))
        with self._database.read("read which selectors were discovered") as connection:
            rows = connection.execute(statement.order_by(self._sync.c.finished_at)).mappings().all()
        # A selector of several plans has several rows.
        found = [discovered for row in rows if (discovered := _discovered_from(row)) is not None]
        return sorted({one.selector: one for one in found}.values(), key=lambda one: one.selector.canonical)

    @retried
    def forget(self, discovered: DiscoveredSelector) -> None:
        """Remove the syncs of a selector that its source discovers no more."""
        columns = self._sync.c
        values = _discovered_row(discovered)
        del values["selector"]
        there = [columns[name] == value for name, value in values.items()]
        with self._database.write("forget a selector") as connection:
            rows = connection.execute(sa.select(columns.key_hash, columns.selector).where(*there)).all()
            theirs = [row.key_hash for row in rows if _selector_from(row.selector) == discovered.selector]
            for hashes in chunks(theirs):
                connection.execute(self._sync.delete().where(self._dialect.any_of(columns.key_hash, hashes)))

    @retried
    def forget_listings(self, besides: Collection[str] = ()) -> None:
        """Forget the listings of selectors, so that the next whole listing is compared with the lake itself."""
        columns = self._sync.c
        kept = {_hash(key) for key in besides}
        with self._database.write("forget listings") as connection:
            known = connection.scalars(sa.select(columns.key_hash).where(columns.listing.is_not(None))).all()
            for hashes in chunks([one for one in known if one not in kept]):
                theirs = self._dialect.any_of(columns.key_hash, hashes)
                connection.execute(self._sync.update().where(theirs).values(listing=None))

    def forget_missing(self, is_contradicted: Callable[[str], bool]) -> None:
        """Forget the missing datasets of selectors that a second listing has to confirm."""
        self._update_some(
            self._sync.c.absent.is_not(None), is_contradicted, "which datasets were missing", {"absent": None}
        )

    def forget_hints(self, is_contradicted: Callable[[str], bool] | None = None) -> None:
        """Trust the hints of selectors no more, so that the next run lists each of them. None: all selectors."""
        columns = self._sync.c
        hinted = columns.is_settled.is_(True) & columns.hint.is_not(None)
        self._update_some(hinted, is_contradicted or (lambda _: True), "the hints of selectors", {"is_settled": False})

    @retried
    def _update_some(
        self, known: sa.ColumnElement[bool], is_chosen: Callable[[str], bool], what: str, values: dict[str, object]
    ) -> None:
        """Set columns of the rows that are `known`, and whose key is chosen."""
        columns = self._sync.c
        with self._database.read(f"read {what}") as connection:
            keys = connection.execute(sa.select(columns.key_hash, columns.selector_key).where(known)).all()
        theirs = [row.key_hash for row in keys if is_chosen(row.selector_key)]
        if not theirs:
            return
        with self._database.write(f"forget {what}") as connection:
            for hashes in chunks(theirs):
                those = self._dialect.any_of(columns.key_hash, hashes)
                connection.execute(self._sync.update().where(those).values(values))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _sync_from(row: sa.RowMapping) -> SelectorSync:
    return SelectorSync(
        moment_from_text(row["last_modified"]),
        bool(row["complete"]),
        to_moment(row["finished_at"]),
        row["listing"],
        None if row["hint"] is None else json.loads(row["hint"]),
        bool(row["is_settled"]),
        moment_from_text(row["followed_until"]),
        row["absent"],
        _discovered_from(row),
        tuple((row["doubles"] or "").split()),
    )


def _discovered_from(row: sa.RowMapping) -> DiscoveredSelector | None:
    if row["selector"] is None:
        return None
    return DiscoveredSelector(
        row["bucket"], row["source"], row["provider"], row["dataset_type"], _selector_from(row["selector"])
    )


def _selector_from(text: str) -> Selector:
    read = json.loads(text)
    return Selector({key: Several(value) if isinstance(value, list) else value for key, value in read.items()})


def _discovered_row(discovered: DiscoveredSelector | None) -> dict[str, str | None]:
    if discovered is None:
        return dict.fromkeys(("bucket", "source", "provider", "dataset_type", "selector"))
    selector = discovered.selector
    return {
        "bucket": discovered.bucket,
        "source": discovered.source,
        "provider": discovered.provider,
        "dataset_type": discovered.dataset_type,
        # The name is for people; other hints may change with each discovery.
        "selector": json.dumps({**selector.attributes, "_name": selector.name}, default=str),
    }
