"""The colours can be read on their ground, and the two teams are told apart, also by the colour-blind."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from ingestify.pictures.palette import colour, stylesheet, with_plain_colours

THEMES = ("light", "dark")

# Of Machado, Oliveira and Fernandes (2009), for linear RGB: no red, green and blue cones.
BLIND = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(name, theme):
    """A colour as linear RGB."""
    text = with_plain_colours(f'<a fill="{colour(name)}"/>', theme)
    found = re.search(r"#(\w\w)(\w\w)(\w\w)", text).groups()
    shares = [int(part, 16) / 255 for part in found]
    return [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]


def contrast(one, other):
    light = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05 for red, green, blue in (one, other))
    return light[1] / light[0]


def oklab(rgb):
    def times(matrix, values):
        return [sum(a * b for a, b in zip(row, values, strict=True)) for row in matrix]

    cones = times(
        ((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300)), [max(0.0, one) for one in rgb]
    )
    roots = [math.cbrt(one) for one in cones]
    return times(((0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)), roots)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *itertools.product(("home", "away", "text"), ("surface", "grass")),
        ("muted", "surface"),
        ("surface", "home"),
        ("surface", "away"),
    ],
)
def test_each_text_can_be_read_on_its_ground(theme, ink, ground):
    assert contrast(linear(ink, theme), linear(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", BLIND)
def test_the_colour_blind_tell_the_teams_apart(theme, kind):
    home, away = (
        oklab([sum(a * b for a, b in zip(row, linear(name, theme), strict=True)) for row in BLIND[kind]])
        for name in ("home", "away")
    )
    assert math.dist(home, away) >= 0.2


def test_the_stylesheet_of_a_page_has_each_colour_twice():
    css = stylesheet()
    names = re.findall(r"(--picture-\w+): #\w{6};", css)
    assert len(names) == 2 * len(set(names))
    assert colour("home").split(",")[0] == f"var({names[0]}"
