"""Filters and conditions are values, whatever text they hold, and mean the same in SQL as in Python."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestify.catalogue.reading import scan
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import (
    Catalogue,
    DatasetFilter,
)
from ingestify.domain.selector import identifier_matches
from ingestify.errors import ConfigurationError
from tests.support.catalogue_data import (
    apply_one,
    change,
    everything,
    read_all,
    with_file,
)

HOSTILE = [
    "match_id", "'", '"', "\\", "$", "%", "$.a", 'a"b', "a.b", "[0]", "é", "e\u0301", "\u2028", "x' OR '1'='1", ":x",
    "?", "%s", "-- ", "a\\", "\\'", '"$"', "\U0001f600", "A", "a", " ", "\n", "\ufeff", "*", "_", "null",
]  # fmt: skip


class TestHostileFilters:
    """What a filter says is a value, however it is written; a mistake here would be another's data, or all of it."""

    @pytest.mark.slow
    def test_they_find_what_a_look_at_each_dataset_finds(self, catalogue: Catalogue) -> None:
        texts = st.sampled_from(HOSTILE) | st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6
        )
        keys = texts.filter(bool)
        attributes = [
            {key: value, "n": number}
            for number, (key, value) in enumerate(
                [(one, two) for one in HOSTILE for two in (one, HOSTILE[-1], 7, True)]
                + [("n2", one) for one in HOSTILE]
            )
        ]
        catalogue.changes.apply([change(identifier=Identifier(one)) for one in attributes])
        datasets = read_all(catalogue)

        @settings(max_examples=60, deadline=None)
        @given(st.dictionaries(keys, texts | st.lists(texts | st.integers(0, 9), max_size=4), min_size=1, max_size=2))
        @example({"match_id": "x' OR '1'='1"})
        @example({"' OR '1'='1": "1"})
        @example({'a"b': 'a"b'})
        def look(selector: dict[str, Any]) -> None:
            expected = [one.dataset_id for one in datasets if identifier_matches(one.identifier, selector)]
            assert [one.dataset_id for one in read_all(catalogue, everything(selector=selector))] == expected
            assert catalogue.datasets.read_metadata(everything(selector=selector)).row_count == len(expected)

        look()

    @pytest.mark.sampled(5)
    @pytest.mark.parametrize("text", [*HOSTILE, "a\0b"])
    def test_names_of_providers_types_ids_and_buckets_are_values_too(self, catalogue: Catalogue, text: str) -> None:
        wanted = change(1, dataset_type="x" if "\0" in text else text)
        catalogue.changes.apply([wanted, change(2, dataset_type="other")])
        found = read_all(catalogue, everything(dataset_type=text))
        assert [one.identifier["match_id"] for one in found] == ([] if "\0" in text else [1])
        for named in ({"provider": text}, {"dataset_ids": [text]}, {"dataset_ids": [text, "x"]}, {"bucket": text}):
            assert read_all(catalogue, everything(**named)) == []


def where(text: str, **filters: Any) -> DatasetFilter:
    return everything(where=DatasetCondition.parse(text), **filters)


class TestConditions:
    def some(self, catalogue: Catalogue, count: int = 20) -> None:
        catalogue.changes.apply(
            [
                change(number, metadata={"home": "Ajax" if number % 2 else "PSV", "score": {"home": number}})
                for number in range(count)
            ]
        )

    def test_it_finds_counts_and_lists_the_same(self, catalogue: Catalogue) -> None:
        self.some(catalogue)
        wanted = where("metadata.home == 'Ajax' and metadata.score.home > 10")
        found = read_all(catalogue, wanted)
        assert [one.identifier["match_id"] for one in found] == [11, 13, 15, 17, 19]
        assert found == [one for one in read_all(catalogue) if one.identifier["match_id"] in (11, 13, 15, 17, 19)]
        assert catalogue.datasets.read_metadata(wanted) == CollectionMetadata(5, None)
        assert [one[0] for one in catalogue.datasets.iter_identities(wanted)] == [one.dataset_id for one in found]

    @pytest.mark.slow
    def test_offsets_limits_and_batches_count_what_it_means(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scan, "ROWS_AT_ONCE", 3)
        self.some(catalogue)
        wanted = where("metadata.home == 'Ajax'")
        every = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
        for offset, limit, batch_size in itertools.product((0, 1, 4, 10, 99), (None, 0, 1, 3, 10, 50), (1, 2, 4, 100)):
            batches = list(catalogue.datasets.iter_batches(wanted, batch_size, offset, limit))
            expected = every[offset:] if limit is None else every[offset : offset + limit]
            assert [one.identifier["match_id"] for batch in batches for one in batch] == expected
            assert all(len(batch) == batch_size for batch in batches[:-1])
        assert catalogue.datasets.read_metadata(wanted).row_count == 10

    def test_it_comes_on_top_of_the_filters(self, catalogue: Catalogue) -> None:
        self.some(catalogue)
        wanted = where("metadata.home == 'PSV'", selector={"match_id": [3, 4, 6]})
        assert [one.identifier["match_id"] for one in read_all(catalogue, wanted)] == [4, 6]
        assert read_all(catalogue, where("True", bucket="other")) == []

    def test_a_key_that_no_dataset_has_is_refused_before_anything_is_read(self, catalogue: Catalogue) -> None:
        assert read_all(catalogue, where("matchid == 1")) == []  # nothing there, nothing wrong
        self.some(catalogue)
        wanted = where("name != '' and (matchid == 1 or True)")
        with pytest.raises(ConfigurationError, match=r"column 17: no dataset has the identifier key 'matchid'; did"):
            next(iter(catalogue.datasets.iter_batches(wanted, 10)))
        with pytest.raises(ConfigurationError, match=r"did you mean 'match_id'\?"):
            catalogue.datasets.read_metadata(wanted)

    def test_a_key_that_only_a_later_dataset_has_is_known(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scan, "ROWS_AT_ONCE", 3)
        self.some(catalogue)
        catalogue.changes.apply([change(identifier=Identifier({"video_id": "v"}))])
        assert [str(one.identifier) for one in read_all(catalogue, where("video_id == 'v'"))] == ["video_id=v"]
        assert len(read_all(catalogue, where("video_id == None"))) == 20

    def test_one_value_that_cannot_be_compared_leaves_out_its_dataset_and_is_told_once(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(scan, "ROWS_AT_ONCE", 2)
        catalogue.changes.apply(
            [change(number, metadata={"xg": xg}) for number, xg in enumerate(["n/a", 1.5, [2], 0.1, None])]
        )
        wanted = where("metadata.xg > 1")
        assert catalogue.datasets.read_metadata(wanted).row_count == 1
        assert [one.identifier["match_id"] for one in read_all(catalogue, wanted)] == [1]
        assert len(list(catalogue.datasets.iter_identities(wanted))) == 1
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "2 datasets are left out. The where `metadata.xg > 1` cannot be decided" in caplog.text
        assert "'n/a' (text) and 1 (int) have no order" in caplog.text

    def test_a_condition_that_says_nothing_of_any_dataset_is_wrong_itself(self, catalogue: Catalogue) -> None:
        self.some(catalogue)
        for ask in (catalogue.datasets.read_metadata, lambda wanted: read_all(catalogue, wanted)):
            with pytest.raises(ConfigurationError, match="have no order"):
                ask(where("metadata.home > 2"))

    def test_moments_are_those_of_the_dataset(self, catalogue: Catalogue) -> None:
        one = apply_one(catalogue, with_file(1)).dataset
        apply_one(catalogue, change(2))
        changed = one.last_modified_at
        assert changed is not None
        for text, count in (
            (f"last_modified_at == '{changed.isoformat()}'", 1),
            (f"last_modified_at < '{changed.isoformat()}'", 0),
            ("last_modified_at == None", 1),
            ("created_at > '2020-01-01'", 2),
            (f"created_at <= '{one.created_at.isoformat()}' and last_modified_at > '2024-05-01T20:00+02:00'", 1),
        ):
            assert len(read_all(catalogue, where(text))) == count, text
