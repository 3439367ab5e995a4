from __future__ import annotations

import ssl

import pytest
from pymysql.connections import Connection

from ingestify.catalogue.databases.mysql import _connection_type


def described(context: ssl.SSLContext) -> tuple[object, ...]:
    return context.protocol, context.options, context.verify_mode, context.check_hostname, context.get_ciphers()


def test_without_options_for_tls_a_connection_is_as_before_and_reads_no_authorities(monkeypatch: pytest.MonkeyPatch):
    theirs = Connection(defer_connect=True).ctx
    monkeypatch.setattr("ssl.create_default_context", lambda **_: pytest.fail("it takes 25 ms"))
    assert described(_connection_type()(defer_connect=True).ctx) == described(theirs)


def test_with_options_for_tls_it_is_pymysqls_own():
    context = _connection_type()(defer_connect=True, ssl_verify_cert=True).ctx
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert described(context) == described(Connection(defer_connect=True, ssl_verify_cert=True).ctx)
