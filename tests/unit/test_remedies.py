"""What can be done next, as its reader says it."""

from __future__ import annotations

from ingestify.remedies import at_command_line, at_lake, for_the_target, is_at_command_line, remedy


def test_in_python_it_is_a_call():
    assert not is_at_command_line()
    assert remedy("verify --repair") == "engine.verify(repair=True)"
    assert remedy("delete", "abc") == 'engine.destroy_dataset("abc")'


def test_what_python_has_not_is_a_command():
    assert remedy("events reset") == "'ingestify events reset'"


def test_at_the_command_line_it_has_the_options_that_named_the_lake():
    with at_command_line():
        assert remedy("gc") == "'ingestify gc'"
        at_lake('--lake "my lake"', "second")
        assert remedy("delete", "abc") == "'ingestify delete abc --lake \"my lake\" --bucket second'"
        assert remedy("gc") == "'ingestify gc --lake \"my lake\"'"
        assert remedy("sources competitions", "x") == "'ingestify sources competitions x --lake \"my lake\"'"
    assert not is_at_command_line()


def test_what_needs_plans_is_not_said_of_a_lake_without_them():
    with at_command_line():
        at_lake("--lake lake", has_plans=False)
        assert "--lake" not in remedy("run")
        assert "config.yaml" in remedy("run")


def test_what_is_for_the_lake_that_is_copied_to_does_not_name_the_other():
    with for_the_target():
        assert remedy("restored") == "target.store.identity.restore()"
        with at_command_line():
            at_lake("--lake source")
            assert remedy("restored") == "'ingestify restored --lake …'"
    assert remedy("restored") == "engine.store.identity.restore()"
