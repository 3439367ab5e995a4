"""The documents of what keeps a lake: `verify`, `copy`, `gc` and `adopt`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict

from ingestify.documents.document import filled
from ingestify.domain.damage import Damage, DamageKind

# Each of these commands reads one of them; a document needs none at runtime.
if TYPE_CHECKING:
    from ingestify.domain.adoption import NotTaken
    from ingestify.engine.keeping.adopting import AdoptionReport
    from ingestify.engine.keeping.mirroring import CopyReport
    from ingestify.engine.keeping.verifying import VerifyReport
    from ingestify.store.export.report import Exported, ExportReport
    from ingestify.store.maintenance.copied import Copied
    from ingestify.store.maintenance.garbage import Garbage
    from ingestify.store.maintenance.repair import Repaired

__all__ = [
    "AdoptionEndLine",
    "CopiedLine",
    "CopyDamageLine",
    "CopyEndLine",
    "DamageDocument",
    "DamageLine",
    "ExportEndLine",
    "ExportedLine",
    "GarbageDocument",
    "NotTakenLine",
    "RepairLine",
    "VerifyEndLine",
    "adoption_end_line",
    "copied_line",
    "copy_damage_line",
    "copy_end_line",
    "damage_document",
    "damage_line",
    "export_end_line",
    "exported_line",
    "garbage_document",
    "not_taken_line",
    "repair_line",
    "verify_end_line",
]


class DamageDocument(TypedDict):
    """A damage, and what can be done about it.

    Attributes:
        where: What is damaged.
        what: What is wrong with it.
        remedy: The next thing to do.
        is_failure: Whether it is a failure of the lake; an orphaned file is none.
        dataset_id: null: it belongs to no dataset, or that is unknown. The same holds for the keys after it.
    """

    kind: DamageKind
    where: str
    what: str
    remedy: str
    is_failure: bool
    bucket: str | None
    dataset_id: str | None
    revision_id: int | None
    file_id: str | None
    path: str | None
    entry_id: str | None


class DamageLine(DamageDocument):
    """A damage that was found, or that is left after a repair."""

    event: Literal["damage", "left"]


class RepairLine(TypedDict):
    """A step of a repair: what was repaired, and the result."""

    event: Literal["repair"]
    where: str
    what: str


class VerifyEndLine(TypedDict):
    """The last line of `verify`.

    Attributes:
        objects: How many files were read.
        skipped: How many files are not in the sample.
        share: The share of the files to read, above 0 and up to 1.
        seed: The seed of the sample; null: all files were read.
        kinds: How many damages there are of each kind.
        orphans: How many files of the storage no dataset has.
        left: How many damages the repair did not remove.
    """

    event: Literal["verify_ended"]
    objects: int
    bytes: int
    skipped: int
    share: float
    seed: int | None
    damages: int
    kinds: Mapping[str, int]
    orphans: int
    left: int
    exit_code: int


class CopiedLine(TypedDict):
    """A dataset, or a bundle in quarantine, that differed.

    Attributes:
        outcome: `new`, `updated`, `conflict` or `failed`.
        is_quarantined: Whether it is a bundle in quarantine.
        reason: Why it failed, or is a conflict.
    """

    event: Literal["copied"]
    outcome: str
    what: str
    dataset_id: str
    is_quarantined: bool
    reason: str | None


class CopyDamageLine(TypedDict):
    """A damage of the target, with `--verify`."""

    event: Literal["damage"]
    kind: DamageKind
    where: str
    what: str


class CopyEndLine(TypedDict):
    """The last line of `copy`.

    Attributes:
        only_in_target: How many datasets only the target has; `deleted` of them were removed.
        objects: How many files were copied.
        damages: How many files of the target are damaged; null: it was not verified.
    """

    event: Literal["copy_ended"]
    dry_run: bool
    new: int
    updated: int
    unchanged: int
    conflicts: int
    failed: int
    quarantined: int
    only_in_target: int
    deleted: int
    objects: int
    bytes: int
    damages: int | None
    exit_code: int


class GarbageDocument(TypedDict):
    """What `gc` removed, or would remove.

    Attributes:
        objects: How many files no dataset has.
        leftovers: How many temporary files broken runs left.
        jobs: How many jobs are older than the retention; `events`: how many events.
        unread_events: How many old events are kept for the reader `slowest_reader`.
        thinned_revisions: How many provisional revisions of live matches went (`retention: live_revisions`), with how
            many `thinned_files` of how many `thinned_bytes`. The files go when they are as old as was asked for.
        removed: Whether all this is removed.
    """

    objects: int
    object_bytes: int
    leftovers: int
    leftover_bytes: int
    jobs: int
    events: int
    unread_events: int
    slowest_reader: str | None
    thinned_revisions: int
    thinned_files: int
    thinned_bytes: int
    older_than_seconds: int
    removed: bool


class NotTakenLine(TypedDict):
    """Something of the old lake that is not taken.

    Attributes:
        kind: `replaced`, `left out`, `cut`, `old file` or `event`.
        what: The dataset or the event.
    """

    event: Literal["not_taken"]
    kind: str
    what: str
    dataset_id: str
    reason: str


class AdoptionEndLine(TypedDict):
    """The last line of `adopt`.

    Attributes:
        already: How many datasets an earlier, interrupted adoption took.
        times: What is assumed of times without zone.
        present: How many of the datasets the new lake has, if it was adopted before.
        written_since: How many datasets the published package has written since then.
    """

    event: Literal["adoption_ended"]
    dry_run: bool
    datasets: int
    already: int
    revisions: int
    files: int
    objects: int
    bytes: int
    events: int
    readers: int
    not_taken: int
    times: str | None
    present: int | None
    written_since: int
    exit_code: int


class ExportedLine(TypedDict):
    """A file of an export.

    Attributes:
        outcome: `written`, `replaced`, `unchanged`, `left out` or `failed`.
        path: Where it is, below the folder.
        what: The dataset and the feed; or that it is a list, or the provider's terms.
        dataset_id: The dataset; null: it is of several.
        bytes: How many were written.
        reason: Why it failed, or is left out.
    """

    event: Literal["exported"]
    outcome: str
    path: str
    what: str
    dataset_id: str | None
    bytes: int
    reason: str | None


class ExportEndLine(TypedDict):
    """The last line of `export`.

    Attributes:
        files: How many files the export has.
        unchanged: How many of them were there with the same bytes.
        left_out: How many are no tables, with `--format parquet`.
        bytes: How many were written.
    """

    event: Literal["export_ended"]
    dry_run: bool
    folder: str
    datasets: int
    files: int
    written: int
    replaced: int
    unchanged: int
    left_out: int
    failed: int
    bytes: int
    exit_code: int


def damage_document(damage: Damage) -> DamageDocument:
    """Return a damage, and what can be done about it."""
    return filled(DamageDocument, damage)


def damage_line(event: Literal["damage", "left"], damage: Damage) -> DamageLine:
    """Return a damage that was found, or that is left after a repair."""
    return filled(DamageLine, damage, event=event)


def repair_line(repaired: Repaired) -> RepairLine:
    """Return a step of a repair."""
    return filled(RepairLine, repaired, event="repair")


def verify_end_line(report: VerifyReport, exit_code: int) -> VerifyEndLine:
    """Return the result of a verification, with the exit code of its command."""
    counts = {kind.value: sum(one.kind is kind for one in report.damages) for kind in DamageKind}
    return filled(
        VerifyEndLine,
        report,
        event="verify_ended",
        bytes=report.size,
        seed=report.seed if report.share < 1 else None,
        damages=len(report.damages),
        kinds={kind: count for kind, count in counts.items() if count},
        left=len(report.left),
        exit_code=exit_code,
    )


def copied_line(copied: Copied) -> CopiedLine:
    """Return the outcome for one dataset that differed."""
    return filled(CopiedLine, copied, event="copied", reason=copied.reason or None)


def copy_damage_line(damage: Damage) -> CopyDamageLine:
    """Return a damage of the target."""
    return filled(CopyDamageLine, damage, event="damage")


def copy_end_line(report: CopyReport, exit_code: int) -> CopyEndLine:
    """Return the result of a copy, with the exit code of its command."""
    return filled(
        CopyEndLine,
        report.progress,
        event="copy_ended",
        dry_run=report.dry_run,
        only_in_target=len(report.only_in_target),
        deleted=report.deleted,
        bytes=report.progress.size,
        damages=report.damages,
        exit_code=exit_code,
    )


def exported_line(one: Exported) -> ExportedLine:
    """Return the outcome for one file."""
    return filled(
        ExportedLine,
        one,
        event="exported",
        bytes=one.size,
        dataset_id=one.dataset_id or None,
        reason=one.reason or None,
    )


def export_end_line(report: ExportReport, exit_code: int) -> ExportEndLine:
    """Return the result of an export, with the exit code of its command."""
    return filled(
        ExportEndLine,
        report.progress,
        event="export_ended",
        dry_run=report.dry_run,
        folder=report.folder,
        bytes=report.progress.size,
        exit_code=exit_code,
    )


def garbage_document(garbage: Garbage, older_than: dt.timedelta) -> GarbageDocument:
    """Return what was removed, or would be; `older_than` is the age that was asked for."""
    return filled(
        GarbageDocument,
        garbage.forgotten,
        objects=garbage.objects,
        object_bytes=garbage.object_bytes,
        leftovers=garbage.leftovers.count,
        leftover_bytes=garbage.leftovers.size,
        thinned_revisions=sum(len(one.revisions) for one in garbage.thinned),
        thinned_files=sum(len(one.files) for one in garbage.thinned),
        thinned_bytes=sum(one.size for one in garbage.thinned),
        older_than_seconds=int(older_than.total_seconds()),
        removed=garbage.is_removed,
    )


def not_taken_line(one: NotTaken) -> NotTakenLine:
    """Return something of the old lake that is not taken."""
    return filled(NotTakenLine, one, event="not_taken")


def adoption_end_line(report: AdoptionReport, exit_code: int) -> AdoptionEndLine:
    """Return the result of an adoption, with the exit code of its command."""
    return filled(
        AdoptionEndLine,
        report.progress,
        event="adoption_ended",
        dry_run=report.dry_run,
        bytes=report.progress.size,
        not_taken=len(report.not_taken),
        times=report.zone_note or None,
        present=None if report.present is None else report.present[0],
        written_since=report.written_since,
        exit_code=exit_code,
    )
