"""Contradictions between keys of a config.yaml that are each valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingestify.suggestion import did_you_mean

__all__ = ["Contradiction", "find_contradictions"]

Contradiction = tuple[tuple[str | int, ...], str]
"""The path of a key, and the contradiction between its value and another key."""


def find_contradictions(document: Mapping[str, object]) -> list[Contradiction]:
    """Return the contradictions, such as a plan with an unknown source, or a publisher that is there twice.

    Args:
        document: The file's mappings and lists. Parts with a wrong shape are skipped.
    """
    found: list[Contradiction] = []
    sources = document.get("sources")
    if isinstance(sources, Mapping):
        names = [str(name) for name in sources]
        for index, plan in _entries(document, "ingestion_plans"):
            wanted = plan.get("source")
            if isinstance(wanted, str) and wanted and wanted not in names:
                hint = did_you_mean(wanted, names) or f"; there {'is' if len(names) == 1 else 'are'} {_listed(names)}."
                found.append((("ingestion_plans", index, "source"), f"there is no source '{wanted}'{hint}"))
    seen: set[tuple[object, object]] = set()
    for index, entry in _entries(document, "dataset_types"):
        provider, dataset_type = entry.get("provider"), entry.get("dataset_type")
        if not isinstance(provider, str) or not isinstance(dataset_type, str):
            continue
        if (provider, dataset_type) in seen:
            problem = f"the dataset type '{dataset_type}' of '{provider}' is there a second time."
            found.append((("dataset_types", index), problem))
        seen.add((provider, dataset_type))
    names_seen: set[object] = set()
    for index, entry in _entries(document, "event_publishers"):
        name = entry.get("name")
        if isinstance(name, str) and name in names_seen:
            found.append((("event_publishers", index, "name"), f"there is a second publisher '{name}'."))
        names_seen.add(name)
    found += _find_unknown_age(document)
    return found


def _find_unknown_age(document: Mapping[str, object]) -> list[Contradiction]:
    freshness = document.get("freshness")
    if isinstance(freshness, Mapping) and freshness.get("stale_after") is not None:
        return []
    return [
        (("run_hooks", index, "when"), "nothing is stale without an age; add  freshness: {stale_after: 36h}.")
        for index, entry in _entries(document, "run_hooks")
        if isinstance(when := entry.get("when"), (list, tuple)) and "stale" in when
    ]


def _entries(document: Mapping[str, object], section: str) -> list[tuple[int, Mapping[str, object]]]:
    entries = document.get(section)
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return []
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "none at all"
