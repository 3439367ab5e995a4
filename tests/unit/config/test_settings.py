from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from ingestify.config.settings import (
    DatasetTypeSettings,
    FetchPolicySettings,
    IngestionPlanSettings,
    MainSettings,
    Settings,
    SourceSettings,
    TransformationSettings,
)

MAIN = {"metadata_url": "sqlite:///database/catalog.db", "file_url": "file://database/files/"}


def plan(**settings: Any) -> IngestionPlanSettings:
    return IngestionPlanSettings.model_validate({"source": "s", "dataset_type": "match", **settings})


def refusal(model: Any, **settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(settings)
    return str(caught.value)


def test_what_is_left_out_has_its_default() -> None:
    settings = Settings.model_validate({"main": MAIN})

    assert settings.main.default_bucket == "main"
    assert settings.main.metadata_options.table_prefix == ""
    assert settings.sources == {}
    assert settings.ingestion_plans == settings.dataset_types == settings.event_subscribers == ()


def test_a_source_has_the_http_settings_of_the_contract() -> None:
    source = SourceSettings.model_validate({"type": "my_package.MySource"})

    assert source.configuration == {}
    assert source.rate_limit is None
    assert source.max_concurrency is None
    assert (source.timeout.connect_seconds, source.timeout.read_seconds) == (10, 60)
    assert source.retries.attempts == 5


def test_a_plan_without_versions_or_selectors_wants_all_feeds_as_v1_and_everything() -> None:
    assert plan().data_spec_versions == {"default": ("v1",)}
    assert plan().selectors is None
    assert plan(selectors=[]).selectors is None
    assert plan().fetch_policy is None


def test_versions_are_text_or_lists_and_whole_numbers_are_accepted() -> None:
    versions = plan(data_spec_versions={"match": "v6", "events": ["v8", 9], "lineups": 4}).data_spec_versions

    assert versions == {"match": ("v6",), "events": ("v8", "9"), "lineups": ("4",)}


@pytest.mark.parametrize("versions", [{"a": 1.10}, {"a": []}, {"a": None}, {"a": ""}, {"a": True}, {}, ["v1"], "v1"])
def test_versions_that_make_no_sense_are_refused(versions: object) -> None:
    assert "data_spec_versions" in refusal(
        IngestionPlanSettings, source="s", dataset_type="m", data_spec_versions=versions
    )


def test_selectors_are_attributes_everything_or_expressions() -> None:
    selectors = plan(
        selectors=[
            {"competition_id": 11, "season_id": [90, "91"], "since": dt.date(2024, 5, 1), "_name": "La Liga"},
            "*",
            "competition_id == 11\nand season_id > 42",
            {},
        ]
    ).selectors

    assert selectors == (
        {"competition_id": 11, "season_id": (90, "91"), "since": "2024-05-01", "_name": "La Liga"},
        "*",
        "competition_id == 11 and season_id > 42",
        {},
    )


@pytest.mark.parametrize(
    ("selectors", "message"),
    [
        ({"competition_id": 11}, "put a - before each selector"),
        ("*", "put a - before each selector"),
        ([11], 'must be a mapping such as {competition_id: 11}, "*", or an expression'),
        ([{"a": []}], "the list of 'a' is empty"),
        ([{"a": {"b": 1}}], "'a' is a dict"),
        ([{"a": [[1]]}], "'a' is a list"),
        (["a = 1"], "a comparison is written with =="),
    ],
)
def test_a_selector_that_cannot_be_used_is_refused(selectors: object, message: str) -> None:
    assert message in refusal(IngestionPlanSettings, source="s", dataset_type="match", selectors=selectors)


def test_a_fetch_policy_is_a_dotted_path_with_or_without_a_configuration() -> None:
    assert plan(fetch_policy="p.Cadence").fetch_policy == FetchPolicySettings(type="p.Cadence")
    with_configuration = plan(fetch_policy={"type": "p.Cadence", "configuration": {"hours": 6}}).fetch_policy
    assert with_configuration == FetchPolicySettings(type="p.Cadence", configuration={"hours": 6})


@pytest.mark.parametrize("configuration", [{"a": 1}, "vault+aws://x", [{"a": 1}, "vault+gcp://x"]])
def test_a_configuration_is_a_mapping_a_vault_url_or_a_list_of_those(configuration: object) -> None:
    assert SourceSettings.model_validate({"type": "t", "configuration": configuration}).configuration == configuration


@pytest.mark.parametrize("configuration", ["hunter2", 7, ["hunter2"], [["hunter2"]], {1: "hunter2"}])
def test_another_configuration_is_refused_and_not_shown(configuration: object) -> None:
    message = refusal(SourceSettings, type="t", configuration=configuration)

    assert "configuration" in message
    assert "hunter2" not in message


def test_secrets_do_not_show_in_the_text_of_settings() -> None:
    settings = Settings.model_validate(
        {
            "main": {**MAIN, "metadata_url": "postgresql://u:hunter2@db/x"},
            "sources": {"s": {"type": "t", "configuration": {"password": "hunter2"}}},
        }
    )

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.model_validate({"main": MAIN}).main = MainSettings.model_validate(MAIN)


@pytest.mark.parametrize(
    ("main", "message"),
    [
        ({"metadata_url": "database/catalog.db"}, "is no URL"),
        ({"metadata_url": "C:\\lake\\catalog.db"}, "is no URL"),
        ({"file_url": "file://"}, "names no folder"),
        ({"default_bucket": "a/b"}, "a name without /"),
        ({"default_bucket": ".."}, "a name without /"),
        ({"default_bucket": ""}, "a name without /"),
        ({"metadata_options": {"table_prefix": "a-b"}}, "pattern"),
        ({"metadata_options": {"table_prefix": "a" * 256}}, "at most 255 characters"),
    ],
)
def test_a_main_section_that_makes_no_sense_is_refused(main: dict[str, Any], message: str) -> None:
    assert message in refusal(MainSettings, **{**MAIN, **main})


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_limit": {}},
        {"rate_limit": {"requests_per_minute": 0}},
        {"rate_limit": {"requests_per_day": 10**10}},
        {"rate_limit": {"requests_per_day": 0.5}},
        {"rate_limit": {"requests_per_second": 0}},
        {"rate_limit": {"requests_per_second": float("inf")}},
        {"max_concurrency": 0},
        {"timeout": {"connect_seconds": 0}},
        {"timeout": {"read_seconds": -1}},
        {"retries": {"attempts": 0}},
        {"type": ""},
    ],
)
def test_limits_are_above_zero(settings: dict[str, Any]) -> None:
    refusal(SourceSettings, **{"type": "t", **settings})


def test_an_identifier_key_is_what_the_source_gives_unless_a_type_is_said() -> None:
    settings = DatasetTypeSettings.model_validate(
        {
            "provider": "mine",
            "dataset_type": "match",
            "identifier_keys": {
                "match_id": {"transformation": {"type": "bucket", "bucket_size": 1000}, "key_type": "int"},
                "keyword": {"transformation": {"type": "prefix", "prefix_length": 2}},
                "season_id": {"key_type": "str"},
            },
        }
    )

    assert {key: each.key_type for key, each in settings.identifier_keys.items()} == {
        "match_id": "int",
        "keyword": None,
        "season_id": "str",
    }
    bucket = settings.identifier_keys["match_id"].transformation
    assert bucket is not None
    assert bucket.bucket_size == 1000
    assert settings.identifier_keys["season_id"].transformation is None


@pytest.mark.parametrize(
    ("transformation", "message"),
    [
        ({"type": "bucket"}, "bucket needs a bucket_size or a bucket_count"),
        ({"type": "bucket", "bucket_size": 1, "bucket_count": 1}, "and not both"),
        ({"type": "bucket", "bucket_size": 0}, "greater than or equal to 1"),
        ({"type": "bucket", "bucket_size": 1, "prefix_length": 1}, "bucket takes no prefix_length"),
        ({"type": "prefix"}, "prefix needs a prefix_length"),
        ({"type": "identity", "bucket_size": 1}, "identity takes no bucket_size"),
        ({"type": "bucket", "bucket_size": 1, "configuration": {"a": 1}}, "bucket takes no configuration"),
        ({"type": "my_package.Mine", "bucket_size": 1}, "takes no bucket_size; write it into its configuration"),
        ({"type": "buckt"}, "did you mean 'bucket'?"),
        ({"type": "{x}"}, "there is no transformation of that type"),
    ],
)
def test_a_transformation_has_the_options_of_its_type(transformation: dict[str, Any], message: str) -> None:
    assert message in refusal(TransformationSettings, **transformation)


def test_a_transformation_of_ones_own_is_a_dotted_path() -> None:
    assert TransformationSettings.model_validate({"type": "my_package.Mine"}).type == "my_package.Mine"


def test_a_plan_with_an_unknown_source_is_refused_where_it_stands() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(
            {
                "main": MAIN,
                "sources": {"statsbomb": {"type": "t"}},
                "ingestion_plans": [{"source": "statsbom", "dataset_type": "match"}],
            }
        )

    [error] = caught.value.errors()
    assert error["loc"] == ("ingestion_plans", 0, "source")
    assert error["msg"] == "there is no source 'statsbom'; did you mean 'statsbomb'?"


def test_a_plan_without_a_schedule_has_the_default_times() -> None:
    assert plan().schedule.make() == plan(schedule={}).schedule.make()
    assert plan().schedule.make().live == dt.timedelta(seconds=60)


def test_a_schedule_has_lengths_of_time_quiet_hours_and_a_zone() -> None:
    schedule = plan(
        schedule={"live": "30s", "settled": "2d", "quiet": "1:30 - 06:00", "time_zone": "Europe/Madrid"}
    ).schedule.make()

    assert (schedule.live, schedule.settled) == (dt.timedelta(seconds=30), dt.timedelta(days=2))
    assert str(schedule.quiet) == "01:30-06:00"
    assert str(schedule.zone) == "Europe/Madrid"


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"live": "0s"}, "must be a length of time of at least 1s, such as 30s, 1h or 24h."),
        ({"live": 30}, "must be a length of time of at least 1s"),
        ({"live": "2h"}, "none shorter than the one before it"),
        ({"quiet": "23:00"}, "must be two times of the day in quotes, such as '23:00-07:00'."),
        ({"quiet": "23:00-25:00"}, "must be two times of the day"),
        ({"quiet": "07:00-06:30"}, "must leave an hour of the day"),
        ({"time_zone": "Madrid"}, "is no time zone; write a name such as Europe/Madrid, or UTC."),
        ({"cron": "0 * * * *", "live": "30s"}, "has cron and live; leave one of them out."),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(schedule: dict[str, Any], said: str) -> None:
    assert said in refusal(IngestionPlanSettings, source="s", dataset_type="match", schedule=schedule)


def test_settings_survive_json() -> None:
    settings = Settings.model_validate(
        {
            "main": MAIN,
            "sources": {"s": {"type": "t", "configuration": [{"a": 1}]}},
            "ingestion_plans": [
                {"source": "s", "dataset_type": "m", "data_spec_versions": {"a": 8}, "selectors": [{"a": [1]}, "*"]},
                {"source": "s", "dataset_type": "m", "schedule": {"live": "90s", "quiet": "23:00-07:00"}},
            ],
        }
    )

    assert Settings.model_validate_json(settings.model_dump_json()) == settings


# ---- what a provider may do ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "size"),
    [("64 GB", 64_000_000_000), ("500MB", 500_000_000), ("1.5 k", 1500), (" 12 B ", 12), ("7", 7), (1 << 30, 1 << 30)],
)
def test_a_size_is_a_number_of_bytes_or_a_text_with_a_unit(value: object, size: int) -> None:
    assert SourceSettings(type="a.B", max_file_size=value).max_file_size == size  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["much", "5 PB", "-1 GB", "1 GiB", "", True, 0, -1, 1.5, "0 GB", "9" * 400])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        SourceSettings(type="a.B", max_file_size=value)  # type: ignore[arg-type]


def test_where_a_provider_may_lead_is_checked_when_it_is_read() -> None:
    assert SourceSettings(type="a.B", redirect_hosts=("*.hf.co", "10.0.0.0/8")).redirect_hosts == (
        "*.hf.co",
        "10.0.0.0/8",
    )
    with pytest.raises(ValidationError, match=r"has 'https://a\.example/b'; write a host such as cdn\.example\.com"):
        SourceSettings(type="a.B", redirect_hosts=("https://a.example/b",))


@pytest.mark.parametrize(
    "value", [{"at_once_count": -1}, {"at_once_share": 1.1}, {"at_once": 3}, {"at_once_share": "x"}]
)
def test_how_much_may_be_missing_at_once_is_a_number_and_a_share(value: dict[str, object]) -> None:
    assert SourceSettings(type="a.B").missing.at_once_count == 3
    with pytest.raises(ValidationError):
        SourceSettings(type="a.B", missing=value)  # type: ignore[arg-type]
