from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from ingestify.cli import logs
from ingestify.cli.output import json_text
from ingestify.progress.printable import printable, printable_block

HARMLESS = {"\u200c", "\u200d"}
SHAPED = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Format characters that are seen: signs of numbers, and of the end of a verse."""
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    "name",
    [
        "Málaga",
        "Ma\u0301laga",
        "中文 – 東京ヴェルディ",
        "محمد صلاح",
        "نیم\u200cفاصله",
        "मोहम्मद",
        "👩‍👩‍👦 ❤️ 👍🏽 🇳🇱",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿 v 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "葛\U000e0100城",
        "a\u00a0b\u3000c",
        r"C:\new",
    ],
)
def test_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_everything_that_commands_instead_of_being_seen_is_escaped() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} or character in HARMLESS:
            continue
        if code in SHAPED or 0x13430 <= code <= 0x1345F:  # of hieroglyphs
            continue
        assert printable(f"a{character}b").isascii(), hex(code)
        assert character not in json_text(character), hex(code)
    for character in BIDI_CONTROLS:
        assert character not in printable(character)


def test_it_is_shown_as_python_writes_it() -> None:
    assert printable("\x1b[2J\n\r\t\x9b\u202e\x00") == r"\x1b[2J\n\r\t\x9b\u202e\x00"
    assert printable("\U000e0041\udc80") == r"\U000e0041\udc80"


def test_tags_that_make_no_flag_are_shown() -> None:
    assert printable("a\U000e0067\U000e007f") == r"a\U000e0067\U000e007f"


def test_lines_after_the_first_of_a_block_cannot_be_taken_for_ours() -> None:
    assert printable_block("a problem\n  here\r\nFAKE\x1b\n") == "a problem\n  here\n  FAKE\\x1b"
    assert printable_block("Traceback\n  File\nx", indents_all=True) == "  Traceback\n    File\n  x"


def test_what_goes_to_stderr_is_printable_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.write_stderr("a\x1b[2J\nb")
    logs.write_stderr_block("a\nb\x1b")
    assert capsys.readouterr().err == "a\\x1b[2J\\nb\na\n  b\\x1b\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), None),
        ([float("inf"), -float("inf"), 1.5], [None, None, 1.5]),
        ({float("nan"): (float("nan"),)}, {"nan": [None]}),
        ({"a\udc80": "\ud83d"}, {"a\ufffd": "\ufffd"}),
        ({1: 2, None: 3, False: 4}, {"1": 2, "null": 3, "false": 4}),
        ({("a", 1): {1}}, {"('a', 1)": "{1}"}),
        (2**70, 2**70),
        ("é中👩‍👩‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿\x85\u2028\x9b\n", "é中👩‍👩‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿\x85\u2028\x9b\n"),
    ],
)
def test_json_is_one_line_that_every_parser_reads(value: object, written: object) -> None:
    text = json_text(value)
    assert len(text.splitlines()) == 1
    assert json.loads(text, parse_constant=lambda constant: pytest.fail(constant)) == written
    text.encode()
