"""The examples in docstrings run, against a simulated StatsBomb."""

from __future__ import annotations

import inspect
import re
import textwrap

import pytest

import ingestify
from ingestify.domain.dataset import DatasetCollection
from ingestify.sources import statsbomb_github
from ingestify.store.quarantine import Quarantine
from ingestify.store.reading.dataset_list import DatasetList
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

_EXAMPLE = re.compile(r"^( *)Example::\n\n((?:\1 +.*\n|\n)+)", re.MULTILINE)

DOCUMENTED = [
    ingestify.get_engine,
    ingestify.IngestionEngine.iter_datasets,
    ingestify.IngestionEngine.load,
    ingestify.IngestionEngine.list_datasets,
    ingestify.IngestionEngine.competitions,
    ingestify.IngestionEngine.matches,
    ingestify.competitions,
    ingestify.matches,
    ingestify.IngestionEngine.lock,
    ingestify.IngestionEngine.load_dataset_with_kloppy,
    ingestify.IngestionEngine.get_dataset,
    ingestify.IngestionEngine.follow,
    ingestify.DatasetStore.get_dataset,
    ingestify.Dataset.at,
    ingestify.DatasetStore.get_dataset_collection,
    ingestify.DatasetStore.load_files,
    ingestify.IngestionEngine.export,
    ingestify.IngestionEngine.copy_to,
    ingestify.DatasetStore.create_dataset,
    Quarantine,
    DatasetCollection.get,
    DatasetCollection.to_polars,
    DatasetList.to_polars,
    ingestify.IngestionEngine.to_polars,
    ingestify.IngestionEngine.map,
    ingestify.IngestionEngine.check_quality,
    ingestify.IngestionEngine.build_tables,
    ingestify.IngestionEngine.table,
    ingestify.IngestionEngine.sql,
    ingestify.Dataset.to_polars,
    ingestify.Dataset.plot,
    ingestify.IngestionEngine.plot,
    ingestify.IngestionEngine.coverage,
    ingestify.IngestionEngine.freshness,
    ingestify.debug_source,
    ingestify.asset_uri,
    ingestify.LogContextFilter,
    ingestify.EventLogConsumer.unread,
]


def example_of(documented: object) -> str:
    (found,) = _EXAMPLE.findall(documented.__doc__ or "")
    return textwrap.dedent(found[1])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # the lake of an example is below it
    names: dict[str, object] = {name: getattr(ingestify, name) for name in ("get_engine", "debug_source")}
    names["ingestify"] = ingestify
    with Simulator(Season(matches=4, seed=3, competition_id=43, season_id=106, matches_with_360=1)) as provider:
        monkeypatch.setattr(statsbomb_github, "BASE_URL", provider.base_url)
        for documented in DOCUMENTED:
            if documented is ingestify.IngestionEngine.load:
                source = statsbomb_github.StatsBombGithub("open")
                names["engine"].add_ingestion_plan(ingestify.IngestionPlan(source, "match"))  # type: ignore[attr-defined]
            if documented is ingestify.IngestionEngine.load_dataset_with_kloppy:
                number = names["engine"].list_datasets()[0].identifier["match_id"]  # type: ignore[attr-defined]
            code = example_of(documented)
            code = code.replace("3788741", str(number)) if "3788741" in code else code
            exec(compile(code, f"the example of {documented.__qualname__}", "exec"), names)  # type: ignore[attr-defined]
        names["engine"].close()  # type: ignore[attr-defined]
        assert len(names["archive"].list_datasets()) == 4  # type: ignore[attr-defined]
        names["archive"].close()  # type: ignore[attr-defined]
        names["tried"].close()  # type: ignore[attr-defined]
    assert capsys.readouterr().out.count("\n") == 4, "iter_datasets prints each"
    assert names["behind"] == []
    assert len(names["complete_at"]) == 1, "both sources have the same selector"  # type: ignore[arg-type]
    assert names["season"].equals(names["listed"])  # type: ignore[attr-defined]
    assert len(names["season"]) > 2000 > len(names["table"])  # type: ignore[arg-type]
    assert names["note"].name == "my score"  # type: ignore[attr-defined]
    assert len(names["changed"]) == 4 + 1, "the matches and the note"  # type: ignore[arg-type]
    assert len(names["matches"]) == 4  # type: ignore[arg-type]
    assert str(names["dataset"].identifier["match_id"]) == str(number)  # type: ignore[attr-defined]
    assert all(count > 5 for count in names["counts"])  # type: ignore[attr-defined]
    assert len(names["events"]) > 100  # type: ignore[arg-type]
    assert len(names["players"]) > 20  # type: ignore[arg-type]
    assert 0 < len(names["shots"]) < len(names["passes"])  # type: ignore[arg-type]


def test_every_example_is_one_that_runs():
    documented = {getattr(one, "__qualname__", "") for one in DOCUMENTED}
    for name in ingestify.__all__:
        public = getattr(ingestify, name)
        members = inspect.getmembers(public, callable) if inspect.isclass(public) else []
        for one in [public, *(member for _, member in members)]:
            if "Example::" in (getattr(one, "__doc__", None) or ""):
                assert one.__qualname__ in documented


def test_help_names_every_parameter():
    for method in (
        ingestify.IngestionEngine.iter_datasets,
        ingestify.IngestionEngine.run,
        ingestify.IngestionEngine.load,
    ):
        said = method.__doc__ or ""
        for name in inspect.signature(method).parameters:
            assert name == "self" or re.search(rf"\b{name}\b[`:]", said), f"{method.__qualname__} is silent on {name}"
