"""What docs/teams.md tells an engineer to do is done, with the rights that it gives and no others."""

from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ingestify import EventLogConsumer
from ingestify.cli.app import run_command_line
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.integration.catalogue.servers import Server, reach
from tests.integration.storage import servers
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures

PAGE = Path(__file__).parent.parent.parent / "docs" / "teams.md"


@pytest.fixture
def names() -> Iterator[dict[str, str]]:
    """The database and the roles of the page, by names that nobody else has; they are gone afterwards."""
    server = reach("postgresql")
    ending = uuid.uuid4().hex[:8]
    found = {role: f"{role}_{ending}" for role in ("lake_owner", "lake_runner", "lake_reader")}
    found["football"] = f"ingestify_test_{int(time.time())}_{ending}"
    yield found
    server.drop(found["football"])
    for role in ("lake_owner", "lake_runner", "lake_reader"):
        server.execute(f"DROP ROLE IF EXISTS {found[role]}")


def statements(names: dict[str, str]) -> list[list[str]]:
    """The SQL of the page, block by block."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    made = []
    for block in blocks:
        text = re.sub(r"\b(lake_owner|lake_runner|lake_reader|football)\b", lambda name: names[name[0]], block)
        made.append([one.strip() for one in text.split(";") if one.strip()])
    return made


def url_of(server: Server, names: dict[str, str], role: str) -> str:
    return server.url_of(names["football"], username=names[role])


def write_config(folder: Path, metadata_url: str, endpoint: str, prefix: str, provider: Simulator) -> None:
    (folder / "config.yaml").write_text(f"""
main:
  metadata_url: "{metadata_url}"
  file_url: s3://{servers.BUCKET}/{prefix}
  file_options: {{endpoint: "{endpoint}"}}
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{provider.base_url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match}}
""")


def test_the_rights_of_the_page_are_enough_and_no_more(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names: dict[str, str],
    moto: str,  # noqa: F811 - the fixture
    credentials: None,  # noqa: F811 - the fixture
) -> None:
    monkeypatch.chdir(tmp_path)
    server = reach("postgresql")
    (as_administrator, as_owner, for_a_reader_of_events) = statements(names)
    server.execute(*as_administrator)
    with contextlib.closing(psycopg.connect(url_of(server, names, "lake_owner"), autocommit=True)) as connection:
        for one in as_owner:
            connection.execute(one)
    with Simulator(Season(matches=2, seed=1, events_per_match=25)) as provider:

        def command(role: str, *words: str) -> int:
            write_config(tmp_path, url_of(server, names, role), moto, names["football"], provider)
            return run_command_line(list(words))

        assert command("lake_runner", "list") == 1, "the tables are not there, and it may not make them"
        assert command("lake_owner", "init") == 0
        assert command("lake_runner", "run") == 0
        provider.correct(provider.match_ids[0], "events")
        assert command("lake_runner", "run") == 0
        assert command("lake_runner", "delete", "--yes", f"match_id={provider.match_ids[1]}") == 0
        assert command("lake_runner", "gc", "--yes") == 0
        capsys.readouterr()
        assert command("lake_reader", "list", "--count") == 0
        assert capsys.readouterr().out.strip() == "1"
        assert command("lake_reader", "verify") == 0
        assert command("lake_reader", "run") == 1
        assert "permission" in capsys.readouterr().err

        # Who reads the event log writes down how far it is.
        with contextlib.closing(psycopg.connect(url_of(server, names, "lake_owner"), autocommit=True)) as connection:
            for one in for_a_reader_of_events:
                connection.execute(one)
        write_config(tmp_path, url_of(server, names, "lake_reader"), moto, names["football"], provider)
        for most in (100, 0):
            heard: list[str] = []
            with EventLogConsumer.from_config(tmp_path / "config.yaml", "mine") as reader:
                assert reader.run(lambda event, heard=heard: heard.append(event.event_type)) == 0  # type: ignore[misc]
            assert bool(heard) == bool(most), "each comes once"

        # A second lake, by its runner, is filled by a copy.
        write_config(tmp_path, url_of(server, names, "lake_runner"), moto, names["football"], provider)
        (tmp_path / "other").mkdir()
        write_config(tmp_path / "other", "sqlite:///catalog.db", moto, f"{names['football']}-2", provider)
        assert run_command_line(["copy", "--to", "other/config.yaml"]) == 0
        write_config(tmp_path, url_of(server, names, "lake_reader"), moto, names["football"], provider)
        assert run_command_line(["copy", "--to", "other/config.yaml"]) == 0
    with pytest.raises(sa.exc.ProgrammingError, match="must be owner"):
        Server("postgresql", url_of(server, names, "lake_runner")).execute(
            "DROP TABLE dataset", database=names["football"]
        )


def test_the_settings_of_the_page_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "config.yaml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKE_PASSWORD", "hunter2")
    assert run_command_line(["config", "check"]) == 0, capsys.readouterr().err
