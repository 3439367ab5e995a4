"""The options and arguments that commands share."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingestify.cli.console import Console
from ingestify.cli.logs import FORMAT_VARIABLE, choose_format, set_up_logging
from ingestify.clock import length_of_time, moment_of
from ingestify.data_stdout import keep_stdout_for_data
from ingestify.domain.dataset import DatasetState
from ingestify.domain.event_reader import StartAt
from ingestify.masking import mask_url
from ingestify.remedies import at_lake, quoted
from ingestify.store.reading.call_options import find_option
from ingestify.suggestion import did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ingestify.engine.engine import IngestionEngine
    from ingestify.main.metrics import LakeMetrics
    from ingestify.main.place import Place
    from ingestify.store.dataset_store import DatasetStore

__all__ = [
    "Age",
    "NamedLake",
    "as_of_option",
    "bucket_option",
    "console_options",
    "dataset_options",
    "filter_arguments",
    "json_option",
    "lake_options",
    "metrics_options",
    "name_of_bucket",
    "parse_filters",
    "parse_identifier",
    "read_address",
    "refuse_option",
    "source_argument",
    "state_option",
    "where_option",
]

F = TypeVar("F", bound=Callable[..., Any])


def _complete_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Complete file names in the shell. `click.Path` would refuse a folder with a worse message."""
    from click.shell_completion import CompletionItem  # only while a shell completes

    return [CompletionItem(incomplete, type="file")]


def name_of_bucket(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty name, which an unset shell variable causes."""
    if value is not None and not value.strip():
        raise click.BadParameter("a bucket needs a name, such as main.", context, parameter)
    return value


class Age(click.ParamType[dt.timedelta]):
    """`24h`, `90m`, `7d`, `0h`."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.timedelta:
        """Return the length of time."""
        if isinstance(value, dt.timedelta):
            return value
        length = length_of_time(str(value))
        if length is None:
            self.fail(
                f"'{value}' is no length of time: write a number and s, m, h or d, such as 24h or 7d.", param, ctx
            )
        return length


class LogPlace(click.ParamType[Any]):
    """A place in the event log: `beginning`, `now`, `end`, `1234`, `2026-01-31T12:00Z`."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> StartAt:
        """Return the place."""
        text = str(value).strip().lower()
        if text in ("beginning", "now", "end"):
            return "beginning" if text == "beginning" else "end"
        if text.isascii() and text.isdigit():
            return int(text)
        try:
            return dt.datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(
                f"'{value}' is no place in the log: write beginning, now, a position such as 1234, or a moment such as "
                f"2026-01-31T12:00Z.",
                param,
                ctx,
            )


@dataclasses.dataclass(frozen=True, slots=True)
class NamedLake:
    """The lake that the options of a command name.

    Attributes:
        place: Where it is.
        bucket: Which bucket of it; None: the configuration's, or all of them.
    """

    place: Place
    bucket: str | None = None

    @contextlib.contextmanager
    def open_store(self, metrics: LakeMetrics | None = None) -> Iterator[DatasetStore]:
        """Open it for reading and for what changes single datasets, and close it after the block."""
        from ingestify.main.opening import open_datastore  # heavy, and not for --help

        with contextlib.closing(open_datastore(self.place, self.bucket, metrics=metrics)) as store:
            yield store

    def open_engine(self, *, disable_events: bool = False, metrics: LakeMetrics | None = None) -> IngestionEngine:
        """Open it for a run; the engine closes it after a `with` block."""
        from ingestify.main.opening import open_engine  # heavy, and not for --help

        return open_engine(self.place, self.bucket, disable_events=disable_events, metrics=metrics)


def _with_options(function: F, *options: Callable[[F], F]) -> F:
    """Add options to a command, in the order in which --help shows them."""
    for option in reversed(options):
        function = option(function)
    return function


def lake_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config, --lake, --metadata-url and --file-url; the command gets the `NamedLake` as `lake`.

    If the command has the option --bucket, it is part of that.
    """

    @functools.wraps(function)
    def command(
        *arguments: Any,
        config_file: str | None,
        lake_folder: str | None,
        metadata_url: str | None,
        file_url: str | None,
        bucket: str | None = None,
        **options: Any,
    ) -> Any:
        from ingestify.main.place import Place, find_place  # heavy, and not for --help

        each = {"--config": config_file, "--lake": lake_folder, "--metadata-url": metadata_url, "--file-url": file_url}
        given = {option: value for option, value in each.items() if value is not None}
        _check_lake_options(given)
        place = (
            find_place(lake_folder, metadata_url=metadata_url, file_url=file_url)
            if config_file is None
            else Place.of_config(config_file)
        )
        named = " ".join(f"{option} {quoted(_shown(option, value))}" for option, value in given.items())
        at_lake(named, quoted(bucket) if bucket else "", has_plans=place.config is not None)
        return function(*arguments, lake=NamedLake(place, bucket), **options)

    return _with_options(
        command,
        click.option(
            "--config",
            "config_file",
            metavar="FILE",
            shell_complete=_complete_file,
            help="The config.yaml. Default: INGESTIFY_CONFIG_FILE, else config.yaml here or in a parent folder, else "
            "the lake in ./database.",
        ),
        click.option(
            "--lake",
            "lake_folder",
            metavar="FOLDER",
            shell_complete=_complete_file,
            help="Instead of --config: the folder of a lake, with its catalog.db and files/ in it.",
        ),
        click.option(
            "--metadata-url",
            metavar="URL",
            help="Instead of --config, with --file-url: the lake's catalogue, such as postgresql://host/football.",
        ),
        click.option(
            "--file-url", metavar="URL", help="With --metadata-url: the lake's files, such as s3://bucket/lake."
        ),
    )


def _check_lake_options(given: Mapping[str, str]) -> None:
    """Refuse options that name several lakes, or half of one."""
    kinds = {"" if option.endswith("-url") else option for option in given}
    if len(kinds) > 1:
        raise click.UsageError(f"{' and '.join(given)} each name a lake; give one of them.")
    if "" in kinds and len(given) < 2:
        raise click.UsageError("--metadata-url and --file-url go together: the catalogue, and the files.")
    for option, value in given.items():
        if not value.strip():
            raise click.UsageError(f"{option} is empty; name the lake, or leave the option out.")


def _shown(option: str, value: str) -> str:
    return mask_url(value) if option.endswith("-url") else value


bucket_option = click.option(
    "--bucket",
    metavar="NAME",
    callback=name_of_bucket,
    help="Which bucket of the lake. Default: the configuration's.",
)


class JsonOption(click.Option):
    """The option --json of a command.

    Attributes:
        shapes: The shapes of the documents that the command writes (`ingestify.documents`).
    """

    def __init__(self, *arguments: Any, shapes: Sequence[type] = (), **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.shapes = shapes


def json_option(text: str, *shapes: type) -> Callable[[F], F]:
    """Add --json with its help and its shapes; the `Console` of the command knows whether it was given."""
    return click.option("--json", "as_json", cls=JsonOption, shapes=shapes, is_flag=True, help=text)


class _Moment(click.ParamType[Any]):
    """`2026-10-31`, which means its end, or `2026-10-31T18:00`; see `clock.moment_of`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Return the moment, in UTC."""
        try:
            return moment_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def as_of_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --as-of. `what` it does is the beginning of its help."""
    text = f"{what}: 2026-10-31 (the end of that day) or 2026-10-31T18:00, in UTC."
    return click.option("--as-of", type=_Moment(), metavar="TIME", help=text)


source_argument = click.argument("name", metavar="NAME")


def _choose_format(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    try:
        choose_format(value or None)
    except ValueError as error:
        raise click.BadParameter(
            f"'{value}' is no format of a log line: {error}. Write json, or one such as '%(asctime)s %(run_id)s "
            "%(message)s'.",
            context,
            parameter,
        ) from error


def console_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add -q, -v, --debug and --log-format, and set up logging; the command gets its `Console`."""

    @functools.wraps(function)
    def command(*arguments: Any, quiet: bool, verbose: bool, debug: bool, as_json: bool = False, **options: Any) -> Any:
        set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
        keep_stdout_for_data()
        return function(*arguments, console=Console(quiet, verbose, as_json), **options)

    return _with_options(
        command,
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
        click.option("-v", "--verbose", is_flag=True, help="Say more: of a run, each dataset that changed."),
        click.option("--debug", is_flag=True, help="Log everything, and show tracebacks."),
        click.option(
            "--log-format",
            metavar="FORMAT",
            envvar=FORMAT_VARIABLE,
            expose_value=False,
            callback=_choose_format,
            help="json: all that goes to stderr is JSON Lines. Or the format of a log line, in the %-style of Python's "
            "logging; %(run_id)s is the run. Default: the message; if stderr is no terminal, also the time (UTC), the "
            "level and the run.",
        ),
    )


def dataset_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --bucket, --provider and --dataset-type; the command gets the last two in `filters`."""

    @functools.wraps(function)
    def command(*arguments: Any, provider: str | None, dataset_type: str | None, **options: Any) -> Any:
        return function(*arguments, filters={"provider": provider, "dataset_type": dataset_type}, **options)

    return _with_options(
        command,
        bucket_option,
        click.option("--provider", metavar="NAME", help="Only this provider, such as statsbomb."),
        click.option("--dataset-type", metavar="TYPE", help="Only this dataset type, such as match."),
    )


_ADDRESS = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[\w.-]+)?:)?(\d{1,5})", re.ASCII)


def read_address(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    """Return a host and a port. Without a host, nobody on another machine reaches it."""
    if value is None:
        return None
    found = _ADDRESS.fullmatch(value.strip())
    if found is None or int(found[2]) > 65535:
        raise click.BadParameter("write an address and a port, such as 127.0.0.1:9464.", context, parameter)
    return (found[1] or "127.0.0.1").strip("[]"), int(found[2])


def metrics_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --metrics-file and --push-gateway; the command gets the `LakeMetrics` as `metrics`."""

    @functools.wraps(function)
    def command(*arguments: Any, metrics_file: str | None, push_gateway: str | None, **options: Any) -> Any:
        from ingestify.main.metrics import LakeMetrics  # not for --help

        return function(*arguments, metrics=LakeMetrics(metrics_file, push_gateway), **options)

    return _with_options(
        command,
        click.option(
            "--metrics-file",
            metavar="FILE",
            shell_complete=_complete_file,
            callback=_check_metrics_file,
            help="Write metrics for the textfile collector of Prometheus' node_exporter, such as ingestify.prom. "
            "Default: the configuration's.",
        ),
        click.option(
            "--push-gateway",
            metavar="URL",
            callback=_check_gateway,
            help="Push metrics to this Prometheus Pushgateway, such as http://pushgateway:9091. Default: the "
            "configuration's.",
        ),
    )


def _check_metrics_file(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty name, which an unset shell variable causes."""
    if value is not None and not value.strip():
        raise click.BadParameter("the file needs a name, such as ingestify.prom.", context, parameter)
    return value


def _check_gateway(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        raise click.BadParameter("write its address, such as http://pushgateway:9091.", context, parameter)
    return value


state_option = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in DatasetState], case_sensitive=False),
    help="Only datasets in this state; may be given several times.",
)

where_option = click.option(
    "--where",
    metavar="EXPRESSION",
    help="Only datasets that meet this condition, such as \"metadata.home_team.name == 'Ajax' and match_id > 12\".",
)


def filter_arguments(*may_be_keys: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add KEY=VALUE arguments; the command gets them, read, in `filters`.

    Args:
        *may_be_keys: See `parse_filters`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(
            *arguments: Any, key_values: tuple[str, ...], filters: Mapping[str, Any] | None = None, **options: Any
        ) -> Any:
            merged = {**(filters or {}), **parse_filters(key_values, may_be_keys)}
            return function(*arguments, filters=merged, **options)

        return click.argument("key_values", nargs=-1, metavar="[KEY=VALUE]...")(command)

    return decorate


def parse_identifier(text: str) -> dict[str, Any]:
    """Return `competition_id=11/name=a/b` as filters. A value may have `/`, `,` and `=`."""
    pairs = [part.partition("=") for part in _split_at_keys(text)]
    if not all(key and equals for key, equals, _ in pairs):
        raise click.UsageError(f"'{text}' is no identifier: write key=value/key=value, such as match_id=12.")
    return _merged((key, [value]) for key, _, value in pairs)


def parse_filters(arguments: Sequence[str], may_be_keys: Collection[str] = ()) -> dict[str, Any]:
    """Return `competition_id=11 match_id=12,13` or `competition_id=11/match_id=12` as filters.

    A key that is given twice, `match_id=12 match_id=13`, has both values. A value may have `/` and `=`, as in
    `season=2023/2024`.

    Args:
        arguments: The arguments as they were typed.
        may_be_keys: Names of options that the command does not have, so that they can be identifier keys.

    Raises:
        click.UsageError: An argument is not `key=value`, or names an option; the message says what to write.
    """
    pairs = []
    for argument in arguments:
        for part in _split_at_keys(argument):
            key, equals, value = part.partition("=")
            values = value.split(",")
            if not equals or not key or not all(one.strip() for one in values):
                folder = f" A lake is named with  --lake {quoted(argument)} ." if Path(argument).is_dir() else ""
                raise click.UsageError(
                    f"'{argument}' is no filter: write key=value, such as competition_id=11.{folder}"
                )
            if key not in may_be_keys:
                refuse_option(key, value)
            pairs.append((key, values))
    return _merged(pairs)


def refuse_option(key: str, value: str) -> None:
    """Refuse a filter that has the name of an option.

    Raises:
        click.UsageError: The key is an option; the message says which, if the command has it.
    """
    name = find_option(key)
    if name is None:
        return
    option = f"--{'state' if name == 'dataset_state' else name.replace('_', '-')}"
    context = click.get_current_context(silent=True)
    for parameter in () if context is None else context.command.params:
        if isinstance(parameter, click.Option) and option in parameter.opts:
            written = option if parameter.is_flag else f"{option} {value}"
            if option == "--state" and not did_you_mean(value, DatasetState):  # a source's own key, such as a region
                condition = f"identifier['{key}'] == '{value}'"
                written = f"--where {quoted(condition)}"
            raise click.UsageError(f"'{key}={value}' is no filter of an identifier: write {written} .")
    command = "this command" if context is None else f"'{context.command_path}'"
    raise click.UsageError(f"'{key}={value}' is no filter: '{key}' is an option, which {command} does not have.")


def _split_at_keys(text: str) -> list[str]:
    """Return `a=1/b=2/3` as `a=1` and `b=2/3`: a slash ends a value only if another key follows."""
    return re.split(r"/(?=[^/=]+=)", text)


def _merged(pairs: Iterable[tuple[str, list[str]]]) -> dict[str, Any]:
    """Return key to value, or to the list of its values if there are several."""
    merged: dict[str, list[str]] = {}
    for key, values in pairs:
        known = merged.setdefault(key, [])
        known += [value for value in values if value not in known]
    return {key: values if len(values) > 1 else values[0] for key, values in merged.items()}
