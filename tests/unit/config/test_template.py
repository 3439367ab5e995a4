from __future__ import annotations

import re

import yaml

from ingestify.config.reader import read_settings
from ingestify.config.template import config_template

from .conftest import WriteConfig


def switched_on(template: str) -> str:
    """Return the template with every line that is a setting behind a # switched on."""
    text = re.sub(r"(?m)^( *)#(?=[^\s#]|  +\S)", r"\1", template)
    # Of the two ways to write a fetch policy, the second.
    return text.replace("    fetch_policy: my_package.Cadence\n", "")


def test_the_template_works_as_it_is(write_config: WriteConfig) -> None:
    settings = read_settings(write_config(config_template()))

    assert settings.main.metadata_url == "sqlite:///database/catalog.db"
    assert settings.main.file_url == "file://database/files/"
    assert {name: source.type for name, source in settings.sources.items()} == {
        "statsbomb": "ingestify.statsbomb_github"
    }
    [plan] = settings.ingestion_plans
    assert (plan.source, plan.dataset_type) == ("statsbomb", "match")
    assert plan.selectors == ({"competition_id": 43, "season_id": 106},)


def test_the_template_works_with_every_alternative_switched_on(write_config: WriteConfig) -> None:
    settings = read_settings(write_config(switched_on(config_template())))

    assert settings.main.metadata_options.table_prefix == "football_"
    statsbomb, mine = settings.sources["statsbomb"], settings.sources["mine"]
    assert statsbomb.rate_limit is not None
    assert statsbomb.max_concurrency == 8
    assert mine.configuration == [
        {"base_url": "https://api.example/v1", "options": {"page_size": 100}},
        {"api_key": "not-set"},
        "vault+aws://lake/mine?region=eu-west-1",
    ]
    [plan] = settings.ingestion_plans
    assert plan.fetch_policy is not None
    assert plan.fetch_policy.configuration == {"hours": 6}
    assert plan.selectors is not None
    assert "*" in plan.selectors
    assert len(plan.selectors) == 5
    assert [each.type for each in settings.event_subscribers] == ["my_package.MySubscriber"]
    assert [each.identifier_index for each in settings.dataset_types] == [True]


def test_every_alternative_of_the_template_can_be_switched_on_alone(write_config: WriteConfig) -> None:
    lines = config_template().splitlines()
    singles = [n for n, line in enumerate(lines) if re.match(r" *#[^\s#].*\S: \S|^ *#- ", line)]

    assert len(singles) >= 10
    for n in singles:
        text = "\n".join([*lines[:n], lines[n].replace("#", "", 1), *lines[n + 1 :]])
        read_settings(write_config(text))


def test_the_prose_of_the_template_is_no_setting() -> None:
    class Plain(yaml.SafeLoader):
        """Reads `!ENV` as text."""

    Plain.add_constructor("!ENV", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]

    assert set(yaml.load(switched_on(config_template()), Plain)) == {
        "main",
        "sources",
        "dataset_types",
        "quarantine",
        "freshness",
        "ingestion_plans",
        "event_subscribers",
        "run_hooks",
    }
