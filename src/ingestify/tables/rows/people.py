"""Teams and players, as kloppy has them."""

from __future__ import annotations

from typing import Any

__all__ = ["name_of", "text_of"]


def text_of(value: Any) -> str | None:
    """Return an id as text: a provider has numbers, kloppy has texts, and some have both."""
    return None if value is None else str(value)


def name_of(player: Any) -> str | None:
    """Return a player's name, or None if the provider gives none."""
    # str: of an XML file, kloppy may have the element itself.
    return str(player.name or " ".join(filter(None, (player.first_name, player.last_name)))) or None
