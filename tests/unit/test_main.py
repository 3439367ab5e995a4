"""Opening a lake in each way, and trying a source out."""

from __future__ import annotations

import io
import traceback

import pytest

from ingestify import (
    ConfigurationError,
    DatasetResource,
    DraftFile,
    FetchPolicy,
    Source,
    Subscriber,
    debug_source,
    get_datastore,
    get_dev_engine,
    get_engine,
)
from ingestify.errors import IntegrityError, LoadError
from ingestify.main.configuration import check_config
from ingestify.sources.registry import import_object
from ingestify.storage.local import LocalStorage


class Keywords(Source):
    """A source that cannot list its selectors, and takes any."""

    provider = "news"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"article_id": 1}, dataset_type).add_file(None, "text", json_content=dict(selector))


class Seasons(Source):
    provider = "news"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id):
        yield DatasetResource({"article_id": 1}, dataset_type).add_file(None, "text", json_content=season_id)


class Cadence(FetchPolicy):
    def __init__(self, hours):
        if int(hours) <= 0:
            raise ValueError("hours must be above 0")


class Hook(Subscriber):
    made = 0

    def __init__(self, store, address):
        Hook.made += 1


def test_a_source_is_tried_out_with_a_selector_of_its_own():
    with debug_source(Keywords("k"), dataset_type="article", keyword="arsenal") as engine:
        (dataset,) = engine.list_datasets()
        assert dataset.identifier == {"keyword": "arsenal", "article_id": 1}
        assert engine.store.load_files(dataset).get_file("text").json() == {"keyword": "arsenal"}


def test_a_selector_that_is_missing_is_named():
    with pytest.raises(ConfigurationError, match="lacks season_id"):
        debug_source(Seasons("s"), dataset_type="article")


def test_a_development_lake_can_be_kept(tmp_path):
    for new in (1, 0):
        with get_dev_engine(
            Seasons("s"), "article", dev_dir=tmp_path / "dev", selectors=[{"season_id": [1, 2]}]
        ) as engine:
            assert engine.load().totals.new == 2 * new


def test_urls_are_below_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with get_engine(metadata_url="sqlite:///lake/catalog.db", file_url="file://lake/files/") as engine:
        assert engine.store.bucket == "main"
        assert isinstance(engine.store.storage, LocalStorage)
        assert engine.store.storage.root == tmp_path / "lake" / "files"
        assert engine.store.create()
    assert (tmp_path / "lake" / "catalog.db").exists()
    store = get_datastore(metadata_url="sqlite:///lake/catalog.db", file_url="file://lake/files/", bucket="other")
    assert store.bucket == "other"
    store.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metadata_url": "sqlite:///x.db"}, "both"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "ftp://bucket"}, "no storage for 'ftp://'; use .* s3://"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "s3://Bucket"}, "'Bucket' is no bucket's name"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "file://x", "file_options": {"region": "x"}}, "are for s3://"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "s3://lake", "file_options": {"regoin": "x"}}, "region"),
        ({"file_options": {"region": "x"}}, "file_options without file_url"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "lake/files"}, "no URL"),
        ({"metadata_url": "oracle://me:secret@host/db", "file_url": "file://x"}, "sqlite"),
        ({"metadata_url": "vault+other://secret", "file_url": "file://x"}, r"nothing reads vault\+other://"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "vault+aws://x?regoin=y"}, "no option 'regoin'"),
        ({"config_file": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_what_cannot_be_opened_is_a_configuration_error_that_says_why(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=message) as raised:
        get_engine(**arguments)
    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_the_concurrency_must_be_a_number(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INGESTIFY_CONCURRENCY", value)
    with pytest.raises(ConfigurationError, match="INGESTIFY_CONCURRENCY"):
        get_engine()


def test_the_http_client_is_there_only_with_an_engine():
    source = Keywords("k")
    with pytest.raises(ConfigurationError, match="no HTTP client yet"):
        _ = source.http
    with get_dev_engine(source, "article"):
        assert source.http is not None


def test_nothing_is_destroyed_by_leaving_everything_out(tmp_path):
    with debug_source(Keywords("k"), dataset_type="article", keyword="a") as engine:
        with pytest.raises(ConfigurationError, match="needs a dataset_id"):
            engine.destroy_dataset()
        with pytest.raises(ConfigurationError, match="got keyword=None, which narrows nothing"):
            engine.destroy_dataset(keyword=None, provider="none")
        assert engine.destroy_dataset(keyword="b") == []
        assert len(engine.destroy_dataset(keyword="a")) == 1
        assert engine.list_datasets() == []


def test_a_stream_that_could_not_be_opened_can_be_closed_by_the_garbage_collector():
    with debug_source(Keywords("k"), dataset_type="article", keyword="a") as engine:
        (dataset,) = engine.list_datasets()
        engine.store.storage.delete([file.storage_path for file in dataset.files.values()])
        loaded = engine.store.load_files(dataset, lazy=True).get_file("text")
        with pytest.raises(IntegrityError) as raised:
            _ = loaded.stream
    objects = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(raised.tb)]
    streams = [one for one in objects if isinstance(one, io.RawIOBase)]
    assert streams
    for stream in streams:
        stream.close()
        assert stream.closed


# ---- config check ------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    """Write a configuration with something of it replaced, and return its path."""

    def write(metadata_url="sqlite:///catalog.db", file_url="file://files/", policy="", subscribers=""):
        path = tmp_path / "config.yaml"
        path.write_text(f"""
main: {{metadata_url: "{metadata_url}", file_url: "{file_url}"}}
sources:
  k: {{type: tests.unit.test_main.Keywords}}
ingestion_plans:
  - source: k
    dataset_type: article
    selectors: [{{keyword: a}}]
    {policy}
{subscribers}
""")
        return path

    return write


def test_a_configuration_that_can_run_is_right_and_nothing_is_made(config, tmp_path):
    path = config(
        policy="fetch_policy: {type: tests.unit.test_main.Cadence, configuration: {hours: 6}}",
        subscribers="event_subscribers: [{type: tests.unit.test_main.Hook, configuration: {address: x}}]",
    )
    before = Hook.made
    assert check_config(path)[1] == "1 source, 1 ingestion plan"
    assert list(tmp_path.iterdir()) == [path]
    assert Hook.made == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metadata_url": "oracle://me:canary@host/db"}, "metadata_url: 'oracle://' is not supported"),
        ({"metadata_url": "postgresql://me:canary@host"}, "metadata_url: .*names no database"),
        ({"metadata_url": "mysql://me:canary@host/db?sslmode=x"}, "metadata_url: .*no option sslmode"),
        ({"metadata_url": "vault+other://secret"}, r"config\.yaml: main\.metadata_url: .*nothing reads vault\+other"),
        ({"file_url": "vault+aws://a?regoin=x"}, r"main\.file_url: .*no option 'regoin'; there is profile, region, "),
        ({"file_url": "vault+aws://"}, "main.file_url: .*names no secret"),
        ({"metadata_url": "sqlite:///a_folder"}, "metadata_url: .*a_folder is a folder"),
        ({"metadata_url": "sqlite:///a_file/catalog.db"}, "metadata_url: .*a_file is a file"),
        ({"file_url": "file://a_file"}, "file_url: .*a_file is a file"),
        ({"file_url": "file://a_file/below/"}, "file_url: .*a_file is a file"),
    ],
)
def test_a_lake_that_cannot_be_opened_is_found_by_the_check(config, tmp_path, settings, message):
    (tmp_path / "a_folder").mkdir()
    (tmp_path / "a_file").touch()
    path = config(**settings)
    with pytest.raises(ConfigurationError, match=message) as raised:
        check_config(path)
    assert "canary" not in str(raised.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a_file", "a_folder", "config.yaml"]


@pytest.mark.parametrize("use", [check_config, get_engine])
@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ("{}", r"Cadence' cannot be made from its configuration \(none\): .*'hours'"),
        ("{hour: canary}", r"Cadence' cannot be made from its configuration \(hour\): .*'hour'"),
        ("{hours: -1}", "hours must be above 0"),
        ("{hours: []}", r"Cadence' cannot be made from its configuration \(hours\)"),
    ],
)
def test_a_policy_that_rejects_its_configuration_is_named(config, use, configuration, message):
    path = config(policy=f"fetch_policy: {{type: tests.unit.test_main.Cadence, configuration: {configuration}}}")
    with pytest.raises(ConfigurationError, match=message) as raised:
        use(path)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("use", [check_config, get_engine])
@pytest.mark.parametrize("configuration", ["{}", "{adress: canary}", "{address: x, store: canary}"])
def test_a_subscriber_that_rejects_its_configuration_is_named(config, use, configuration):
    given = f"[{{type: tests.unit.test_main.Hook, configuration: {configuration}}}]"
    path = config(subscribers=f"event_subscribers: {given}")
    with pytest.raises(ConfigurationError, match=r"test_main\.Hook' cannot be made") as raised:
        use(path)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("\nfrom ingestify.application.sources import Source", "no module 'ingestify.application' in this ingestify"),
        ("\nfrom ingestify.domain import Sauce", r"cannot import name 'Sauce' .* \(of_the_project\.py, line 2\)"),
        ("x = 1\nclass", r"SyntaxError: invalid syntax \(of_the_project\.py, line 2\)$"),
        ("x = 1\ny = {}['FEED_BASE']", r"KeyError: 'FEED_BASE' \(of_the_project\.py, line 2\)"),
    ],
)
def test_an_import_that_fails_says_where(tmp_path, monkeypatch, code, why):
    (tmp_path / "of_the_project.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=why):
        import_object("of_the_project.Feed", "source type")


def test_a_module_that_calls_sys_exit_ends_nothing(config, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "leaving_module.py").write_text("import sys\nsys.exit(0)\n")
    path = config(policy="fetch_policy: leaving_module.Cadence")
    with pytest.raises(
        ConfigurationError, match=r"'leaving_module.Cadence' cannot be imported: .* calls sys.exit\(0\)"
    ):
        check_config(path)


def test_the_settings_of_an_object_store_have_the_defaults_of_its_adapter():
    from ingestify.config.settings import FileOptions
    from ingestify.main.adapters import make_storage
    from ingestify.storage.cloud_address import CloudOptions

    storage = make_storage("s3://lake", FileOptions(anonymous=True))
    assert storage.options == CloudOptions(anonymous=True)


class Leading(Source):
    provider = "leading"
    redirect_hosts = ("media.example.com",)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield from ()


def test_the_limits_of_the_settings_reach_the_client(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("""
main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files/"}
sources:
  k:
    type: tests.unit.test_main.Leading
    redirect_hosts: [cdn.example.com]
    max_file_size: 5 GB
    max_index_size: 20 MB
    max_expansion: 50
    max_pages: 30
    timeout: {read_seconds: 7, total_seconds: 900, minimum_bytes_per_second: 12}
ingestion_plans:
  - {source: k, dataset_type: article, selectors: [{keyword: a}]}
""")
    with get_engine(path) as engine:
        (plan,) = engine.ingestion_plans
        options = plan.source.http.options
    assert options.redirect_hosts == ("media.example.com", "cdn.example.com")
    assert (options.max_file_bytes, options.max_index_bytes) == (5_000_000_000, 20_000_000)
    assert (options.max_expansion, options.max_pages) == (50, 30)
    assert (options.total_seconds, options.least_bytes_per_second) == (900, 12)


def test_what_a_source_declares_wrongly_is_named():
    source = Leading("leading")
    source.redirect_hosts = ("https://media.example.com/",)
    with pytest.raises(ConfigurationError, match="redirect_hosts has"):
        get_dev_engine(source, "article").load()


def test_a_source_s_own_rate_holds_until_the_settings_say_another(tmp_path):
    config = tmp_path / "config.yaml"
    text = (
        "main: {metadata_url: 'sqlite:///catalog.db', file_url: 'file://files'}\n"
        "sources:\n"
        "  wyscout:\n"
        "    type: ingestify.wyscout\n"
        "    configuration: {username: me, password: a-password}\n"
        "RATE"
        "ingestion_plans: [{source: wyscout, dataset_type: match}]\n"
    )
    rates = []
    for rate in ("", "    rate_limit: {requests_per_second: 3}\n"):
        config.write_text(text.replace("RATE", rate))
        with get_engine(config) as engine:
            (plan,) = engine.ingestion_plans
            rates.append(plan.source.http.options.requests_per_second)
    assert rates == [12.0, 3.0]


class League(Source):
    """Somebody delivers one of Opta's files, and says nothing of its format."""

    provider = "league"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        result = "<SoccerFeed><SoccerDocument Type='Result' uID='f1'><MatchData/></SoccerDocument></SoccerFeed>"
        loads = lambda file, current: DraftFile.from_input(result, "f7", data_serialization_format="xml")  # noqa: E731
        yield DatasetResource({"match_id": 1}, dataset_type).add_file(None, "f7", file_loader=loads)


class CalledTracab(League):
    loader = "tracab"


def _league(folder, source, loader):
    config = folder / "config.yaml"
    config.write_text(
        "main: {metadata_url: 'sqlite:///lake.db', file_url: 'file://files/'}\n"
        f"sources: {{league: {{type: {__name__}.{source}}}}}\n"
        f"dataset_types: [{{provider: league, dataset_type: match{loader}}}]\n"
        "ingestion_plans: [{source: league, dataset_type: match, selectors: [{season: 1}]}]\n"
    )
    return config


@pytest.mark.parametrize("source", ["League", "CalledTracab"])
def test_the_settings_say_the_format_of_a_dataset_type_before_the_source_does(tmp_path, source):
    with get_engine(_league(tmp_path, source, ", loader: opta")) as engine:
        engine.load()
        (dataset,) = engine.list_datasets()
        assert (dataset.state, dataset.missing_feeds, dataset.loader) == ("PARTIAL", ("f24|f73",), "opta")


def test_the_format_in_the_settings_is_for_what_is_in_the_lake_already(tmp_path):
    with get_engine(_league(tmp_path, "League", "")) as engine:
        engine.load()
    with get_engine(_league(tmp_path, "League", ", loader: opta")) as engine:
        (dataset,) = engine.list_datasets()
        assert dataset.loader == "league"
        with pytest.raises(LoadError, match="no file of the feed 'f24'"):
            engine.load_dataset_with_kloppy(dataset)


def test_a_format_in_the_settings_that_there_is_not_is_named(tmp_path):
    config = _league(tmp_path, "League", ", loader: otpa")
    for refuses in (check_config, get_engine):
        with pytest.raises(ConfigurationError, match=r"dataset_types: league/match: there is no loader 'otpa'.*'opta'"):
            refuses(config)
