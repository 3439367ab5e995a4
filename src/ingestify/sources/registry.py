"""Finds the class of a source by its name in the configuration, and makes the source."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.export_layout import NO_LAYOUT, ExportLayout
from ingestify.domain.record_key import NO_RECORD_KEYS, RecordKeys
from ingestify.domain.source import Source
from ingestify.domain.wording import listed
from ingestify.errors import ConfigurationError
from ingestify.plugins import find_plugin, find_plugins
from ingestify.sources.own_modules import find_hiding, latest_folder, make_importable, warn_of_hidden
from ingestify.suggestion import did_you_mean

__all__ = [
    "BUILT_IN",
    "OPEN_DATA",
    "LaterImport",
    "find_export_layout",
    "find_record_keys",
    "find_source_class",
    "import_object",
    "make_open_data_source",
]

ENTRY_POINT_GROUP = "ingestify.sources"

BUILT_IN = {
    "ingestify.files": "ingestify.sources.files.source:FilesSource",
    "ingestify.impect": "ingestify.sources.impect:Impect",
    "ingestify.impect_github": "ingestify.sources.impect_github:ImpectGithub",
    "ingestify.metrica_github": "ingestify.sources.metrica_github:MetricaGithub",
    "ingestify.push": "ingestify.sources.push.source:PushSource",
    "ingestify.rest": "ingestify.sources.rest.source:RestSource",
    "ingestify.skillcorner": "ingestify.sources.skillcorner:SkillCorner",
    "ingestify.skillcorner_github": "ingestify.sources.skillcorner_github:SkillCornerGithub",
    "ingestify.sportec_huggingface": "ingestify.sources.sportec_huggingface:SportecHuggingFace",
    "ingestify.statsbomb": "ingestify.sources.statsbomb:StatsBomb",
    "ingestify.statsbomb_github": "ingestify.sources.statsbomb_github:StatsBombGithub",
    "ingestify.wyscout": "ingestify.sources.wyscout:Wyscout",
    "ingestify.wyscout_github": "ingestify.sources.wyscout_github:WyscoutGithub",
}
"""The built-in types: the value of `type:` to the class."""

OPEN_DATA = {
    "impect": "ingestify.impect_github",
    "metrica": "ingestify.metrica_github",
    "skillcorner": "ingestify.skillcorner_github",
    "sportec": "ingestify.sportec_huggingface",
    "statsbomb": "ingestify.statsbomb_github",
    "wyscout": "ingestify.wyscout_github",
}
"""Provider to the type of the source of its open data."""


def import_object(path: str, what: str) -> Any:
    """Return the object at a dotted path, `package.module.Name` or `package.module:Name`.

    Raises:
        ConfigurationError: The object cannot be imported (the message says which part is missing), or a module
            elsewhere has the name of the one beside the config file.
    """
    module_name, separator, name = path.partition(":") if ":" in path else path.rpartition(".")
    if not separator or not module_name or not name:
        raise ConfigurationError(f"The {what} '{path}' is no dotted path such as my_package.my_module.MyClass.")
    warn_of_hidden(module_name)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            _refuse_hidden(path, what, module_name)
            raise ConfigurationError(
                f"The {what} '{path}' cannot be found: there is no module '{error.name}'. The folder of the config "
                f"file and the current folder are searched; is it spelt right, and installed?"
            ) from error
        if (error.name or "").startswith("ingestify."):
            problem = f"there is no module '{error.name}' in this ingestify; 'from ingestify import …' has each name"
        else:
            problem = f"it needs the module '{error.name}', which is not installed"
        raise ConfigurationError(f"The {what} '{path}' cannot be imported: {problem}.") from error
    except SystemExit as error:
        raise ConfigurationError(
            f"The {what} '{path}' cannot be imported: its module calls sys.exit({error.code!r}). Put what it does as a "
            f'program below  if __name__ == "__main__": .'
        ) from error
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if isinstance(error, SyntaxError) else f" ({Path(frame.filename).name}, line {frame.lineno})"
        raise ConfigurationError(
            f"The {what} '{path}' cannot be imported: {type(error).__name__}: {error}{where}"
        ) from error
    _refuse_hidden(path, what, module_name)
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise ConfigurationError(
            f"The {what} '{path}' cannot be found: '{module_name}' has no '{name}'{did_you_mean(name, dir(module))}"
        ) from error


class LaterImport:
    """An object that a setting names by its dotted path, imported when it is first needed.

    The path means what it means now: modules beside the config file of the lake that was opened last are found, also if
    another lake is opened before the import.

    Args:
        path: The dotted path.
        what: What it is, for an error.

    Attributes:
        folder: The folder of that config file; None: there is none.
    """

    def __init__(self, path: str, what: str) -> None:
        self._path, self._what = path, what
        self.folder = latest_folder()

    def load(self) -> Any:
        """Import it; see `import_object`."""
        if self.folder is not None and self.folder != latest_folder():
            make_importable(self.folder)
        return import_object(self._path, self._what)


def _refuse_hidden(path: str, what: str, module_name: str) -> None:
    hiding = None if module_name.startswith("ingestify.") else find_hiding(module_name)
    if hiding is not None:
        raise ConfigurationError(f"The {what} '{path}' is not the one beside the config file: {hiding}.")


def find_source_class(type_name: str) -> type[Source]:
    """Return the class that `type:` names: a built-in source, an entry point, or a dotted path.

    Raises:
        ConfigurationError: There is no such class, or it is no `Source`.
    """
    title = f"The source type '{type_name}'"
    if type_name in BUILT_IN:
        found = import_object(BUILT_IN[type_name], "source type")
    elif (plugin := find_plugin(ENTRY_POINT_GROUP, type_name)) is not None:
        found = plugin.load()
        title = plugin.title
    elif "." not in type_name.removeprefix("ingestify."):
        names = [*BUILT_IN, *(one.name for one in find_plugins(ENTRY_POINT_GROUP))]
        hint = did_you_mean(type_name, names) or f"; there are {', '.join(names)}, or a dotted path."
        raise ConfigurationError(f"There is no source type '{type_name}'{hint}")
    else:
        found = import_object(type_name, "source type")
    if not (inspect.isclass(found) and issubclass(found, Source)):
        raise ConfigurationError(f"{title} is {found!r}; it must be a subclass of ingestify.Source.")
    return found


_REFUSED_ARGUMENT = re.compile(r"__init__\(\) got an unexpected keyword argument '(\w+)'")


def _own_options(source_class: type) -> list[inspect.Parameter]:
    return find_options(source_class)[0] if issubclass(source_class, Source) and source_class is not Source else []


def find_options(source_class: type[Source]) -> tuple[list[inspect.Parameter], bool]:
    """Return the options that a class takes, by its signature, and whether it also takes others."""
    parameters = list(inspect.signature(source_class).parameters.values())
    if parameters and parameters[0].kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        del parameters[0]  # its name
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return named, any(one.kind is one.VAR_KEYWORD for one in parameters)


def check_options(name: str, source_class: type[Source], configuration: Iterable[str]) -> None:
    """Refuse a key that a class does not take by its signature.

    Args:
        name: The source's name.
        source_class: The class.
        configuration: The keys.

    Raises:
        ConfigurationError: There is such a key. The message lists the options.
    """
    options, takes_any = find_options(source_class)
    known = [one.name for one in options]
    unknown = [key for key in configuration if key not in known]
    if unknown and not takes_any:
        raise _unknown_option(name, source_class, unknown[0], known)


def _unknown_option(name: str, source_class: type[Source], key: str, known: Sequence[str]) -> ConfigurationError:
    there = f"There {'is' if len(known) == 1 else 'are'} {listed(known)}." if known else "It takes none."
    return ConfigurationError(
        f"The configuration of the source '{name}' ({source_class.__name__}) has the key '{key}', which is none of its "
        f"options{did_you_mean(key, known) or '.'} {there}"
    )


def make_source(name: str, source_class: type[Source], configuration: Mapping[str, Any]) -> Source:
    """Return a source made with its configuration.

    Args:
        name: The source's name.
        source_class: Its class.
        configuration: Its options.

    Raises:
        ConfigurationError: The class does not take these options, lacks one, or lacks a method.
    """
    check_options(name, source_class, configuration)
    try:
        source = source_class(name, **configuration)
    except TypeError as error:
        # The message names arguments, never their values, which may be secrets.
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            refused = _REFUSED_ARGUMENT.search(str(error))
            if refused is not None and refused[1] in configuration:
                # The class passed an unknown option on to its base class.
                known = [one.name for each in source_class.__mro__[:-1] for one in _own_options(each)]
                raise _unknown_option(name, source_class, refused[1], list(dict.fromkeys(known))) from error
            raise
        raise ConfigurationError(
            f"The source '{name}' ({source_class.__name__}) cannot be made from its configuration "
            f"({', '.join(configuration) or 'none'}): {error}"
        ) from error
    if not hasattr(source, "name"):
        source.name = name  # the subclass does not call super().__init__
    if not isinstance(getattr(source, "provider", None), str) or not source.provider:
        raise ConfigurationError(
            f"The source '{name}' ({source_class.__name__}) has no provider: give the class `provider = \"…\"`."
        )
    return source


def find_record_keys(dataset: Dataset, types: Mapping[str, str]) -> RecordKeys:
    """Return what the source of a dataset says of its records; see `_iter_classes`."""
    declared = (one.record_keys for one in _iter_classes(dataset, types))
    return next((one for one in declared if isinstance(one, Mapping) and one), NO_RECORD_KEYS)


def find_export_layout(dataset: Dataset, types: Mapping[str, str]) -> ExportLayout:
    """Return where the provider of a dataset keeps its files; see `_iter_classes`."""
    declared = (one.export_layout for one in _iter_classes(dataset, types))
    return next((one for one in declared if isinstance(one, ExportLayout) and one is not NO_LAYOUT), NO_LAYOUT)


def _iter_classes(dataset: Dataset, types: Mapping[str, str]) -> Iterator[type[Source]]:
    """Yield the classes that may declare something of a dataset, without making a source.

    That is the source of the settings which brought the dataset, then the built-in one of its format, and of its
    provider. What a class declares by a property is known only of the source itself.

    Args:
        dataset: The dataset.
        types: The name of a source in the settings, to its type.
    """
    for type_name in (types.get(dataset.source_name), OPEN_DATA.get(dataset.loader), OPEN_DATA.get(dataset.provider)):
        if type_name is not None:
            with contextlib.suppress(ConfigurationError):  # a class that is gone is no reason not to read
                yield find_source_class(type_name)


def make_open_data_source(provider: str, configuration: Mapping[str, Any]) -> Source:
    """Return the source of a provider's open data.

    Args:
        provider: The provider.
        configuration: The source's options.

    Raises:
        ConfigurationError: The provider has no open data. The message lists the providers that have.
    """
    if provider not in OPEN_DATA:
        meant = did_you_mean(provider, OPEN_DATA) or "."
        raise ConfigurationError(
            f"There is no open data of '{provider}'{meant} There is of {', '.join(sorted(OPEN_DATA))}."
        )
    return make_source(f"{provider}_open_data", find_source_class(OPEN_DATA[provider]), configuration)
