"""A dataset at the provider with its files, as a source announces it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import json
import logging
import urllib.parse
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from ingestify.domain import formats
from ingestify.domain.announcement import is_time, read_time, text_of_time
from ingestify.domain.content_id import is_content_id
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.dump import Dumped
from ingestify.domain.error_response import FindError
from ingestify.domain.feeds import HasFileId
from ingestify.domain.file import LONGEST_FILE_ID, DraftFile, NotModifiedFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.domain.selector import Selector
from ingestify.domain.text import is_storable
from ingestify.domain.told_once import warn_once
from ingestify.errors import DuplicateFile, SourceError
from ingestify.masking import is_secret_key, mask_url, masked_repr

__all__ = [
    "DatasetResource",
    "FileHttpOptions",
    "FileLoader",
    "FileResource",
    "PostLoadFiles",
    "UnreadableEntry",
]

logger = logging.getLogger(__name__)

FileLoader = Callable[..., DraftFile | NotModifiedFile | None]
"""`(file_resource, current_file, **loader_kwargs)`; a worker thread calls it. If it has the parameters, it also gets
`dataset_resource`, and `validators`: those of the `DraftFile` that brought the current file. If the file must be
fetched in full, `current_file` is None and there are no validators. A result of None leaves the file out, as an allowed
404 does."""

PostLoadFiles = Callable[["DatasetResource", Mapping[str, Any], Dataset | None], object]
"""`(dataset_resource, files, existing_dataset)`; `files` maps file ids to what is new or in the lake, each with
`stream`, `read()`, `json()` and the attributes of `File`."""


class FileHttpOptions(TypedDict, total=False):
    """The `http_options` of a file: how its URL is requested.

    Attributes:
        auth: User and password, a `domain.ports.Authorization`, or a callable that is given each request, as in
            `requests`.
        headers: Further headers.
        params: Further parameters of the query.
        cookies: Name to value, or cookies of `http.cookiejar`.
        timeout: Seconds, or two numbers: for connecting and for reading.
        verify: False: any certificate is accepted; a path: the certificates that this file trusts.
        ignore_not_found: A 404 leaves the file out.
        ignore_not_ready: An answer without a body leaves the file out, or as the lake has it.
        recheck_after_seconds: How long a 404 is believed while no timestamp moves; None: each run asks again.
        pager: How to get further pages; see `ingestify.fetch.paging.pages`.
        find_error: A response that it calls an error fails the dataset, and nothing of it is stored. A response of more
            than 4 MB is no error.
    """

    auth: Any
    headers: Mapping[str, str] | None
    params: Mapping[str, Any] | None
    cookies: Any
    timeout: float | tuple[float, float] | None
    verify: bool | str
    ignore_not_found: bool
    ignore_not_ready: bool
    recheck_after_seconds: float | None
    pager: Any
    find_error: FindError | None


_HTTP_OPTIONS = FileHttpOptions.__annotations__.keys()


def _pairs(params: Any) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in dict(params or {}).items() if value is not None]


@functools.lru_cache(maxsize=1024)  # the datasets of a run have the same few feeds
def _problem_of_names(file_id: str, form: str) -> str:
    """Return why a file id or a format cannot be stored, as the end of a sentence; empty: they can."""
    if len(file_id) > LONGEST_FILE_ID or len(form) > formats.LONGEST:
        return (
            f": its data_feed_key and data_spec_version may have {LONGEST_FILE_ID - 2} characters together, and its "
            f"data_serialization_format {formats.LONGEST}."
        )
    if not is_storable(file_id) or not is_storable(form):
        return " has a name with a NUL or half of a character, which no database keeps."
    return ""


@functools.lru_cache(maxsize=1024)  # the datasets of a run have the same keys
def _hints_among(keys: tuple[object, ...]) -> frozenset[object]:
    return frozenset(key for key in keys if isinstance(key, str) and key.startswith("_"))


def _is_passing(key: str) -> bool:
    """Whether a parameter belongs to a signature, so that it differs in each announcement of the same file."""
    return is_secret_key(key) or key.lower() in ("expires", "policy")


@dataclasses.dataclass(slots=True)
class FileResource(HasFileId, Dumped):
    """One file that a provider has. Made by `DatasetResource.add_file`.

    Attributes:
        last_modified: When it changed, by the provider's word, in UTC. None: unknown, so each run requests it.
        json_content: The content itself, as JSON values.
        url: Where it is; `http_options` says how it is requested, see `FileHttpOptions`.
        file_loader: A callable that brings the content; see `FileLoader`.
        content_version: A text that differs whenever the bytes may differ, such as the size and time in a listing. It
            decides in place of the time. None: the time decides.
        last_modified_grain: How long `last_modified` stays the same while the file may change: a day for a date. None:
            by the digits of the time (`domain.announcement`).
        known_unchanged: Whether the source knows that the file is as in the lake, for example from a feed of changes.
        content_id: What the bytes are, by a name that anybody can compute from them, such as
            `domain.content_id.git_blob("e69d…")`: the file is not requested if the lake has these bytes, and bytes that
            come and are others are an error. With a file loader, it is the loader that compares. None: not known.
        pinned_url: A URL at which the same bytes stay for ever, because it names a version of all of the provider's
            data, such as a commit. It is requested in place of `url`, to which the validators belong all the same.
        data_serialization_format: `json`, `csv`, …; None: by the content, the URL, or the Content-Type.
    """

    dataset_resource: DatasetResource = dataclasses.field(repr=False)
    last_modified: dt.datetime | None
    data_feed_key: str
    data_spec_version: str = "v1"
    json_content: JsonValue = None
    url: str | None = None
    http_options: FileHttpOptions = dataclasses.field(default_factory=FileHttpOptions, repr=False)
    data_serialization_format: str | None = None
    file_loader: FileLoader | None = None
    loader_kwargs: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    content_version: str | None = None
    last_modified_grain: dt.timedelta | None = None
    known_unchanged: bool = False
    content_id: str | None = None
    pinned_url: str | None = None

    __repr__ = masked_repr  # a URL may be signed

    def __post_init__(self) -> None:
        self.check()

    @property
    def announced(self) -> str | None:
        """The announced version, as a text for a comparison with the one before; None: there is none."""
        if self.content_version is not None:
            return self.content_version
        return None if self.last_modified is None else text_of_time(self.last_modified)

    def is_announced_as(self, before: str | None) -> bool:
        """Whether `announced` is equal to an earlier value of it."""
        if self.content_version is None and self.last_modified is not None:
            return before is not None and is_time(before, self.last_modified)
        return self.content_version == before

    @property
    def has_content(self) -> bool:
        """Whether it has a content, a URL or a loader."""
        return self.json_content is not None or self.url is not None or self.file_loader is not None

    @property
    def serialization_format(self) -> str | None:
        """The format that was declared, or that the content or the URL shows; None if neither says."""
        if self.data_serialization_format:
            return self.data_serialization_format
        if self.json_content is not None:
            return "json"
        return None if self.url is None else formats.find_in_url(self.url)

    @property
    def asked_for(self) -> str:
        """A hash of the URL and its parameters, without signatures and secrets; empty without a URL.

        The URL of a loader is its argument `url`. A validator is valid only for the URL that it was sent for.
        """
        url = self.url if self.file_loader is None else self.loader_kwargs.get("url")
        if not isinstance(url, str):
            return ""
        parts = urllib.parse.urlsplit(url)
        asked = _pairs(self.http_options.get("params"))
        if parts.query:
            asked += urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        kept = sorted(f"{key}={value}" for key, value in asked if not _is_passing(key))
        text = "\n".join((f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", *kept))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def identity(self) -> str:
        """A text for this file of this dataset at this URL, the same in every run, without secrets."""
        dataset = self.dataset_resource
        own = sorted((str(key), str(value)) for key, value in dataset.dataset_resource_id.items())
        return json.dumps([dataset.provider, dataset.dataset_type, own, self.file_id, self.asked_for])

    def check(self) -> None:
        """Check and convert the attributes.

        Raises:
            SourceError: An attribute is not what it must be.
        """
        # A run may check a hundred thousand files: a text is made only if something is wrong.
        if not self.data_feed_key or not self.data_spec_version:
            raise SourceError(f"{self._where} needs a data_feed_key and a data_spec_version.")
        if problem := _problem_of_names(self.file_id, self.data_serialization_format or ""):
            raise SourceError(f"{self._where}{problem}")
        if not (type(self.last_modified) is dt.datetime and self.last_modified.tzinfo is dt.UTC):  # mostly it is
            self._take_time()
        self.http_options = {**self.http_options} if self.http_options else {}
        self.loader_kwargs = dict(self.loader_kwargs) if self.loader_kwargs else {}
        if self.loader_kwargs and self.url is not None and self.file_loader is None:
            self._take_over_loader_kwargs()
        if self.http_options and not self.http_options.keys() <= _HTTP_OPTIONS:
            raise SourceError(
                f"{self._where} has the unknown http_options "
                f"{', '.join(sorted(self.http_options.keys() - _HTTP_OPTIONS))}; "
                f"there are {', '.join(sorted(_HTTP_OPTIONS))}."
            )
        if (self.json_content is not None) + (self.url is not None) + (self.file_loader is not None) > 1:
            contents = [name for name in ("json_content", "url", "file_loader") if getattr(self, name) is not None]
            raise SourceError(f"{self._where} has {' and '.join(contents)}; give one of them.")
        self._check_version()

    def _check_version(self) -> None:
        if self.content_version is not None and not isinstance(self.content_version, str):
            raise SourceError(f"{self._where} has content_version {self.content_version!r}; it must be a text or None.")
        if self.content_id is not None and not is_content_id(self.content_id):
            raise SourceError(
                f"{self._where} has content_id {self.content_id!r}; it must be git-blob: and 40 hexadecimal digits, "
                f"sha256: and 64, or None."
            )
        grain = self.last_modified_grain
        if grain is not None and not (isinstance(grain, dt.timedelta) and grain >= dt.timedelta()):
            raise SourceError(
                f"{self._where} has last_modified_grain {grain!r}; it must be a timedelta of 0 or more, or None."
            )

    def _take_time(self) -> None:
        try:
            self.last_modified = read_time(self.last_modified)
        except (ValueError, OverflowError) as error:
            raise SourceError(
                f"{self._where} has last_modified {self.last_modified!r}; it must be a datetime, an ISO 8601 text, a "
                f"number of seconds since 1970, or None."
            ) from error

    def _take_over_loader_kwargs(self) -> None:
        """Take the arguments of the loader that fetches a URL for options of the request.

        Raises:
            SourceError: The request has no such options.
        """
        if unknown := sorted(self.loader_kwargs.keys() - {"headers", "pager"}):
            raise SourceError(
                f"{self._where} has a url and the loader_kwargs {', '.join(unknown)}; beside a url there are headers "
                f"and pager. Put the others into http_options, or give a file_loader that takes them."
            )
        if "headers" in self.loader_kwargs:
            own, theirs = self.http_options.get("headers") or {}, self.loader_kwargs["headers"] or {}
            self.http_options["headers"] = {**own, **theirs}
        if "pager" in self.loader_kwargs:
            self.http_options["pager"] = self.loader_kwargs["pager"]
        self.loader_kwargs = {}

    def _dumped_values(self) -> dict[str, object]:
        # What is announced, and not how it is got: options and arguments of loaders may hold secrets.
        return {
            "file_id": self.file_id,
            "data_feed_key": self.data_feed_key,
            "data_spec_version": self.data_spec_version,
            "data_serialization_format": self.data_serialization_format,
            "last_modified": self.last_modified,
            "content_version": self.content_version,
            "content_id": self.content_id,
            "url": None if self.url is None else mask_url(self.url),
            "json_content": self.json_content,
        }

    @property
    def _where(self) -> str:
        return f"The file '{self.data_feed_key}' of {self.dataset_resource}"


class _Parent:
    """Keeps the dataset of a file, in place of the attribute's own slot: what `add_file` makes, by a weak reference.

    A dataset has its files. If these had the dataset, too, each one would wait for the garbage collector: a fourth of
    the time of a run in which nothing changed, and half of its memory. A file that goes elsewhere without its dataset,
    as to a loader, in a copy, or to another process, has the dataset itself.
    """

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __set__(self, file: FileResource, value: object) -> None:
        self._slot.__set__(file, value)

    def __get__(self, file: FileResource | None, _: object = None) -> Any:
        if file is None:
            return self
        found = self._slot.__get__(file)
        if type(found) is weakref.ref:
            found = found()
        if found is None:
            raise ReferenceError(
                f"The DatasetResource of the file '{file.file_id}' is gone, as nothing holds it any more. Keep it as "
                f"long as you use its files, or keep a copy of the file: copy.copy(file) holds its dataset."
            )
        return found


setattr(FileResource, "dataset_resource", _Parent(vars(FileResource)["dataset_resource"]))  # noqa: B010 - no instance


@dataclasses.dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """An entry of a listing that a source cannot read; `find_datasets` yields it in place of a `DatasetResource`.

    Only this entry fails: it is counted, and named in the run's report. A listing with such an entry is incomplete, so
    no dataset becomes MISSING because of it.

    Attributes:
        where: The entry, for people: `match 12`, or `entry 50 of https://…/matches` if it has no name.
        error: Why it cannot be read.
    """

    where: str
    error: BaseException | str


class DatasetResource(Dumped):
    """One dataset that a provider has, as a source announces it.

    Args:
        dataset_resource_id: What identifies it besides the selector, such as `{"match_id": 12}`. None: nothing does.
        dataset_type: `match`, `tracking`, `video`, …
        provider: The provider's name; None: the source's.
        name: For people, such as `Barcelona - Alavés, 2018-08-18`.
        metadata: JSON values that are worth keeping beside the files.
        state: A `DatasetState` or its name: how much of it the provider has.
        fetch_policy_config: Values for the plan's fetch policy.
        post_load_files: `(dataset_resource, files, existing_dataset)`, called in a worker thread after all
            files are loaded and before anything is saved; `files` maps file ids to what is new or in the lake.
            It may set `dataset_resource.state`.
        snapshot: The name of an unchanging version of all of the provider's data, such as a commit, to which the entry
            and all files belong. Then the dataset is of one moment, and nothing is requested twice to make sure. It is
            kept with each revision. None: the provider may change its data at any time.
        **ignored: Other keywords, of which a warning tells.
    """

    def __init__(
        self,
        dataset_resource_id: Mapping[str, object] | None,
        dataset_type: str,
        provider: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        state: DatasetState | str = DatasetState.COMPLETE,
        fetch_policy_config: Mapping[str, Any] | None = None,
        post_load_files: PostLoadFiles | None = None,
        snapshot: str | None = None,
        **ignored: object,
    ) -> None:
        if ignored:
            warn_once(logger, "DatasetResource has no argument %s, and ignores it.", ", ".join(sorted(ignored)))
        self.dataset_resource_id: dict[str, object] = dict(dataset_resource_id or {})
        self.dataset_type = dataset_type
        self.provider = provider
        self.name = name
        self.metadata: dict[str, JsonValue] = dict(metadata) if metadata else {}
        self._state = state if isinstance(state, DatasetState) else DatasetState.parse(state)
        self.fetch_policy_config: dict[str, Any] = dict(fetch_policy_config) if fetch_policy_config else {}
        self.post_load_files = post_load_files
        self.snapshot = snapshot
        self.files: dict[str, FileResource] = {}
        self.error: BaseException | None = None
        self.postponed: str | None = None

    @property
    def state(self) -> DatasetState:
        """How much of it the provider has; may be set to a `DatasetState` or the name of one."""
        return self._state

    @state.setter
    def state(self, value: DatasetState | str) -> None:
        self._state = DatasetState.parse(value)

    @property
    def fetch_error(self) -> BaseException | None:
        """The error of `mark_failed`; None: it is not failed."""
        return self.error

    @fetch_error.setter
    def fetch_error(self, value: BaseException | str | None) -> None:
        self.error = SourceError(value) if isinstance(value, str) else value

    def add_file(
        self,
        last_modified: dt.datetime | str | float | None,
        data_feed_key: str,
        data_spec_version: str = "v1",
        json_content: JsonValue = None,
        url: str | None = None,
        http_options: FileHttpOptions | None = None,
        data_serialization_format: str | None = None,
        file_loader: FileLoader | None = None,
        loader_kwargs: Mapping[str, Any] | None = None,
        content_version: str | None = None,
        last_modified_grain: dt.timedelta | None = None,
        known_unchanged: bool = False,
        content_id: str | None = None,
        pinned_url: str | None = None,
        **ignored: object,
    ) -> DatasetResource:
        """Announce a file; see `FileResource` for the arguments. Returns itself, to chain.

        `last_modified` may also be an ISO 8601 text, or a number of seconds since 1970. Other keywords are ignored, and
        a warning tells of them.

        Raises:
            DuplicateFile: A file of this feed and version is announced already.
            SourceError: An argument is not what it must be.
        """
        if ignored:
            warn_once(logger, "add_file has no argument %s, and ignores it.", ", ".join(sorted(ignored)))
        file = FileResource(
            dataset_resource=weakref.ref(self),  # type: ignore[arg-type]  # see `_Parent`
            last_modified=last_modified,  # type: ignore[arg-type]  # it makes a time of it
            data_feed_key=data_feed_key,
            data_spec_version=data_spec_version,
            json_content=json_content,
            url=url,
            http_options=http_options,  # type: ignore[arg-type]  # it makes its own dict of it
            data_serialization_format=data_serialization_format,
            file_loader=file_loader,
            loader_kwargs=loader_kwargs,  # type: ignore[arg-type]
            content_version=content_version,
            last_modified_grain=last_modified_grain,
            known_unchanged=known_unchanged,
            content_id=content_id,
            pinned_url=pinned_url,
        )
        known_as = file.file_id
        if known_as in self.files:
            raise DuplicateFile(
                f"{self} announces the file '{known_as}' twice; give each its own data_feed_key or data_spec_version."
            )
        self.files[known_as] = file
        return self

    def update_file(self, data_feed_key: str, **attributes: Any) -> DatasetResource:
        """Change attributes of the announced files of a feed, for example to set content that arrived.

        Args:
            data_feed_key: The feed; with `data_spec_version=` among the attributes, only that version.
            **attributes: As `add_file` takes them.

        Raises:
            SourceError: No such file is announced, or there is no such attribute.
        """
        version = attributes.pop("data_spec_version", None)
        files = [
            file
            for file in self.files.values()
            if file.data_feed_key == data_feed_key and version in (None, file.data_spec_version)
        ]
        if not files:
            raise SourceError(f"{self} has no file of the feed '{data_feed_key}' to update.")
        known = {field.name for field in dataclasses.fields(FileResource)} - {
            "dataset_resource",
            "data_feed_key",
        }
        if unknown := sorted(set(attributes) - known):
            raise SourceError(
                f"update_file has no attribute {', '.join(unknown)}; there are {', '.join(sorted(known))}."
            )
        for file in files:
            for name, value in attributes.items():
                setattr(file, name, value)
            file.check()
        return self

    def mark_failed(self, error: BaseException | str) -> DatasetResource:
        """Mark the dataset as failed with an error; other datasets go on."""
        self.error = SourceError(error) if isinstance(error, str) else error
        return self

    def postpone(self, reason: str) -> DatasetResource:
        """Mark the dataset as not ready to be fetched: it counts as listed, and the lake keeps what it has.

        Args:
            reason: For people, such as `its delivery is not complete`.
        """
        self.postponed = reason
        return self

    def identifier(self, selector: Selector) -> Identifier:
        """Return its identity: the selector's attributes updated with `dataset_resource_id`, without hints.

        Raises:
            SourceError: A key is no text, or a value is not a single value.
        """
        own = self.dataset_resource_id
        if hints := _hints_among(tuple(own)):
            own = {key: value for key, value in own.items() if key not in hints}
        return Identifier({**selector.attributes, **own})

    def name_of(self, identifier: Identifier) -> str:
        """Return the name that the source gave, else the identifier, else, if that is empty, the dataset type."""
        return self.name or str(identifier) or self.dataset_type

    def _dumped_values(self) -> dict[str, object]:
        return {
            "dataset_resource_id": self.dataset_resource_id,
            "dataset_type": self.dataset_type,
            "provider": self.provider,
            "name": self.name,
            "metadata": self.metadata,
            "state": self.state,
            "files": self.files,
        }

    def __str__(self) -> str:
        parts = "/".join(f"{k}={v}" for k, v in self.dataset_resource_id.items() if not k.startswith("_"))
        return f"{self.provider or '?'}/{self.dataset_type}/{parts}"

    def __repr__(self) -> str:
        return f"DatasetResource({self})"
