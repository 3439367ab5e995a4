from __future__ import annotations

import urllib.parse
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ingestify.config.database_secret import database_url
from ingestify.errors import SecretError

RDS: dict[str, Any] = {
    "engine": "postgres",
    "host": "lake.abc.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "username": "me",
    "password": "p@ss/w:rd#%?",
    "dbname": "lake",
    "dbInstanceIdentifier": "lake",
}


def test_what_rds_writes_is_a_url_with_its_password_quoted():
    assert (
        database_url(RDS) == "postgresql://me:p%40ss%2Fw%3Ard%23%25%3F@lake.abc.eu-west-1.rds.amazonaws.com:5432/lake"
    )


@pytest.mark.parametrize(
    ("changed", "begins", "ends"),
    [
        ({"engine": "mysql", "port": "3306"}, "mysql://", "amazonaws.com:3306/lake"),
        ({"engine": "mariadb", "port": None}, "mysql://", "amazonaws.com/lake"),
        ({"engine": "aurora-postgresql", "port": ""}, "postgresql://", "amazonaws.com/lake"),
        ({"host": "::1"}, "postgresql://", "@[::1]:5432/lake"),
    ],
)
def test_engines_and_ports_are_those_that_rds_has(changed, begins, ends):
    url = database_url({**RDS, **changed})
    assert url.startswith(begins)
    assert url.endswith(ends)


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(text, text, text)
def test_user_password_and_name_come_through_whole(username, password, dbname):
    url = database_url({**RDS, "username": username, "password": password, "dbname": dbname})
    parsed = sa.make_url(url)
    assert (parsed.username, parsed.password, parsed.host) == (username, password, RDS["host"])
    assert urllib.parse.unquote(url.rpartition("/")[2]) == dbname


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"host": None, "password": ""}, "lacks host, password; a database's secret has engine, host"),
        ({"engine": "oracle"}, "its engine is 'oracle'; there are aurora-mysql"),
        ({"port": "canary"}, "its port is no number from 1 to 65535"),
        ({"port": 0}, "its port is no number"),
        ({"host": "https://canary/x"}, "its host is no host name"),
        ({"host": "me@canary"}, "its host is no host name"),
    ],
)
def test_what_makes_no_sense_is_refused_unseen(changed, message):
    with pytest.raises(SecretError, match=message) as raised:
        database_url({**RDS, **changed})
    assert "canary" not in str(raised.value)
    assert RDS["password"] not in str(raised.value)
