"""Which databases a URL can name, and with which options."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database, check_url
from ingestify.catalogue.databases.database_url import parse_url, sqlite_path
from ingestify.catalogue.databases.mysql import MysqlConnector
from ingestify.catalogue.databases.postgresql import PostgresqlConnector
from ingestify.catalogue.databases.server_options import ServerOptions, shown
from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.masking import mask_text, mask_url


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///x.db", "sqlite"),
        ("sqlite+pysqlite:///x.db", "sqlite"),
        ("postgresql://u@h/db", "postgresql+psycopg"),
        ("postgres://u@h/db", "postgresql+psycopg"),
        ("postgresql+psycopg://u@h/db", "postgresql+psycopg"),
        ("postgresql+psycopg2://u@h/db", "postgresql+psycopg"),
        ("mysql://u@h/db", "mysql+pymysql"),
        ("mysql+pymysql://u@h/db", "mysql+pymysql"),
        ("mariadb://u@h/db", "mysql+pymysql"),
        ("mariadb+pymysql://u@h/db", "mysql+pymysql"),
    ],
)
def test_one_database_may_be_named_in_several_ways(url: str, driver: str) -> None:
    parsed = parse_url(url)
    assert (sa.make_url(url) if driver == "sqlite" else parsed).drivername in (driver, "sqlite+pysqlite")
    check_url(parsed)
    assert (sqlite_path(parsed) is None) == (driver != "sqlite")


@pytest.mark.parametrize(
    "url",
    ["postgresql+asyncpg://u:hunter2@h/db", "mysql+mysqldb://u:hunter2@h/d"],
)
def test_other_drivers_are_told_of_ours(url: str) -> None:
    with pytest.raises(ConfigurationError, match="postgresql://host/database") as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)


SECRET = "hunter2hunter2"


@pytest.mark.parametrize("kind", ["postgresql", "postgres", "mysql", "mariadb+pymysql"])
@pytest.mark.parametrize(
    "password",
    [
        "{}@{}",
        "{}/{}",
        "{}#{}",
        "{}?{}",
        "1/{}",
        "1?{}=1",
        "{}?a={}",
        "@{}",
        "{}@",
        "{}:{}@{}",
        "p@{}/w#{}?x[{}",
        "#{}=@/{}",
    ],
)
def test_a_password_that_is_not_percent_encoded_is_recognised_and_no_part_of_it_shown(kind: str, password: str) -> None:
    url = f"{kind}://me:{password.replace('{}', SECRET)}@host:5432/football?application_name=a@b"
    with pytest.raises(
        ConfigurationError, match=r"not percent-encoded.*write @ as %40, / as %2F.* # as %23, \? as %3F"
    ) as refused:
        parse_url(url)
    message = mask_text(str(refused.value))
    assert SECRET not in message
    assert "@ as %40" in message, "the remedy is readable where secrets are masked"
    assert SECRET not in mask_url(url)
    assert SECRET not in mask_text(f"could not translate host name {SECRET}; the URL is {url}")


def test_an_at_sign_in_an_option_that_would_end_a_password_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="an option of this postgresql URL is not percent-encoded"):
        parse_url("postgresql://host:5432/football?user=me@server")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p%40ss%2Fw%23rd%3Fx@host:5432/football?application_name=a@b",
        "postgresql://me@host/football?application_name=a@b&x=c/d@e",
        "postgresql://me:pw@[::1]:5432/football",
        "postgresql://[::1]:5432/football?application_name=a%40b",
        "postgresql://me:a:b!c$d@host/football",
    ],
)
def test_what_is_percent_encoded_or_needs_it_not_is_taken(url: str) -> None:
    assert parse_url(url).database == "football"
    assert parse_url(url).host in {"host", "::1"}


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter2@host", "mysql://me:hunter2@host/", "postgresql://host?user=me&password=hunter2"]
)
def test_a_server_without_a_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no database") as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "meant"), [("sqlite://lake/x.db", "sqlite:///lake/x.db"), ("sqlite://x.db", "sqlite:///x.db")]
)
def test_an_sqlite_url_with_two_slashes_is_told_of_the_third(url: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"three slashes.*write {meant}"):
        parse_url(url)
    assert sqlite_path(parse_url("sqlite://")) is None


@pytest.mark.parametrize("path", ["catalog.db", "/abs/my lake/100% #1/catalog.db", "../x.db", "/über/catalog.db"])
def test_the_path_of_an_sqlite_url_is_taken_as_it_is_written(path: str) -> None:
    assert sqlite_path(parse_url(f"sqlite:///{path}?timeout=5")) == Path(path).absolute()


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite", "SQLite"])
@pytest.mark.parametrize("path", ["/lake/a%20b/catalog.db", "/lake/a%2fb.db", "a%20b/catalog.db", "%2e%2e/x.db"])
def test_a_percent_code_in_the_path_of_an_sqlite_url_is_refused(scheme: str, path: str) -> None:
    # SQLAlchemy 2.1 decodes it and 2.0 does not, and file_url takes it literally.
    with pytest.raises(ConfigurationError, match=r"percent code '%.*a space as a space|is not supported"):
        parse_url(f"{scheme}:///{path}")


@pytest.mark.parametrize(
    "url", ["sqlite:////lake/a?b/catalog.db", "sqlite:///a?b", "sqlite:///a?", "sqlite:///a?x/y=1/b.db"]
)
def test_a_question_mark_in_the_path_of_an_sqlite_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"options, such as \?timeout=30.*\? in its name cannot be used"):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///x.db?timout=5", "'timout' is no option of a SQLite URL; did you mean 'timeout'"),
        ("sqlite:///x.db?password=hunter2", "'password' is no option"),
        ("sqlite:///x.db?mode=ro&uri=true", "'mode' is no option .* after sqlite:///file:/path with uri=true"),
        ("sqlite:///file:x.db?mode=ro", "needs the option uri=true"),
        ("sqlite:///x.db?timeout=soon", "must be a number of seconds"),
        ("sqlite:///x.db?timeout=-1", "must be a number of seconds"),
        ("sqlite:///x.db?timeout=nan", "must be a number of seconds"),
        ("sqlite:///x.db?timeout=1&timeout=2", "'timeout' is given twice"),
    ],
)
def test_an_option_that_sqlite_has_not_is_refused_instead_of_dropped(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)


def test_sqlites_own_names_keep_their_options_and_percent_codes() -> None:
    assert parse_url("sqlite:///file:/a%20b/x.db?mode=ro&uri=true&cache=shared").query["mode"] == "ro"
    assert sqlite_path(parse_url("sqlite:///:memory:?timeout=3")) is None


def test_what_is_supported_is_readable_where_passwords_are_masked() -> None:
    with pytest.raises(ConfigurationError, match="is not supported") as refused:
        parse_url("oracle://x")
    assert mask_text(str(refused.value)) == str(refused.value)


def test_a_password_is_never_shown_again() -> None:
    parse_url("postgresql://me:s3cr%40t-w0rd@host/lake")
    assert "s3cr@t-w0rd" not in mask_text("the server says s3cr@t-w0rd is wrong")
    url = sa.make_url("mysql+pymysql://me:s3cret@host/lake?ssl_key=/k.pem&read_default_file=x&password=abcdefg")
    assert "s3cret" not in shown(url)
    assert "abcdefg" not in shown(url)
    assert shown(url).startswith("mysql://me:***@host/lake")


def test_our_options_are_taken_out_and_the_others_left_to_the_driver() -> None:
    url = sa.make_url(
        "postgresql://h/d?lock_timeout=5&statement_timeout=2.5&pool_size=2&connect_timeout=3&idle_timeout=9"
        "&sslmode=require"
    )
    options, rest = ServerOptions.take_from(url)
    assert options == ServerOptions(3, 5.0, 2.5, 2, 9.0)
    assert dict(rest.query) == {"sslmode": "require"}
    assert ServerOptions.take_from(rest)[0] == ServerOptions()


@pytest.mark.parametrize("option", ["pool_size=0", "lock_timeout=soon", "statement_timeout=-1", "connect_timeout=1.5"])
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_an_option_that_is_no_number_is_refused(scheme: str, option: str) -> None:
    with pytest.raises(ConfigurationError, match=option.partition("=")[0]):
        check_url(parse_url(f"{scheme}://h/d?{option}"))


def test_a_pooler_without_prepared_statements_is_said_in_the_url() -> None:
    for value in ("none", "None", "0", "7"):
        check_url(parse_url(f"postgresql://h/d?prepare_threshold={value}"))
    with pytest.raises(ConfigurationError, match="prepare_threshold is 'soon'"):
        check_url(parse_url("postgresql://h/d?prepare_threshold=soon"))


def test_an_option_that_mysqls_driver_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"sslmode.*ssl_ca"):
        check_url(parse_url("mysql://h/d?sslmode=require"))
    check_url(parse_url("mysql://h/d?ssl_ca=/a.pem&unix_socket=/run/mysqld.sock"))


@pytest.mark.parametrize(
    ("option", "content", "why"),
    [("ssl_ca", None, "No such file"), ("ssl_key", None, "No such file"), ("ssl_ca", "no certificate", "PEM")],
)
def test_a_file_for_mysqls_encryption_that_cannot_be_read_is_named(
    tmp_path: Path, option: str, content: str | None, why: str
) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=rf"{option} is '.*authorities\.pem'.*{why}"):
        Database.open(f"mysql://h/d?{option}={path}")


@pytest.mark.parametrize(
    ("connector", "url", "driver", "extra"),
    [
        (PostgresqlConnector, "postgresql://h/d", "psycopg", "postgres"),
        (MysqlConnector, "mysql://h/d", "pymysql", "mysql"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, connector: type, url: str, driver: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(MissingExtraError, match=rf"'\.\[{extra}\]'"):
        connector(parse_url(url)).make_engine(echo=False)


@pytest.mark.parametrize("url", ["postgresql://h/d?sslrootcert=~/ca.pem", "mysql://h/d?ssl_ca=~/ca.pem"])
def test_the_home_folder_is_known_in_the_files_of_a_connection(url, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert list(parse_url(url).query.values()) == ["/home/ann/ca.pem"]
