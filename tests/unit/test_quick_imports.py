from __future__ import annotations

import gc

import pytest

from ingestify.quick_imports import quick_imports


@pytest.fixture(autouse=True)
def _collector(monkeypatch):
    was_enabled = gc.isenabled()
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 0)  # the tests have frozen what they imported
    gc.enable()
    yield
    gc.freeze()
    if not was_enabled:
        gc.disable()


def test_nobody_looks_for_garbage_while_modules_are_imported_and_what_is_there_is_old_then():
    with quick_imports():
        made = [[] for _ in range(5000)]
        with quick_imports():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    old = {id(one) for one in gc.get_objects(generation=2)}
    assert all(id(one) in old for one in made)


def test_a_collector_that_is_off_stays_off_and_frozen_objects_stay_frozen(monkeypatch):
    gc.disable()
    with quick_imports():
        pass
    assert not gc.isenabled()
    gc.enable()
    gc.freeze()
    monkeypatch.undo()
    with quick_imports():
        pass
    assert gc.get_freeze_count()
    assert gc.isenabled()


def test_the_collector_works_again_after_an_error():
    with pytest.raises(ImportError), quick_imports():
        raise ImportError
    assert gc.isenabled()
