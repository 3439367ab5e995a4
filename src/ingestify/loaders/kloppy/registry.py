"""The loaders of each kind of dataset: those that are built in, and those of installed packages."""

from __future__ import annotations

from ingestify.errors import ConfigurationError
from ingestify.loaders.kloppy import impect, metrica
from ingestify.loaders.kloppy.by_format import FormatLoader
from ingestify.loaders.kloppy.files import Loader
from ingestify.plugins import Plugin, find_plugin, find_plugins
from ingestify.provider_formats.built_in import FORMATS, LOADERS_GROUP

__all__ = ["LOADERS", "find_loader", "loader_kinds"]

LOADERS: dict[tuple[str, str], Loader] = {
    **{kind: FormatLoader(one) for kind, one in FORMATS.items()},
    ("impect", "match"): impect.load_match,
    ("metrica", "match"): metrica.load_match,
    ("metrica", "tracking"): metrica.load_tracking,
}
"""(format, dataset type) to loader."""


def find_loader(name: str, dataset_type: str) -> Loader | None:
    """Return the loader of a format's datasets: a built-in one, else an installed package's, else None.

    Args:
        name: The format; a provider's own format has the provider's name.
        dataset_type: The type of the datasets.

    Raises:
        ConfigurationError: The loader of an installed package cannot be imported or called.
    """
    built_in = LOADERS.get((name, dataset_type))
    if built_in is not None:
        return built_in
    plugin = find_plugin(LOADERS_GROUP, f"{name}.{dataset_type}")
    return None if plugin is None else _loaded(plugin)


def loader_kinds() -> list[str]:
    """Return `provider/dataset_type` of each kind that has a loader."""
    installed = (one.name.partition(".") for one in find_plugins(LOADERS_GROUP))
    kinds = {*LOADERS, *((provider, dataset_type) for provider, _, dataset_type in installed)}
    return [f"{provider}/{dataset_type}" for provider, dataset_type in sorted(kinds)]


def _loaded(plugin: Plugin) -> Loader:
    loader = plugin.load()
    if not callable(loader):
        raise ConfigurationError(f"{plugin.title} is {loader!r}; it must be a function of (files, kwargs).")
    return loader  # type: ignore[no-any-return]
