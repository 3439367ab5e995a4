"""A reader in place of kloppy, which takes the columns of a match from its file. Other processes can import it."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import warnings
from typing import Any

from ingestify.errors import LoadError

SECOND = dt.timedelta(seconds=1)


class Loaded:
    """What kloppy would return."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns

    def to_dict(self, orient: str) -> dict[str, Any]:
        return self.columns

    def to_df(self, engine: str) -> Any:
        return importlib.import_module(engine).DataFrame(self.columns)


def load(store: Any, dataset: Any, loader: str | None, **arguments: Any) -> Loaded:
    """Return the columns in the file of a match."""
    content = store.load_files(dataset, lazy=True)["events"].json()
    if content.get("exit"):
        os._exit(7)
    if "warn" in content:
        print("this is no answer", flush=True)  # noqa: T201 - as kloppy might
        warnings.warn(content.pop("warn"), UserWarning, stacklevel=1)
    if "error" in content:
        raise LoadError(f"kloppy cannot read {dataset}: {content['error']}")
    if "seconds" in content:
        content["seconds"] = [one * SECOND for one in content["seconds"]]
    return Loaded({**content, **({"loader": [loader]} if loader else {}), **arguments})
