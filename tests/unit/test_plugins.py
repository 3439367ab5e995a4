from __future__ import annotations

import logging
import shutil

import pytest

from ingestify import ConfigurationError, get_engine
from ingestify.domain.source import Source
from ingestify.main.adapters import make_storage
from ingestify.main.configuration import check_config
from ingestify.plugins import find_plugin, find_plugins
from ingestify.sources.registry import find_source_class
from ingestify.storage.memory import MemoryStorage
from tests.support.installed_packages import Install

SOURCE = """
from ingestify import DatasetResource, Source

class Other(Source):
    provider = "other"
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        yield DatasetResource({"match_id": 1}, dataset_type).add_file(None, "events", json_content=[1])
"""

PARTS = """
import pathlib
from ingestify import BundleCheck, Subscriber
from ingestify.storage.local import LocalStorage

heard = []

class Bell(Subscriber):
    def on_dataset_created(self, event):
        heard.append((event.dataset.name, self.configuration))

class NoOnes(BundleCheck):
    def find_problems(self, bundle):
        if bundle.get_file("events").json() == [1]:
            yield "there is a one"

def open_shelf(file_url):
    return LocalStorage(pathlib.Path(file_url.removeprefix("shelf://")))

def open_nothing(file_url):
    return object()

def open_badly(file_url):
    raise OSError("the shelf is gone")

class NoSubscriber: ...
"""

CONFIG = """
main: {{metadata_url: "sqlite:///catalog.db", file_url: "{file_url}"}}
sources: {{mine: {{type: other}}}}
ingestion_plans: [{{source: mine, dataset_type: match}}]
event_subscribers: [{{type: {subscriber}, configuration: {{tone: high}}}}]
"""


def test_one_package_brings_a_source_a_storage_and_a_subscriber_and_a_run_uses_them(install: Install, tmp_path):
    install(
        "football-parts",
        {
            "ingestify.sources": {"other": "parts_source:Other"},
            "ingestify.storages": {"shelf": "parts:open_shelf"},
            "ingestify.subscribers": {"bell": "parts:Bell"},
        },
        {"parts_source": SOURCE, "parts": PARTS},
    )
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(file_url=f"shelf://{tmp_path}/shelf", subscriber="bell"))
    assert check_config(config)[1] == "1 source, 1 ingestion plan"
    with get_engine(config) as engine:
        assert engine.load().totals.new == 1
        (dataset,) = engine.list_datasets()
        assert engine.store.load_files(dataset).get_file("events").json() == [1]
    assert list((tmp_path / "shelf" / "main").rglob("*.json*"))
    import parts  # type: ignore[import-not-found]

    assert parts.heard == [("match_id=1", {"tone": "high"})]


def test_a_packages_check_is_for_every_lake(install: Install, tmp_path):
    install(
        "football-checks",
        {"ingestify.checks": {"ones": "parts:NoOnes"}, "ingestify.sources": {"other": "parts_source:Other"}},
        {"parts": PARTS, "parts_source": SOURCE},
    )
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(file_url="memory://", subscriber="x").partition("event_subscribers")[0])
    with get_engine(config) as engine:
        assert engine.load().quarantined_tasks[0].error == "there is a one"


def test_where_the_settings_name_a_packages_check_it_is_used_as_they_say(install: Install, tmp_path):
    install(
        "football-checks",
        {"ingestify.checks": {"ones": "parts:NoOnes"}, "ingestify.sources": {"other": "parts_source:Other"}},
        {"parts": PARTS, "parts_source": SOURCE},
    )
    config = tmp_path / "config.yaml"
    text = CONFIG.format(file_url="memory://", subscriber="x").partition("event_subscribers")[0]
    named = "dataset_types: [{provider: other, dataset_type: match, checks: [{type: ones, mode: warn}]}]"
    config.write_text(text + named)
    check_config(config)
    with get_engine(config) as engine:
        assert engine.load().quarantined_tasks == []
        assert engine.list_datasets()[0].warnings == ("there is a one",)


def test_a_broken_check_is_named_with_its_package_and_the_others_are_no_worse_for_it(
    install: Install, tmp_path, caplog
):
    install(
        "football-checks",
        {"ingestify.checks": {"ones": "parts:NoOnes"}, "ingestify.sources": {"other": "parts_source:Other"}},
        {"parts": PARTS, "parts_source": SOURCE},
    )
    install("broken-checks", {"ingestify.checks": {"a": "parts_of_another:Check"}}, version="0.3")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(file_url="memory://", subscriber="x").partition("event_subscribers")[0])
    with get_engine(config) as engine:
        assert len(engine.load().quarantined_tasks) == 1, "the other package's check is asked"
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "The check 'a' of the installed package broken-checks 0.3" in record.getMessage()
    with pytest.raises(ConfigurationError, match=r"broken-checks 0\.3 .* No module named 'parts_of_another'"):
        check_config(config)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:Thing", "cannot be imported: ModuleNotFoundError"),
        ("parts:Missing", "cannot be imported: AttributeError"),
        ("no colon at all", "cannot be imported"),
        ("leaving:Thing", "cannot be imported: SystemExit"),
        ("parts:NoSubscriber", "must be a subclass of ingestify.Source"),
    ],
)
def test_a_source_that_is_none_is_named_with_its_package(install: Install, value, message):
    install(
        "odd-parts",
        {"ingestify.sources": {"odd": value}},
        {"parts": PARTS, "leaving": "import sys\nsys.exit(3)"},
        version="2.1",
    )
    install("good-parts", {"ingestify.sources": {"other": "parts_source:Other"}}, {"parts_source": SOURCE})
    with pytest.raises(
        ConfigurationError, match=rf"The source 'odd' of the installed package odd-parts 2\.1 .*{message}"
    ):
        find_source_class("odd")
    assert issubclass(find_source_class("other"), Source)


def test_a_name_that_several_packages_bring_is_an_error_that_names_them(install: Install):
    for name in ("one", "two"):
        install(name, {"ingestify.sources": {"other": "parts_source:Other"}}, {"parts_source": SOURCE})
    with pytest.raises(ConfigurationError, match=r"ingestify\.sources 'other': one 1\.0 and two 1\.0\. Uninstall"):
        find_source_class("other")
    with pytest.raises(ConfigurationError, match=r"there are ingestify\..*, other, or a dotted path"):
        find_source_class("zzz")


def test_an_entry_points_file_that_is_malformed_hides_no_other_package(install: Install, caplog):
    install("good-parts", {"ingestify.sources": {"other": "parts_source:Other"}}, {"parts_source": SOURCE})
    install("garbled", entry_points="[ingestify.sources]\nthis is no entry point\n")
    assert issubclass(find_source_class("other"), Source)
    assert "The installed package garbled has an entry_points.txt that cannot be read" in caplog.text


def test_the_first_package_of_a_name_on_the_path_counts_and_one_without_metadata_is_no_reason_to_stop(install: Install):
    install("same_parts", {"ingestify.sources": {"other": "old:Other"}})
    install("Same.Parts", {"ingestify.sources": {"other": "new:Other"}}, version="2.0")
    folder = install("headless", {"ingestify.sources": {"headless": "x:y"}})
    (folder / "headless-1.0.dist-info" / "METADATA").unlink()
    found = find_plugin("ingestify.sources", "other")
    assert found is not None
    assert (found.value, found.distribution) == ("new:Other", "Same.Parts 2.0")
    assert find_plugin("ingestify.sources", "headless") is not None
    install("SAME_parts", version="3.0")
    assert find_plugin("ingestify.sources", "other") is None, "what is imported brings nothing"


def test_what_is_uninstalled_from_the_path_is_gone(install: Install, monkeypatch):
    folder = install("parts", {"ingestify.storages": {"shelf": "parts:open_shelf"}}, {"parts": PARTS})
    assert [one.name for one in find_plugins("ingestify.storages")] == ["shelf"]
    monkeypatch.setattr("sys.path", [one for one in __import__("sys").path if one != str(folder)])
    shutil.rmtree(folder)
    assert find_plugins("ingestify.storages") == []
    with pytest.raises(ConfigurationError, match=r"no storage for 'shelf://'.*entry point group ingestify\.storages"):
        make_storage("shelf://x")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("parts:open_nothing", "made a object, which has no create_temporary, no take_partial"),
        ("parts:open_badly", r"makes no storage of 'shelf://h/x': OSError: the shelf is gone"),
        ("parts:heard", r"is \[\]; it must be a function"),
        ("nowhere:open", "cannot be imported"),
    ],
)
def test_a_storage_that_is_none_is_named_with_its_package(install: Install, value, message):
    install("shelves", {"ingestify.storages": {"shelf": value}}, {"parts": PARTS})
    title = r"The storage 'shelf' of the installed package shelves 1\.0 "
    with pytest.raises(ConfigurationError, match=f"{title}.*{message}"):
        make_storage("shelf://h/x")
    assert isinstance(make_storage("memory://"), MemoryStorage)


def test_what_is_built_in_is_not_replaced(install: Install):
    install(
        "usurper",
        {"ingestify.sources": {"ingestify.statsbomb_github": "no:No"}, "ingestify.storages": {"memory": "no:No"}},
    )
    assert find_source_class("ingestify.statsbomb_github").provider == "statsbomb"
    assert isinstance(make_storage("memory://"), MemoryStorage)


@pytest.mark.parametrize(
    ("subscriber", "message"),
    [
        ("bel", "There is no event subscriber 'bel'; did you mean 'bell'"),
        ("whistle", "there is bell, silent, or a dotted path"),
        ("silent", "The subscriber 'silent' of the installed package bells 1.0 .*must be a subclass of ingestify.Subs"),
    ],
)
def test_a_subscriber_that_is_none_is_named(install: Install, tmp_path, subscriber, message):
    install(
        "bells",
        {"ingestify.subscribers": {"bell": "parts:Bell", "silent": "parts:NoSubscriber"}},
        {"parts": PARTS},
    )
    install("football", {"ingestify.sources": {"other": "parts_source:Other"}}, {"parts_source": SOURCE})
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(file_url="memory://", subscriber=subscriber))
    with pytest.raises(ConfigurationError, match=message):
        check_config(config)


def test_without_packages_a_subscriber_without_a_dot_is_explained(tmp_path):
    config = tmp_path / "config.yaml"
    text = CONFIG.format(file_url="memory://", subscriber="bell").replace("other", "ingestify.statsbomb_github")
    config.write_text(text)
    with pytest.raises(ConfigurationError, match="no installed package brings one; write a dotted path such as"):
        check_config(config)
