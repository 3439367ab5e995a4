"""The rules of change and absence, each with a scenario that nobody comes through without it."""

from __future__ import annotations

from .model_lake import Run, Scenario, Wait
from .model_provider import Change, During, Listing, Traits

__all__ = ["HOUR", "RULES"]

HOUR = 3600.0
_SAME_SECOND = (Wait(HOUR), Change(1), Run(), Change(1, renames=False))
_UNNAMED = Change(1, renames=False)
RULES: dict[str, Scenario] = {
    "a time is no order": Scenario(
        steps=(Run(), Wait(5), _UNNAMED, Wait(HOUR), Run(), Wait(HOUR), Change(1, renames=False, time="typo"))
    ),
    "a time has a grain": Scenario(Traits("minute"), steps=_SAME_SECOND),
    "Last-Modified has a grain": Scenario(Traits("none", validators="date"), steps=_SAME_SECOND),
    "the announced set belongs to the bundle": Scenario(
        steps=(Run(), Wait(HOUR), Change(1, ("events", "lineups"), takes=("frames",)))
    ),
    "files are looked at twice": Scenario(
        Traits("none", validators="date"), 1, (Wait(HOUR), Run(during=(During(2, _UNNAMED),)))
    ),
    "the entry is looked at twice": Scenario(
        Traits(validators="none"), 1, (Wait(HOUR), Run(during=(During(2, Change(1)),)))
    ),
    "answers that differ each time settle": Scenario(Traits(validators="new etags, new bodies")),
    "absence needs two witnesses": Scenario(steps=(Run(), Wait(HOUR), Run(listing=Listing("empty")))),
    "a listing with an entry that cannot be read is not whole": Scenario(
        steps=(Run(), Wait(HOUR), Run(listing=Listing("unreadable")))
    ),
    "an entry that cannot be read is one entry": Scenario(Traits(unreadable=1)),
    "a season's time is compared with its own": Scenario(
        Traits(season_time="second"), steps=(Run(), Wait(5), Change(1, time="2062"), Run(), Wait(HOUR), Change(2))
    ),
    "a season's time has a grain": Scenario(
        Traits(season_time="second"), steps=(Wait(HOUR), Change(1), Run(), Change(3))
    ),
    "a name comes with its files": Scenario(steps=(Wait(HOUR), Run(), Wait(HOUR), Change(1, time="unmoved"), Run())),
}
