"""Loads a stored dataset with kloppy, and adds the lake's metadata to kloppy's object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ingestify.domain.dataset import Dataset
from ingestify.errors import IngestifyError, LoadError, MissingExtraError
from ingestify.loaders.kloppy.files import FileStore
from ingestify.loaders.kloppy.registry import find_loader, loader_kinds

if TYPE_CHECKING:
    from kloppy.domain import Dataset as KloppyDataset

__all__ = ["load_with_kloppy"]


def load_with_kloppy(store: FileStore, dataset: Dataset, loader: str | None = None, **kwargs: Any) -> KloppyDataset:
    """Return kloppy's object of a dataset.

    kloppy does not know which match it loads. So the metadata of its object gets missing values from the lake:
    `game_id`, `date` (the provider's kick-off; naive if it has no zone, as at StatsBomb), `game_week`, and in
    `attributes` the `identifier`, `dataset_id`, `name` and `provider`.

    Args:
        store: The store that has the files.
        dataset: A dataset with a revision.
        loader: The format of its files, such as `opta`. None: the format that its source named, else the provider's.
        **kwargs: Arguments for kloppy: `coordinates`, `event_types`, `event_factory`, … for events; `coordinates`,
            `limit`, `sample_rate`, `only_alive`, … for tracking. `three_sixty=False` is no argument of kloppy: it
            leaves out StatsBomb's freeze frames, which take most of the time.

    Raises:
        TypeError: kloppy does not know an argument.
        MissingExtraError: kloppy is not installed.
        LoadError: There is no loader for this kind of dataset, a feed is missing, or kloppy cannot read it.
    """
    name = loader or dataset.loader
    load = find_loader(name, dataset.dataset_type)
    if load is None:
        raise LoadError(
            f"There is no kloppy loader for {name}/{dataset.dataset_type}; there is for {', '.join(loader_kinds())}. "
            f"If its files come in one of these formats, say which: loader=…, or `loader:` of its source. "
            f"Otherwise use store.load_files(dataset) and kloppy's own functions."
        )
    try:
        import kloppy  # noqa: F401 - only to see whether it is installed
    except ModuleNotFoundError as error:
        raise MissingExtraError("kloppy", "Loading a dataset with kloppy") from error
    if dataset.current_revision is None:
        raise LoadError(f"{dataset} has no files yet; its state is {dataset.state}.")
    files = store.load_files(dataset, lazy=True)
    try:
        loaded = load(files, kwargs)
    except LoadError as error:
        raise LoadError(f"{dataset} cannot be loaded with kloppy. {error}") from error
    except IngestifyError:
        raise  # such as a damaged object of the lake
    except Exception as error:
        if isinstance(error, TypeError) and "keyword argument" in str(error):
            raise  # the caller's mistake, not a fault of the match
        raise LoadError(f"kloppy cannot read {dataset}: {type(error).__name__}: {error}") from error
    finally:
        files.close()
    _fill_in(loaded, dataset)
    return loaded


def _fill_in(loaded: Any, dataset: Dataset) -> None:
    metadata = getattr(loaded, "metadata", None)
    if metadata is None:
        return
    identifier = dataset.identifier
    game_id = identifier.get("match_id", identifier.get("game_id"))
    known = {
        "game_id": None if game_id is None else str(game_id),
        "date": _kick_off(dataset.metadata),
        "game_week": dataset.metadata.get("match_week"),
    }
    for name, value in known.items():
        if value is not None and getattr(metadata, name, None) is None:
            setattr(metadata, name, value)
    attributes = dict(getattr(metadata, "attributes", None) or {})
    attributes.update(
        identifier=dict(identifier), dataset_id=dataset.dataset_id, name=dataset.name, provider=dataset.provider
    )
    metadata.attributes = attributes


def _kick_off(metadata: Mapping[str, Any]) -> dt.datetime | None:
    date, kick_off = metadata.get("match_date"), metadata.get("kick_off")
    if not isinstance(date, str):
        return None
    try:
        return dt.datetime.fromisoformat(f"{date}T{kick_off}" if isinstance(kick_off, str) else date)
    except ValueError:
        return None
