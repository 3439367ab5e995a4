"""The assets of a lake: one for each provider and dataset type of the ingestion plans, read from a config.yaml."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from ingestify.config.reader import read_settings
from ingestify.config.secrets import find_vault_urls
from ingestify.config.settings import IngestionPlanSettings, SourceSettings
from ingestify.domain.asset_uri import asset_uri
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.selector import filter_values
from ingestify.domain.source import Source
from ingestify.engine.discovery.source_calls import required_arguments
from ingestify.errors import ConfigurationError
from ingestify.main.parts import make_source
from ingestify.main.place import find_place
from ingestify.orchestrators.partitions import partition_key
from ingestify.sources.own_modules import make_importable
from ingestify.sources.registry import find_source_class

__all__ = ["LakeAsset", "find_config_file", "lake_assets"]


@dataclasses.dataclass(frozen=True, slots=True)
class LakeAsset:
    """The datasets of one type of one provider.

    Attributes:
        sources: The names of the sources that bring them.
        keys: The keys of its partitions; empty: it has no partitions.
        partition_keys: The keys of all partitions, if the plans name each selector; None: a source discovers them.
        terms: `licence` and `attribution` of the data, as far as its sources say them.
        lake: The lake's name in other systems, `main.name` of the settings; empty: it has none.
        bucket: The part of the lake.
    """

    provider: str
    dataset_type: str
    sources: tuple[str, ...]
    keys: tuple[str, ...]
    partition_keys: tuple[str, ...] | None
    terms: Mapping[str, str]
    lake: str
    bucket: str

    @property
    def name(self) -> str:
        """Its name for people: `statsbomb/match`."""
        return f"{self.provider}/{self.dataset_type}"

    @property
    def uri(self) -> str:
        """Its URI in other systems: `ingestify://club/statsbomb/match`.

        Raises:
            ConfigurationError: The lake has no name.
        """
        if not self.lake:
            raise ConfigurationError(
                f"The asset {self.name} has no URI, as the lake has no name: write  name: club  or the like under main "
                "of the config.yaml. It never changes, as other systems keep it."
            )
        return asset_uri(self.lake, self.provider, self.dataset_type, self.bucket)

    def partition_of(self, attributes: Mapping[str, object]) -> str:
        """Return the partition key of a dataset's identifier, or of a selector.

        Empty: the asset has no partitions, or a key is not there.
        """
        if not self.keys or not all(key in attributes for key in self.keys):
            return ""
        return partition_key({key: attributes[key] for key in self.keys})


def find_config_file(config: str | Path | None) -> Path:
    """Return the absolute path of a config.yaml, for another process that opens the lake.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.

    Raises:
        ConfigurationError: There is none.
    """
    return find_place(config).config_for("what is to be fetched").absolute()


def lake_assets(config: str | Path | None = None) -> list[LakeAsset]:
    """Return the assets of the enabled ingestion plans, in their order.

    It reads the config.yaml and imports the sources. No lake is opened, no secret is looked up, nothing is requested.

    Args:
        config: See `find_config_file`.

    Raises:
        ConfigurationError: The settings are wrong. Or a source declares what its configuration says, and all of that is
            a secret.
    """
    path = find_config_file(config)
    settings = read_settings(path)
    make_importable(str(path.parent))
    sources = {name: _declared_source(name, one) for name, one in settings.sources.items() if one.enabled}
    plans: dict[tuple[str, str], list[tuple[Source, IngestionPlanSettings]]] = {}
    for plan in settings.ingestion_plans:
        if plan.enabled and plan.source in sources:
            source = sources[plan.source]
            plans.setdefault((source.provider, plan.dataset_type), []).append((source, plan))
    place = settings.main.name or "", settings.main.default_bucket
    return [_asset(provider, dataset_type, some, place) for (provider, dataset_type), some in plans.items()]


def _declared_source(name: str, settings: SourceSettings) -> Source:
    """Return a source that is only asked for what it declares. In place of its secrets it has their vault urls.

    Raises:
        ConfigurationError: It cannot be made. Or it declares what its whole configuration says, which is a secret.
    """
    parts = settings.configuration if isinstance(settings.configuration, (list, tuple)) else [settings.configuration]
    if all(isinstance(part, Mapping) for part in parts):
        return make_source(name, settings)
    source = object.__new__(find_source_class(settings.type))
    source.name, source.configuration = name, {}
    try:
        required_arguments(IngestionPlan(source, "any"))
        _ = source.identifier_keys, source.terms
    except AttributeError:
        raise ConfigurationError(
            f"sources.{name}: its provider and its selectors come from its configuration, all of which is a secret: "
            f"keep only the secrets themselves in the vault, such as  token: {next(iter(find_vault_urls(parts)))[1]} ."
        ) from None
    return source


def _asset(
    provider: str,
    dataset_type: str,
    plans: Sequence[tuple[Source, IngestionPlanSettings]],
    place: tuple[str, str],
) -> LakeAsset:
    keys = _common_keys(dataset_type, plans)
    terms: dict[str, str] = {}
    for source, _ in plans:
        terms = {**source.terms, **terms}
    return LakeAsset(
        provider,
        dataset_type,
        tuple(dict.fromkeys(source.name for source, _ in plans)),
        keys,
        _named_partitions(keys, plans) if keys else None,
        terms,
        *place,
    )


def _common_keys(dataset_type: str, plans: Sequence[tuple[Source, IngestionPlanSettings]]) -> tuple[str, ...]:
    """Return the keys that each selector of the plans has, and each identifier; empty: there are none."""
    common: tuple[str, ...] | None = None
    for source, plan in plans:
        needed = required_arguments(IngestionPlan(source, dataset_type))
        of_identifiers = source.identifier_keys_of(dataset_type)
        rules = [rule for rule in plan.selectors or () if isinstance(rule, Mapping)]
        if not needed and rules and len(rules) == len(plan.selectors or ()):
            needed = [key for key in rules[0] if not key.startswith("_") and all(key in rule for rule in rules)]
        if not needed or (of_identifiers and not set(needed) <= set(of_identifiers)):
            return ()
        if common is not None and set(common) != set(needed):
            return ()
        common = common or tuple(needed)
    return common or ()


def _named_partitions(
    keys: Sequence[str], plans: Sequence[tuple[Source, IngestionPlanSettings]]
) -> tuple[str, ...] | None:
    """Return the partition keys of all selectors; None: some of them have to be discovered."""
    found: dict[str, None] = {}
    for _, plan in plans:
        for rule in plan.selectors or ("*",):
            if not isinstance(rule, Mapping) or not all(key in rule for key in keys):
                return None
            for values in itertools.product(*(filter_values(rule[key]) for key in keys)):
                found[partition_key(dict(zip(keys, values, strict=True)))] = None
    return tuple(found)
