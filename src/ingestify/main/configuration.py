"""Checks a config.yaml, and reads what commands need from it, without opening its lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingestify.config.reader import read_settings
from ingestify.config.secrets import find_vault_urls, resolve_lake_url, with_secrets
from ingestify.config.settings import Settings
from ingestify.domain.request_budget import BudgetState
from ingestify.engine.report.health import WatchedPlan
from ingestify.errors import ConfigurationError, SecretError
from ingestify.main.adapters import check_catalogue, make_budgets, make_storage
from ingestify.main.older_place import refuse_lake_by_current_folder
from ingestify.main.parts import (
    check_fetch_policy,
    check_plugins,
    check_publisher,
    check_rules,
    check_run_hook,
    check_source,
    check_subscriber,
    make_layout,
    make_schedule,
)
from ingestify.sources.own_modules import make_importable
from ingestify.store.dataset_store import DatasetStore
from ingestify.vaults.lookup import SecretLookup
from ingestify.vaults.url import is_vault_url

__all__ = ["check_config", "check_publishers", "watched_plans"]


def check_config(path: Path, *, secrets: bool = False) -> tuple[Path, str]:
    """Read a configuration and import everything that it names. Nothing is opened, fetched or written.

    Args:
        path: The config.yaml.
        secrets: Look up the secrets that it names, over the network. Otherwise only the form of vault urls is checked,
            and a source that needs a secret is not made.

    Returns:
        The file, and a line about its content.

    Raises:
        ConfigurationError: It has a problem; the message says what, and what would be right.
    """
    folder = path.absolute().parent
    lookup = SecretLookup()
    settings = read_settings(path)
    named = list(find_vault_urls(settings.model_dump(), ""))
    for where, url in named:
        try:
            lookup.check(url)
        except SecretError as error:
            raise SecretError(f"{path}: {where}: {error}") from error
    if secrets:
        settings = with_secrets(settings, lookup)
    make_importable(str(folder))
    for name, source in settings.sources.items():
        check_source(name, source)
    _check_classes(settings)
    make_layout(settings)
    check_plugins()
    check_rules(settings)
    main = settings.main
    refuse_lake_by_current_folder(main, folder)
    if secrets or not is_vault_url(main.metadata_url):
        check_catalogue(resolve_lake_url(main.metadata_url, "metadata_url", folder, lookup))
    if secrets or not is_vault_url(main.file_url):
        make_storage(resolve_lake_url(main.file_url, "file_url", folder, lookup), main.file_options, folder)
    sources, plans = len(settings.sources), len(settings.ingestion_plans)
    found = f"{sources} source{'' if sources == 1 else 's'}, {plans} ingestion plan{'' if plans == 1 else 's'}"
    enabled = [one for one in settings.ingestion_plans if one.enabled and settings.sources[one.source].enabled]
    if len(enabled) < plans:
        found += f" ({plans - len(enabled)} not enabled)"
    if publishers := len(settings.event_publishers):
        found += f", {publishers} event publisher{'' if publishers == 1 else 's'}"
    if hooks := len(settings.run_hooks):
        found += f", {hooks} run hook{'' if hooks == 1 else 's'}"
    return path, f"{found}{_secrets_text(len({url.identity for _, url in named}), secrets)}"


def _check_classes(settings: Settings) -> None:
    for plan in settings.ingestion_plans:
        check_fetch_policy(plan.fetch_policy)
        make_schedule(plan.schedule)
    for subscriber in settings.event_subscribers:
        check_subscriber(subscriber)
    for publisher in settings.event_publishers:
        check_publisher(publisher)
    for index, hook in enumerate(settings.run_hooks):
        check_run_hook(hook, f"run_hooks[{index}]")


def check_publishers(path: Path) -> None:
    """Check the publishers of a configuration that are enabled. Nothing is connected to.

    Raises:
        ConfigurationError: There is none, or the settings of one are wrong.
    """
    settings = read_settings(path)
    make_importable(str(path.absolute().parent))
    enabled = [one for one in settings.event_publishers if one.enabled]
    if not enabled:
        raise ConfigurationError(f"{path} names no event_publishers that are enabled, so nobody gets events.")
    for one in enabled:
        check_publisher(one)


def _secrets_text(count: int, looked_up: bool) -> str:
    if not count:
        return ""
    secrets = "1 secret in a vault" if count == 1 else f"{count} secrets in vaults"
    return f", {secrets} looked up" if looked_up else f", {secrets} not looked up (--secrets does)"


def budget_states(path: Path, store: DatasetStore) -> Sequence[BudgetState]:
    """Return what is left of the budgets of requests that the sources of a configuration have. No source is made."""
    return make_budgets(store, read_settings(path).sources).states()


def watched_plans(path: Path) -> list[WatchedPlan]:
    """Return the enabled ingestion plans of a configuration. No source is made."""
    settings = read_settings(path)
    return [
        WatchedPlan(plan.source, plan.dataset_type, tuple(plan.selectors or ()), plan.schedule.make().longest)
        for plan in settings.ingestion_plans
        if plan.enabled and settings.sources[plan.source].enabled
    ]
