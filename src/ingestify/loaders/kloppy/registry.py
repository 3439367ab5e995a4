"""Which function makes kloppy's object of a kind of dataset: those built in, and those of installed packages."""

from __future__ import annotations

from ingestify.errors import ConfigurationError
from ingestify.loaders.kloppy import impect, metrica, skillcorner, sportec, statsbomb, wyscout
from ingestify.loaders.kloppy.files import Loader
from ingestify.plugins import Plugin, find_plugin, find_plugins

__all__ = ["ENTRY_POINT_GROUP", "LOADERS", "find_loader", "loader_kinds"]

ENTRY_POINT_GROUP = "ingestify.loaders"
"""Where a package names its loaders: `"{provider}.{dataset_type}" = "package.module:function"`, a `Loader`."""

LOADERS: dict[tuple[str, str], Loader] = {
    ("impect", "match"): impect.load_match,
    ("metrica", "match"): metrica.load_match,
    ("metrica", "tracking"): metrica.load_tracking,
    ("skillcorner", "tracking"): skillcorner.load_tracking,
    ("sportec", "match"): sportec.load_match,
    ("sportec", "tracking"): sportec.load_tracking,
    ("statsbomb", "match"): statsbomb.load_match,
    ("wyscout", "match"): wyscout.load_match,
}
"""(provider, dataset type) to what makes kloppy's object of its files."""


def find_loader(provider: str, dataset_type: str) -> Loader | None:
    """Return the loader of a kind of dataset: one that is built in, else an installed package's, else None.

    Raises:
        ConfigurationError: A package names one that cannot be imported or called.
    """
    built_in = LOADERS.get((provider, dataset_type))
    if built_in is not None:
        return built_in
    plugin = find_plugin(ENTRY_POINT_GROUP, f"{provider}.{dataset_type}")
    return None if plugin is None else _loaded(plugin)


def loader_kinds() -> list[str]:
    """Return `provider/dataset_type` of each kind that has a loader."""
    installed = (one.name.partition(".") for one in find_plugins(ENTRY_POINT_GROUP))
    kinds = {*LOADERS, *((provider, dataset_type) for provider, _, dataset_type in installed)}
    return [f"{provider}/{dataset_type}" for provider, dataset_type in sorted(kinds)]


def _loaded(plugin: Plugin) -> Loader:
    loader = plugin.load()
    if not callable(loader):
        raise ConfigurationError(f"{plugin.title} is {loader!r}; it must be a function of (files, kwargs).")
    return loader  # type: ignore[no-any-return]
