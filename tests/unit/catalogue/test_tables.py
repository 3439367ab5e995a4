"""The names of a lake's tables."""

from __future__ import annotations

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.tables import LONGEST_NAME, build_tables, shorten_prefix


def all_names(prefix: str) -> set[str]:
    tables = build_tables(prefix)
    names = {tables.version_table_name, *tables.metadata.tables}
    for table in tables.metadata.tables.values():
        names |= {str(one.name) for one in (*table.constraints, *table.indexes) if one.name is not None}
    return names


@pytest.mark.parametrize("length", [0, 1, 16, 39, 40, 41, 63, 255])
def test_no_name_is_longer_than_a_database_takes(length: int) -> None:
    names = all_names("p" * length)
    assert max(len(name) for name in names) <= LONGEST_NAME
    assert len({name.lower() for name in names}) == len(all_names(""))


def test_a_prefix_that_fits_stays_as_it_is() -> None:
    assert [shorten_prefix("p" * length) for length in (0, 16, 40)] == ["", "p" * 16, "p" * 40]


def test_long_prefixes_that_begin_alike_are_those_of_different_lakes() -> None:
    one, other = "club_" * 40 + "a", "club_" * 40 + "b"
    assert shorten_prefix(one) == shorten_prefix(one) != shorten_prefix(other)
    assert not all_names(one) & all_names(other)


@pytest.mark.parametrize("length", [16, 40, 255])
def test_an_index_of_an_identifier_key_has_a_name_that_fits(length: int) -> None:
    catalogue = SqlCatalogue.open("sqlite:///:memory:", table_prefix="p" * length)
    (made,), _ = catalogue.indexes.sync([("a_long_provider", "a_long_dataset_type", "match_id")])
    assert made.startswith(shorten_prefix("p" * length))
    assert len(made) <= LONGEST_NAME
    catalogue.close()
