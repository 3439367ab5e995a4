"""The sentence that a person reads first: what changed, counted by kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ingestify.comparison.difference import Difference, FeedDifferences, Rekeying, Strangers
from ingestify.comparison.kind import DifferenceKind
from ingestify.comparison.words import counted, field_label, joined, minutes_text, of_records, plural, value_texts

__all__ = ["MOST_CLAUSES", "clauses_of", "sentence_of"]

MOST_CLAUSES = 3

_MOST_KINDS = 3
"""Of more kinds of records, such as passes and shots, the sentence says how many records there are in all."""


def sentence_of(found: Sequence[FeedDifferences], clauses: Sequence[str]) -> str:
    """Return one sentence: at most three clauses, and how many more there are.

    Args:
        found: What was found in each feed that is not the same.
        clauses: What `clauses_of` returns.
    """
    if not clauses:
        return "Nothing changed."
    if not any(one.note or one.differences or one.strangers for one in found):
        clauses = ["no record changed", *clauses]
    more = len(clauses) - MOST_CLAUSES
    text = "; ".join(clauses[:MOST_CLAUSES]) + (f"; and {more} more" if more > 0 else "")
    return f"{text[0].upper()}{text[1:]}."


def clauses_of(found: Sequence[FeedDifferences]) -> list[str]:
    """Return what changed, in the order of how much it matters."""
    clauses = [_rekeying(one, of) for of in found for one in of.rekeyings]
    clauses += [f"{one.feed}{_before(one.note)}{one.note}" for one in found if one.note]
    clauses += [_strangers(one) for of in found for one in of.strangers]
    for kind in (DifferenceKind.CHANGED, DifferenceKind.ADDED, DifferenceKind.REMOVED, DifferenceKind.MOVED):
        for of in found:
            clauses += _of_kind(kind, of)
    for of in found:
        clauses += _reorderings(of)
    clauses += [f"{one.feed} is written in another way" for one in found if not _says(one)]
    return clauses


def _says(found: FeedDifferences) -> bool:
    return bool(found.note or found.differences or found.reorderings or found.strangers)


def _before(note: str) -> str:
    return " " if note.startswith("is ") else ": "


def _noun(noun: str, found: FeedDifferences) -> str:
    return noun.rstrip("*").replace("_", " ").lower() or found.noun or f"record of {found.feed}"


def _rekeying(one: Rekeying, found: FeedDifferences) -> str:
    noun = one.noun or "record"
    which = f"all {one.total:,}" if one.renamed == one.total else f"{one.renamed:,} of {one.total:,}"
    ids = f"{which} {plural(field_label(one.key, found.labels))} of {plural(noun)} {_agreeing(one.renamed, 'are')} new"
    by = joined([field_label(way, {}) for way in one.pairs_by]) if one.pairs_by else "content"
    pairs = f"{one.paired:,} {_agreeing(one.paired, 'pair')} up by {by}"
    if one.differing:
        pairs += f", of which {one.differing:,} {_agreeing(one.differing, 'differ')}"
    else:
        pairs += f" and {_agreeing(one.paired, 'do')} not differ otherwise"
    alone = one.renamed - one.paired
    return f"{ids}: {pairs}" + (f", and {alone:,} {_agreeing(alone, 'have')} no counterpart" if alone else "")


def _strangers(one: Strangers) -> str:
    count = one.new or one.old
    which = f"all {count:,}" if count == one.total else f"{count:,} of {one.total:,}"
    records = f"the only {one.noun}" if one.total == 1 else f"{which} {plural(one.noun)}"
    if not one.new:
        return f"{records} belonged to none of the {one.feed} before, and {_agreeing(count, 'do')} now"
    as_before = ", as before" if one.old == one.new else ""
    return f"{records} {_agreeing(count, 'belong')} to none of the {one.feed}{as_before}"


_IRREGULAR = {"are": "is", "do": "does", "have": "has"}


def _agreeing(count: int, verb: str) -> str:
    """Return `stands` for one, `stand` for several."""
    return verb if count != 1 else _IRREGULAR.get(verb, f"{verb}s")


def _of_kind(kind: DifferenceKind, found: FeedDifferences) -> Iterator[str]:
    """Yield a clause for each field that changed, or for each kind of record that came, went or moved."""
    by_label: defaultdict[str, list[Difference]] = defaultdict(list)
    for one in found.differences:
        if one.kind is kind:
            by_label[_label(one, found)].append(one)
    named = set(found.labels.values())
    for label, differences in sorted(by_label.items(), key=lambda item: (item[0] not in named, -len(item[1]))):
        by_noun: defaultdict[str, list[Difference]] = defaultdict(list)
        for one in differences:
            by_noun[_noun(one.noun, found)].append(one)
        groups: Iterable[tuple[str, list[Difference]]] = by_noun.items()
        if len(by_noun) > _MOST_KINDS:
            groups = [(_noun("", found), differences)]
        for noun, group in groups:
            yield _clause(kind, label, noun, group, found)


def _label(one: Difference, found: FeedDifferences) -> str:
    return field_label(one.field, found.labels) if one.kind is DifferenceKind.CHANGED else ""


_VERBS = {DifferenceKind.ADDED: "added", DifferenceKind.REMOVED: "removed", DifferenceKind.MOVED: "moved"}


def _clause(kind: DifferenceKind, label: str, noun: str, group: Sequence[Difference], found: FeedDifferences) -> str:
    count = len({(one.key, one.position) if _is_hashable(one) else id(one) for one in group})
    when = minutes_text(one.minute for one in group)
    whose = group[0].who if count == 1 else ""
    if kind is not DifferenceKind.CHANGED:
        return f"{counted(count, noun)} {_VERBS[kind]}{when}" + (f" ({whose})" if whose else "")
    if group[0].position is None:
        noun = group[0].noun
        subject = f"the {noun}'s {label}" if noun and label else f"{label or 'content'} of {found.feed}"
    else:
        subject = of_records(count, noun, label or "content")
    values = ""
    if count == 1:
        shown = next((one for one in group if one.field.endswith(".name")), group[0])
        values = " → ".join(value_texts(shown.old, shown.new))
        whose = "" if whose == shown.new else whose
    details = ": ".join(filter(None, (whose, values)))
    return f"{subject} changed{when}" + (f" ({details})" if details else "")


def _reorderings(found: FeedDifferences) -> Iterator[str]:
    by_label: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in found.reorderings:
        by_label[field_label(one.field, found.labels)][_noun(one.noun, found)] += one.count
    for label, counts in by_label.items():
        if len(counts) > _MOST_KINDS:
            counts = Counter({_noun("", found): counts.total()})
        for noun, count in counts.items():
            if count == 1:
                yield f"{of_records(count, noun, label)} stands in another order"
            else:
                lists = label if label.endswith("s") else plural(label)
                yield f"{of_records(count, noun, lists)} stand in another order"


def _is_hashable(one: Difference) -> bool:
    return all(isinstance(part, (str, int, float, type(None))) for part in one.key)
