"""The table of the built-in formats, and the search in it by the setting `loader`.

Each format is as kloppy reads it (https://kloppy.pysport.org), and as in the samples of kloppy's tests.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ingestify.checks.statsbomb import StatsBombMatchCheck
from ingestify.domain.bundle import BundleType, usual_bundle_types
from ingestify.errors import ConfigurationError
from ingestify.plugins import find_plugin, find_plugins
from ingestify.provider_formats.provider_format import FormatFeed, ProviderFormat
from ingestify.suggestion import did_you_mean

__all__ = ["FORMATS", "LOADERS_GROUP", "check_loader", "find_bundle_types", "find_format"]

LOADERS_GROUP = "ingestify.loaders"
"""The entry point group of a package's loaders: `"{provider}.{dataset_type}" = "package.module:function"`."""

_FRAME_LINES = r"\A\s*\d+[:;]"
_MA1 = FormatFeed(
    "ma1",
    "ma1_data",
    mark=r'<matchInfo\b|"matchInfo"',
    match_id=r'<matchInfo\b[^>]*?\bid="(\w+)"|"matchInfo"\s*:\s*\{\s*"id"\s*:\s*"(\w+)"',
)
_DFL_MATCH = r'<General\b[^>]*?\bMatchId="([\w-]+)"'
_EPTS_METADATA = FormatFeed("metadata", "meta_data", mark=r"<Metadata\b")

FORMATS: dict[tuple[str, str], ProviderFormat] = {
    (one.name, one.dataset_type): one
    for one in (
        ProviderFormat(
            "datafactory",
            "match",
            "datafactory.load",
            (FormatFeed("events", "event_data", mark=r'"incidences"\s*:'),),
        ),
        ProviderFormat(
            "hawkeye",
            "tracking",
            "hawkeye.load",
            (
                FormatFeed(
                    "ball",
                    "ball_feeds",
                    has_parts=True,
                    mark=r'"ball"\s*:',
                    match_id=r'"match"\s*:\s*\{\s*"id"\s*:\s*\{[^}]*?"heId"\s*:\s*"([^"]+)"',
                ),
                FormatFeed(
                    "centroids",
                    "player_centroid_feeds",
                    has_parts=True,
                    mark=r'"people"\s*:',
                    match_id=r'"match"\s*:\s*\{\s*"id"\s*:\s*\{[^}]*?"heId"\s*:\s*"([^"]+)"',
                ),
                FormatFeed(
                    "metadata", "meta_data", is_optional=True, needs_path=True, mark=r'<Match\b|"(MatchId|KickOffTime)"'
                ),
            ),
        ),
        ProviderFormat(
            "impect",
            "match",
            "impect.load",
            (
                FormatFeed("events", "event_data"),
                FormatFeed("lineups", "lineup_data"),
                FormatFeed("squads", "squads_data", is_optional=True),
                FormatFeed("players", "players_data", is_optional=True),
            ),
        ),
        ProviderFormat(
            "metrica",
            "match",
            "metrica.load_event",
            (_EPTS_METADATA, FormatFeed("events", "event_data")),
        ),
        ProviderFormat(
            "metrica",
            "tracking",
            "metrica.load_tracking_epts",
            (_EPTS_METADATA, FormatFeed("frames", "raw_data", mark=_FRAME_LINES)),
        ),
        ProviderFormat(
            "metrica_csv",
            "tracking",
            "metrica.load_tracking_csv",
            (
                FormatFeed("frames-home", "home_data", mark=r"\bHome\b"),
                FormatFeed("frames-away", "away_data", mark=r"\bAway\b"),
            ),
        ),
        ProviderFormat(
            "opta",
            "match",
            "opta.load",
            (
                FormatFeed(
                    "f7",
                    "f7_data",
                    mark=r"<SoccerDocument\b",
                    match_id=r'<SoccerDocument\b[^>]*?\buID="[a-z]?(\d+)"',
                ),
                FormatFeed(
                    "f24",
                    "f24_data",
                    other_name="f73",
                    mark=r"<Games\b",
                    match_id=r'<Game\b[^>]*?\bid="(\d+)"',
                ),
            ),
        ),
        ProviderFormat(
            "pff",
            "tracking",
            "pff.load_tracking",
            (
                FormatFeed(
                    "metadata",
                    "meta_data",
                    mark=r'"homeTeamKit"',
                    match_id=r'"homeTeamStartLeft[^{}]*?"id"\s*:\s*"?(\d+)',
                ),
                FormatFeed("rosters", "roster_meta_data", mark=r'"shirtNumber"'),
                FormatFeed("frames", "raw_data", mark=r'"gameRefId"', match_id=r'"gameRefId"\s*:\s*"?(\d+)'),
            ),
        ),
        ProviderFormat(
            "secondspectrum",
            "tracking",
            "secondspectrum.load",
            (
                FormatFeed("metadata", "meta_data", mark=r'<match\b|"periods"'),
                FormatFeed("additional-metadata", "additional_meta_data", is_optional=True, mark=r'"homePlayers"'),
                FormatFeed("frames", "raw_data", mark=r'"frameIdx"'),
            ),
        ),
        ProviderFormat(
            "signality",
            "tracking",
            "signality.load",
            (
                FormatFeed("metadata", "meta_data", mark=r'"team_home_players"'),
                FormatFeed("venue", "venue_information", mark=r'"pitch_size"'),
                FormatFeed("frames", "raw_data_feeds", has_parts=True, mark=r'"match_time"'),
            ),
        ),
        ProviderFormat(
            "skillcorner",
            "tracking",
            "skillcorner.load",
            (FormatFeed("metadata", "meta_data"), FormatFeed("frames", "raw_data")),
        ),
        ProviderFormat(
            "sportec",
            "match",
            "sportec.load_event",
            (
                FormatFeed("match", "meta_data", mark=r"<MatchInformation\b", match_id=_DFL_MATCH),
                FormatFeed("events", "event_data", mark=r"<Event\b", match_id=r'<Event\b[^>]*?\bMatchId="([\w-]+)"'),
            ),
        ),
        ProviderFormat(
            "sportec",
            "tracking",
            "sportec.load_tracking",
            (
                FormatFeed("metadata", "meta_data", mark=r"<MatchInformation\b", match_id=_DFL_MATCH),
                FormatFeed(
                    "frames", "raw_data", mark=r"<Positions\b", match_id=r'<FrameSet\b[^>]*?\bMatchId="([\w-]+)"'
                ),
            ),
        ),
        ProviderFormat(
            "statsbomb",
            "match",
            "statsbomb.load",
            (
                FormatFeed("events", "event_data"),
                FormatFeed("lineups", "lineup_data"),
                FormatFeed("360-frames", "three_sixty_data", is_optional=True),
            ),
            (StatsBombMatchCheck,),
        ),
        ProviderFormat(
            "statsperform",
            "match",
            "statsperform.load_event",
            (
                _MA1,
                FormatFeed("ma3", "ma3_data", mark=r'<event\b|"event"', match_id=_MA1.match_id),
            ),
        ),
        ProviderFormat(
            "statsperform",
            "tracking",
            "statsperform.load_tracking",
            (_MA1, FormatFeed("ma25", "ma25_data", mark=_FRAME_LINES)),
        ),
        ProviderFormat(
            "tracab",
            "tracking",
            "tracab.load",
            (
                FormatFeed("metadata", "meta_data", mark=r'<match\b|<GameID>|"GameID"'),
                FormatFeed("frames", "raw_data", mark=rf'{_FRAME_LINES}|"FrameData"'),
            ),
        ),
        ProviderFormat("wyscout", "match", "wyscout.load", (FormatFeed("events", "event_data"),)),
    )
}
"""(name, dataset type) to the format."""


def find_format(loader: str, dataset_type: str) -> ProviderFormat | None:
    """Return the built-in format of the setting `loader`, or None."""
    return FORMATS.get((loader, dataset_type))


def find_bundle_types(loader: str, dataset_type: str, feeds: Collection[str]) -> Sequence[BundleType]:
    """Return what a complete dataset has by its format, else by its type, where the source does not say it.

    Args:
        loader: The setting `loader`; empty: none.
        dataset_type: The type of the datasets.
        feeds: The feeds that a dataset has.
    """
    found = find_format(loader, dataset_type)
    return usual_bundle_types(dataset_type, feeds) if found is None else found.bundle_types


def check_loader(loader: str, dataset_type: str) -> None:
    """Refuse a loader that is neither built in nor in an installed package. An empty text passes.

    Args:
        loader: The setting `loader`.
        dataset_type: The type of the datasets.

    Raises:
        ConfigurationError: There is no such loader. The message lists the loaders.
    """
    if (
        not loader
        or (loader, dataset_type) in FORMATS
        or find_plugin(LOADERS_GROUP, f"{loader}.{dataset_type}") is not None
    ):
        return
    installed = [one.name.partition(".") for one in find_plugins(LOADERS_GROUP)]
    kinds = {*FORMATS, *((name, kind) for name, _, kind in installed)}
    if of_others := sorted(kind for name, kind in kinds if name == loader):
        raise ConfigurationError(
            f"the loader '{loader}' reads no datasets of the type '{dataset_type}'; it reads {', '.join(of_others)}."
        )
    names = sorted({name for name, kind in kinds if kind == dataset_type})
    there = f"; of the type '{dataset_type}' there are {', '.join(names)}." if names else "."
    raise ConfigurationError(f"there is no loader '{loader}'{did_you_mean(loader, names) or there}")
