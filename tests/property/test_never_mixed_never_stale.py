"""The promise: what readers see was the provider's at one moment, and two runs after its last change it is the newest.

`INGESTIFY_EXAMPLES=5000` tries so many invented scenarios, other ones each time, in place of those that are always
the same: a few of them, and a hundred in the exhaustive tests. A failure prints its scenario as code that `play` takes,
and what happened.

`rules.py` has a scenario for each rule of the engine, which it does not come through without it; test_the_model.py
shows that. These tests find it too, each in several forms:

| without                                      | fails                                                               |
|----------------------------------------------|---------------------------------------------------------------------|
| a time is a version, and no order            | test_a_time_that_goes_back_is_a_change                              |
| the grain of a time                          | test_a_second_change_within_the_grain_of_a_time_is_seen             |
| the grain of Last-Modified                   | test_a_second_change_within_a_second_of_last_modified_is_seen       |
| the announced set is part of the bundle      | test_a_feed_that_is_announced_no_more_leaves                        |
| what a narrower plan does not ask for        | test_plans_of_different_width_mix_nothing                           |
| the second look, also by Last-Modified       | test_a_change_while_files_(with_dates_only_)are_fetched_mixes_nothing |
| the entry of the index once more, at the end | test_name_score_and_files_are_of_one_moment                         |
| answers that differ each time settle         | test_a_match_whose_answers_differ_each_time_comes_in                |
| two witnesses                                | test_one_empty_listing_marks_nothing                                |
| one bad entry is one entry                   | test_an_entry_that_cannot_be_read_hides_no_other                    |
| what lists it is not whole                   | test_an_entry_that_cannot_be_read_once_is_not_missing_...           |
| a season's time is compared with its own     | test_one_time_in_the_future_hides_no_season                         |
| the grain of a season's time                 | test_what_comes_within_the_seasons_own_second_is_seen               |
| a name comes with its files                  | test_a_name_comes_with_its_files_though_the_time_lies               |
| what moved is asked for again                | test_name_score_and_an_only_file_are_of_one_moment                  |
| no time of an entry that moved vouches       | test_an_entry_that_moves_without_its_times_vouches_for_no_file      |
| not listed again is as good as changed       | test_what_leaves_the_index_while_its_files_are_fetched_is_not_...   |
| what is listed without any file stays whole  | test_a_match_that_is_listed_without_any_file_is_as_it_was_...       |
| what one plan brought, others search for     | test_what_another_plan_brought_is_missing_when_it_is_listed_no_more |
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.sizes import sample_and_rest, sizes

from .model_lake import PLANS, Run, Scenario, Step, Wait, play
from .model_provider import FEEDS, Change, During, Listing, Traits
from .rules import HOUR, RULES

pytestmark = pytest.mark.sampled(4)  # of the forms of a scenario, each fourth

EXAMPLES = int(os.environ.get("INGESTIFY_EXAMPLES", "0"))
VALIDATORS = ["strong", "weak", "date", "both", "none", "new etags", "new bodies", "new etags, new bodies"]
BY_KIND = sample_and_rest(
    ["strong", "date", "none", "new etags", "new bodies"], ["weak", "both", "new etags, new bodies"]
)
"""One of each kind first: where the entry decides, a weak ETag is as good as a strong one, also with a date."""

# ---- what is invented ----------------------------------------------------------------------------------

traits = st.builds(
    Traits,
    times=st.sampled_from(["second", "none", "microsecond", "minute", "day"]),
    clock=st.sampled_from(["true", "ahead", "behind", "local"]),
    times_of=st.sampled_from(["match", "file"]),
    validators=st.sampled_from(VALIDATORS),
    dated=st.booleans(),
    absent_by=st.sampled_from(["index", "404"]),
    entry_is_a_feed=st.booleans(),
    season_time=st.sampled_from(["none", "none", "second", "minute", "day"]),
    pages=st.sampled_from([1, 1, 2]),
    unreadable=st.sampled_from([0, 0, 0, 2]),
    lake_is_ahead=st.sampled_from([0.0, 7200.0, -7200.0, 80_000.0, -80_000.0]),
    request_seconds=st.sampled_from([0.01, 0.3, 1.5]),
    source=st.sampled_from(["code", "code", "rest"]),
).map(lambda one: one if one.source == "code" else Traits(**{**vars_of(one), "pages": 1}))


def vars_of(one: Traits) -> dict[str, object]:
    return {name: getattr(one, name) for name in Traits.__dataclass_fields__}


@st.composite
def changes(draw: st.DrawFn, said: Traits) -> Change:
    feeds = draw(st.sampled_from([FEEDS, ("events",), ("events", "lineups"), ("frames",), ()]))
    takes, brings = draw(st.sampled_from([((), ()), (("frames",), ()), ((), ("frames",)), (("lineups",), ())]))
    time = draw(st.sampled_from(["moves", "moves", "moves", "2062", "typo", "unmoved"]))
    renames = draw(st.booleans())
    is_content = feeds or brings or (takes and said.absent_by == "404")
    if time == "unmoved" and is_content:
        # A time that lies is seen by nobody who does not ask for each file in each run; here the name tells.
        renames = True
    return Change(
        match=draw(st.integers(1, 4)),
        feeds=feeds,
        takes=takes,
        brings=brings,
        renames=renames,
        time=time,
        is_listed=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def runs(draw: st.DrawFn, said: Traits) -> Run:
    faults = ["none", "none", "none", "fails", "empty", "twice", "unreadable"]
    if said.season_time == "none":
        # A listing that silently lacks one is as good as any. Where the season's time says that nothing has changed
        # since then, nobody has a reason to read it again.
        faults.append("lacks")
    during = st.builds(
        During, request=st.integers(1, 12), change=changes(said), when=st.sampled_from(["after", "before"])
    )
    return Run(
        plan=draw(st.sampled_from(["all", "all", *PLANS])),
        listing=draw(st.builds(Listing, fault=st.sampled_from(faults), match=st.integers(1, 3))),
        during=tuple(draw(st.lists(during, max_size=2))),
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    said = draw(traits)
    waits = st.builds(Wait, st.sampled_from([0.05, 0.7, 5.0, 61.0, 3000.0, HOUR, 5.6 * HOUR, 25 * HOUR]))
    step: st.SearchStrategy[Step] = changes(said) | runs(said) | waits
    # What the lake has for sure is what a later change can hide behind.
    begin: tuple[Step, ...] = draw(st.sampled_from([(), (Wait(HOUR), Run(), Wait(HOUR))]))
    return Scenario(said, draw(st.integers(1, 4)), (*begin, *draw(st.lists(step, min_size=1, max_size=8))))


@st.composite
def pairs_of_changes(draw: st.DrawFn) -> Scenario:
    """Two changes of one match, each with a run behind it: what the first one said may hide the second."""
    said = draw(traits)
    waits = st.sampled_from([0.05, 0.7, 5.0, 61.0, HOUR, 25 * HOUR]).map(Wait)
    run: st.SearchStrategy[Step] = st.just(Run()) | runs(said)
    first, second = draw(changes(said)), dataclasses.replace(draw(changes(said)), match=1)
    if second.time != "unmoved":  # its time alone is to tell it
        second = dataclasses.replace(second, time=draw(st.sampled_from(["moves", "typo", "2062"])), renames=False)
    steps: list[Step] = [Wait(HOUR), Run(), Wait(HOUR), dataclasses.replace(first, match=1, is_listed=True)]
    steps += [draw(waits), draw(run), draw(waits), second]
    return Scenario(said, 2, tuple(steps))


def search(invented: st.SearchStrategy[Scenario], examples: int) -> None:
    """Play so many scenarios."""

    @settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        phases=(Phase.generate, Phase.shrink),  # the story that a failure tells explains enough
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(invented)
    def play_each(scenario: Scenario) -> None:
        play(scenario)

    play_each()


@pytest.mark.parametrize("examples", sizes(6, 100))
def test_whatever_happens_nothing_is_mixed_and_nothing_stays_stale(examples: int) -> None:
    search(scenarios(), examples)


@pytest.mark.parametrize("examples", sizes(6, 100))
def test_no_change_hides_the_next_one(examples: int) -> None:
    search(pairs_of_changes(), examples)


@pytest.mark.sampled(1)  # none of them is a form of another
@pytest.mark.parametrize("rule", RULES)
def test_the_engine_keeps_each_rule(rule: str) -> None:
    play(RULES[rule])


# ---- times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["code", "rest"])
def test_a_change_is_there_after_the_next_run(source: str) -> None:
    play(Scenario(Traits(source=source), steps=(Run(), Wait(HOUR), Change(1), Wait(5), Run())))


# Nothing but the time tells of these changes; a time in the future is asked for in any case, one in the past is not.
@pytest.mark.sampled(4)
@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize("first", ["2062", "moves"])
@pytest.mark.parametrize("second", ["typo", "moves"])
def test_a_time_that_goes_back_is_a_change(source: str, first: str, second: str) -> None:
    one, other = (Change(1, renames=False, time=time) for time in (first, second))
    play(Scenario(Traits(source=source), steps=(Run(), Wait(5), one, Wait(HOUR), Run(), Wait(HOUR), other)))


def test_the_hour_that_comes_twice_in_autumn_hides_no_change() -> None:
    change = Change(1, renames=False)
    steps = (Run(), Wait(1500), change, Wait(5), Run(), Wait(2000), change, Wait(5), Run())
    play(Scenario(Traits(clock="local"), steps=steps))


@pytest.mark.parametrize("clock", ["ahead", "behind"])
def test_a_clock_that_is_wrong_hides_no_change(clock: str) -> None:
    change = Change(1, renames=False)
    play(Scenario(Traits(clock=clock), steps=(Run(), Wait(5), change, Wait(5), Run(), Wait(HOUR), change)))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("validators", ["strong", "date", "none"])
@pytest.mark.parametrize("times", ["second", "minute", "day"])
def test_a_second_change_within_the_grain_of_a_time_is_seen(times: str, validators: str) -> None:
    play(Scenario(Traits(times, validators=validators), steps=(Wait(HOUR), Change(1), Run(), Change(1, renames=False))))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("lake_is_ahead", [0.0, 80_000.0, -80_000.0])
@pytest.mark.parametrize("times", ["second", "day"])
def test_where_the_provider_shows_no_clock_the_lakes_may_be_off_by_most_of_a_day(
    times: str, lake_is_ahead: float
) -> None:
    traits = Traits(times, dated=False, lake_is_ahead=lake_is_ahead)
    play(Scenario(traits, steps=(Wait(HOUR), Change(1), Run(), Change(1, renames=False))))


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("times", ["none", "microsecond"])
def test_a_second_change_within_a_second_of_last_modified_is_seen(times: str, dated: bool) -> None:
    traits = Traits(times, validators="date", dated=dated)
    play(Scenario(traits, steps=(Wait(HOUR), Change(1), Run(), Change(1, renames=False))))


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("validators", "times_of"), [*((one, "match") for one in VALIDATORS), ("strong", "file"), ("none", "file")]
)
def test_a_name_comes_with_its_files_though_the_time_lies(validators: str, times_of: str) -> None:
    traits = Traits(validators=validators, times_of=times_of)
    play(Scenario(traits, steps=(Wait(HOUR), Run(), Wait(HOUR), Change(1, time="unmoved"), Wait(5), Run())))


# ---- seasons -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize("clock", ["true", "ahead"])
def test_one_time_in_the_future_hides_no_season(clock: str, source: str) -> None:
    traits = Traits(clock=clock, season_time="second", source=source)
    steps = (Run(), Wait(5), Change(1, time="2062" if clock == "true" else "moves"), Run(), Wait(HOUR), Change(2))
    play(Scenario(traits, steps=steps))


@pytest.mark.parametrize("times", ["none", "second"])
def test_what_comes_within_the_seasons_own_second_is_seen(times: str) -> None:
    steps = (Wait(HOUR), Change(1), Run(), Change(3), Wait(5), Run())
    play(Scenario(Traits(times, season_time="second"), steps=steps))


# ---- the announced set ---------------------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize("time", ["moves", "unmoved"])
@pytest.mark.parametrize("feeds", [("events", "lineups"), ()])
def test_a_feed_that_is_announced_no_more_leaves(feeds: tuple[str, ...], time: str, source: str) -> None:
    change = Change(1, feeds, takes=("frames",), renames=bool(feeds), time=time)
    play(Scenario(Traits(source=source), steps=(Run(), Wait(HOUR), change, Wait(5), Run())))


def test_a_season_is_read_again_for_a_feed_that_was_found_gone_once() -> None:
    goes = Change(1, (), takes=("frames",), renames=False)
    play(Scenario(Traits(season_time="second"), steps=(Wait(HOUR), Run(), Wait(HOUR), goes, Wait(HOUR), Run())))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("absent_by", ["index", "404"])
@pytest.mark.parametrize("validators", ["strong", "date", "none"])
def test_a_feed_that_comes_back_is_there_again(validators: str, absent_by: str) -> None:
    goes = Change(1, ("events",), takes=("frames",))
    comes = Change(1, (), brings=("frames",), renames=False)
    steps = (Run(), Wait(HOUR), goes, Run(), Wait(HOUR), comes)
    play(Scenario(Traits(validators=validators, absent_by=absent_by), steps=steps))


@pytest.mark.parametrize("feeds", [("events", "lineups"), ()])
def test_a_feed_that_answers_404_stays_not_beside_newer_files(feeds: tuple[str, ...]) -> None:
    change = Change(1, feeds, takes=("frames",))
    play(Scenario(Traits(absent_by="404"), steps=(Run(), Wait(HOUR), change, Wait(5), Run())))


@pytest.mark.parametrize("feeds", [("lineups",), ()], ids=["beside another file", "and its name is another one"])
def test_what_lacks_a_required_feed_leaves_the_bundle_of_before_until_it_is_back(feeds: tuple[str, ...]) -> None:
    goes = Change(1, feeds, takes=("events",))
    comes = Change(1, (), brings=("events",))
    play(Scenario(steps=(Run(), Wait(HOUR), goes, Run(), Run(), Wait(HOUR), comes)))


@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize("times", ["second", "none"])
def test_a_match_that_is_listed_without_any_file_is_as_it_was_until_they_are_back(times: str, source: str) -> None:
    goes = Change(1, (), takes=FEEDS)
    comes = Change(1, (), brings=FEEDS, renames=False, time="unmoved")
    steps = (Wait(HOUR), Run(), Wait(HOUR), goes, Run(), Run(), Wait(HOUR), comes)
    play(Scenario(Traits(times, source=source), steps=steps))


@pytest.mark.parametrize("source", ["code", "rest"])
def test_a_plan_that_finds_none_of_its_files_announced_mixes_nothing(source: str) -> None:
    goes = Change(1, ("events", "lineups"), takes=("frames",))
    steps = (Wait(HOUR), Run(), Wait(HOUR), goes, Wait(5), Run("frames"), Run())
    play(Scenario(Traits(source=source), steps=steps))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize(
    "plans",
    [
        ("all", "narrow"),
        ("all", "narrow", "all"),
        ("all", "other"),
        ("all", "other", "narrow", "all"),
        ("narrow", "all"),
        ("narrow", "all", "narrow", "other"),
    ],
    ids=" then ".join,
)
def test_plans_of_different_width_mix_nothing(plans: tuple[str, ...], source: str) -> None:
    steps: list[Step] = [Run(plans[0])]
    for plan in plans[1:]:
        steps += [Wait(HOUR), Change(1), Wait(5), Run(plan)]
    play(Scenario(Traits(source=source), steps=tuple(steps)))


@pytest.mark.parametrize("season_time", ["none", "second"])
def test_what_another_plan_brought_is_missing_when_it_is_listed_no_more(season_time: str) -> None:
    comes, goes = Change(4), Change(4, is_listed=False)
    steps = (Wait(HOUR), Run(), Wait(HOUR), comes, Wait(5), Run("narrow"), Wait(HOUR), goes, Wait(5), Run())
    play(Scenario(Traits(season_time=season_time), steps=steps))


@pytest.mark.parametrize("plans", [("all", "narrow"), ("narrow", "all")], ids=" then ".join)
def test_what_another_plan_found_again_is_missing_when_it_is_listed_no_more(plans: tuple[str, str]) -> None:
    one, other = plans
    comes, goes = Change(2), Change(2, is_listed=False)
    steps: list[Step] = [Wait(HOUR), Run(one), Run(other)]
    for change, plan in ((goes, one), (comes, other), (goes, one)):
        steps += [Wait(HOUR), change, Wait(5), Run(plan)]
    play(Scenario(matches=3, steps=tuple(steps)))


def test_a_change_within_the_grain_is_seen_of_what_the_plan_does_not_ask_for() -> None:
    change = Change(1, ("frames",), renames=False)
    play(Scenario(steps=(Wait(HOUR), Change(1), Run(), change, Run("narrow"))))


@pytest.mark.parametrize("plans", [("all", "narrow"), ("narrow", "all")], ids=" then ".join)
def test_what_another_plan_lists_in_between_is_no_second_time_missing(plans: tuple[str, str]) -> None:
    one, other = plans
    empty = Run(one, Listing("empty"))
    play(Scenario(steps=(Wait(HOUR), Run(one), empty, Wait(5), Run(other), Wait(5), empty, Wait(5), Run(one))))


# The clock is behind, so that a time that a file did not come with is taken for settled, and never asked for again.
@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        (Change(1, (), renames=False), Change(1, ("events",), renames=False)),
        (Change(1, renames=False), Change(1, ("events",), takes=("lineups", "frames"), renames=False)),
        (Change(1), Change(1, ("events",), takes=("lineups", "frames"))),
    ],
    ids=["nothing new", "nothing else is left", "named"],
)
def test_what_moves_before_the_other_feeds_are_asked_along_for_is_seen(before: Change, meanwhile: Change) -> None:
    steps = (Wait(HOUR), Run(), Wait(HOUR), before, Wait(HOUR), Run("narrow", during=(During(2, meanwhile),)))
    play(Scenario(Traits(clock="behind"), steps=steps))


# Match 3 waits for each reading together with one that was in the lake, and has more.
def test_what_is_asked_along_for_one_match_keeps_no_other_out() -> None:
    goes = During(7, Change(1, takes=("lineups",)), "before")
    traits = Traits(validators="new bodies", dated=False, absent_by="404")
    play(Scenario(traits, steps=(Run(during=(goes,)), Run("other"), Change(3))))


@pytest.mark.parametrize("settles", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("first", ["all", "narrow"])
def test_a_feed_that_is_gone_leaves_also_if_the_plan_does_not_ask_for_it(first: str, settles: bool) -> None:
    wait = Wait(HOUR if settles else 0.1)
    goes = Change(1, (), takes=("frames",), renames=False)
    play(Scenario(steps=(Wait(HOUR), Run(), Wait(HOUR), goes, wait, Run(first), Run("narrow"))))


def test_a_season_that_has_not_changed_is_read_again_after_a_plan_took_feeds_out() -> None:
    steps = (Wait(HOUR), Run(), Wait(HOUR), Run("narrow"), Wait(HOUR), Run())
    play(Scenario(Traits(season_time="second"), steps=steps))


# ---- one moment ----------------------------------------------------------------------------------------


def _play_with_a_change_during(
    traits: Traits, change: Change, *, is_first: bool, requests: Sequence[int], plan: str = "all"
) -> None:
    before: tuple[Step, ...] = (Wait(HOUR),) if is_first else (Run(plan), Wait(HOUR), Change(1), Wait(HOUR))
    for number in requests:
        play(Scenario(traits, 1, (*before, Run(plan, during=(During(number, change),)))))


# A first file has been answered, and others have not. Where files name versions, the index says nothing of it.
@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("validators", VALIDATORS)
def test_a_change_while_files_are_fetched_mixes_nothing(validators: str, is_first: bool) -> None:
    traits = Traits("none", validators=validators)
    _play_with_a_change_during(traits, Change(1, renames=False), is_first=is_first, requests=(2, 3, 5))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
@pytest.mark.parametrize("request_seconds", [0.01, 1.5], ids=["one second", "seconds"])
def test_a_change_while_files_with_dates_only_are_fetched_mixes_nothing(
    request_seconds: float, dated: bool, is_first: bool
) -> None:
    traits = Traits("none", validators="date", dated=dated, request_seconds=request_seconds)
    _play_with_a_change_during(traits, Change(1, renames=False), is_first=is_first, requests=(2, 3, 5))


# The index has been read, and no file has been answered.
@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize(
    ("validators", "source"), [*((one, "code") for one in VALIDATORS), ("strong", "rest"), ("date", "rest")]
)
def test_name_score_and_files_are_of_one_moment(validators: str, is_first: bool, source: str) -> None:
    traits = Traits(validators=validators, source=source)
    _play_with_a_change_during(traits, Change(1), is_first=is_first, requests=(1,))


@pytest.mark.parametrize("times", ["none", "second"])
def test_a_change_in_the_second_in_which_the_index_answered_is_seen(times: str) -> None:
    traits = Traits(times, validators="date", request_seconds=1.5)
    _play_with_a_change_during(traits, Change(1), is_first=True, requests=(1,))


# One file is of one moment by itself; its entry need not be of the same.
@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("validators", BY_KIND)
def test_name_score_and_an_only_file_are_of_one_moment(validators: str, is_first: bool) -> None:
    traits = Traits(validators=validators)
    _play_with_a_change_during(traits, Change(1), is_first=is_first, requests=(1, 2), plan="narrow")


# Its times were vouched for by the entry until then.
@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("validators", BY_KIND)
def test_an_entry_that_moves_without_its_times_vouches_for_no_file(validators: str, is_first: bool) -> None:
    change = Change(1, time="unmoved")
    _play_with_a_change_during(Traits(validators=validators), change, is_first=is_first, requests=(2, 4, 7))


def test_a_file_that_becomes_the_only_one_while_it_is_fetched_is_asked_for_again() -> None:
    goes = Change(1, takes=("lineups", "frames"), renames=False)
    play(Scenario(Traits(), 1, (Wait(HOUR), Run(during=(During(7, goes),)))))


@pytest.mark.parametrize("unreadable", [0, 2], ids=["whole", "with an entry that cannot be read"])
@pytest.mark.parametrize("source", ["code", "rest"])
def test_what_leaves_the_index_while_its_files_are_fetched_is_not_published_by_its_old_entry(
    source: str, unreadable: int
) -> None:
    goes = Change(1, is_listed=False)
    traits = Traits(source=source, unreadable=unreadable)
    play(Scenario(traits, 3, (Wait(HOUR), Run(during=(During(1, goes),)), Wait(HOUR), Change(1), Run())))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("validators", ["strong", "date"])
def test_an_entry_that_is_a_file_is_of_the_moment_of_the_others(validators: str, is_first: bool) -> None:
    traits = Traits("none", validators=validators, entry_is_a_feed=True)
    _play_with_a_change_during(traits, Change(1), is_first=is_first, requests=(1, 2, 5))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("times", ["none", "second"])
@pytest.mark.parametrize("validators", ["new etags", "new bodies", "new etags, new bodies"])
def test_a_match_whose_answers_differ_each_time_comes_in(validators: str, times: str) -> None:
    play(Scenario(Traits(times, validators=validators), steps=(Run(), Wait(HOUR), Change(1), Wait(5), Run())))


# ---- absence, and what cannot be read ------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("season_time", ["none", "second"])
@pytest.mark.parametrize("matches", [1, 4])
def test_one_empty_listing_marks_nothing(matches: int, season_time: str) -> None:
    steps = (Run(), Wait(HOUR), Change(1), Run(listing=Listing("empty")), Wait(5), Run())
    play(Scenario(Traits(season_time=season_time), matches, steps))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("season_time", ["none", "second"])
@pytest.mark.parametrize("matches", [1, 4])
def test_what_two_listings_lack_is_missing(matches: int, season_time: str) -> None:
    gone = [Change(number, (), is_listed=False) for number in range(1, matches + 1)]
    play(Scenario(Traits(season_time=season_time), matches, (Run(), Wait(HOUR), *gone)))


@pytest.mark.parametrize("season_time", ["none", "second"])
def test_what_is_listed_again_is_missing_no_more(season_time: str) -> None:
    steps = (Run(), Wait(HOUR), Change(1, (), is_listed=False), Run(), Run(), Wait(HOUR), Change(1, ()), Wait(5))
    play(Scenario(Traits(season_time=season_time), steps=steps))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize("season_time", ["none", "second"])
@pytest.mark.parametrize("match", [1, 2, 3])
def test_an_entry_that_cannot_be_read_hides_no_other(match: int, season_time: str, source: str) -> None:
    play(Scenario(Traits(season_time=season_time, source=source, unreadable=match), 3))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("season_time", ["none", "second"])
@pytest.mark.parametrize("match", [1, 3])
def test_an_entry_that_cannot_be_read_once_is_not_missing_and_catches_up(match: int, season_time: str) -> None:
    unreadable = Run(listing=Listing("unreadable", match))
    steps = (unreadable, Wait(HOUR), Run(), Change(1), Change(2), Change(3), unreadable)
    play(Scenario(Traits(season_time=season_time), 3, steps))


@pytest.mark.parametrize("pages", [1, 2])
def test_a_page_that_fails_makes_nothing_missing(pages: int) -> None:
    play(Scenario(Traits(pages=pages), 4, (Run(), Wait(HOUR), Change(4), Run(listing=Listing("fails")))))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("source", ["code", "rest"])
@pytest.mark.parametrize("validators", ["strong", "none"])
def test_a_match_that_is_listed_twice_comes_in_once(validators: str, source: str) -> None:
    twice = Run(listing=Listing("twice"))
    play(Scenario(Traits(validators=validators, source=source), steps=(twice, Wait(HOUR), Change(1), twice, twice)))
