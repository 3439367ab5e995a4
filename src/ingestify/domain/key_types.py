"""The types of identifier keys that the configuration sets: whole numbers or text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from ingestify.domain.identifier import Identifier, Scalar, canonical_value
from ingestify.errors import SourceError

__all__ = ["KeyType", "KeyTypes"]

KeyType = Literal["int", "str"]
"""The type of `identifier["match_id"]`."""

# In the form of canonical_value: 012 and 12 are two identities, so 012 is not converted.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,999}")


class KeyTypes:
    """The types of identifier keys. A type changes how a value looks; 12 and "12" stay the same identity.

    Safe to use from any thread.

    Args:
        types: (provider, dataset type, identifier key) to its type. Any other key keeps the values that the source
            gives.
    """

    def __init__(self, types: Mapping[tuple[str, str, str], KeyType] | None = None) -> None:
        self._of_kind: dict[tuple[str, str], dict[str, KeyType]] = {}
        for (provider, dataset_type, key), key_type in (types or {}).items():
            self._of_kind.setdefault((provider, dataset_type), {})[key] = key_type

    def apply(self, provider: str, dataset_type: str, identifier: Identifier, resource: object) -> Identifier:
        """Return an announced identifier with its values in their types.

        Args:
            provider: The provider's name.
            dataset_type: Such as `match`.
            identifier: As the source announced it.
            resource: The dataset, for the message.

        Raises:
            SourceError: A key must be a whole number, and its value is not one.
        """
        types = self._of_kind.get((provider, dataset_type))
        if types is None:
            return identifier
        typed = dict(identifier)
        for key, value in identifier.items():
            key_type = types.get(key)
            if key_type is None or value is None:
                continue
            found = _typed(value, key_type)
            if found is None:
                raise SourceError(
                    f"{resource}: its {key} is {value!r}, which is no whole number, but dataset_types says of "
                    f"{provider}/{dataset_type} that {key} has key_type: int. Say str there or leave it out, or let "
                    f"the source give a number."
                )
            typed[key] = found
        return Identifier.stored(typed)

    def restore(self, provider: str, dataset_type: str, identifier: Identifier) -> Identifier:
        """Return a stored identifier with its values in their types. A value of no such type stays as it is."""
        types = self._of_kind.get((provider, dataset_type))
        if types is None:
            return identifier
        typed = dict(identifier)
        for key in types.keys() & typed.keys():
            found = _typed(typed[key], types[key])
            typed[key] = typed[key] if found is None else found
        return Identifier.stored(typed)


def _typed(value: Scalar, key_type: KeyType) -> Scalar | None:
    """Return the value of that type with the same canonical text; None if there is none."""
    if value is None:
        return None
    if isinstance(value, bool):
        return None if key_type == "int" else canonical_value(value)
    if key_type == "int" and not isinstance(value, int):
        return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else None
    return canonical_value(value) if key_type == "str" else value
