"""A hook of mkdocs: pages from outside docs/, and Markdown that is right in the repository and in the site.

The Markdown is written for a reader of the repository: README.md links to docs/teams.md, docs/configuration.md links to
../SECURITY.md. In the site, README.md and SECURITY.md are pages as well, and this hook points the links there.
A link to something that is no page of the site, for example a module, becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]

PAGES = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "examples/README.md": "examples.md",
    "examples/season.ipynb": "season.ipynb",
    "examples/reading.ipynb": "reading.ipynb",
    "examples/league.ipynb": "league.ipynb",
}
"""What the site takes from outside docs/: where it is in the repository, and where in the site."""

_REPOSITORY = {place: source for source, place in PAGES.items()}
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
_LIST_AFTER_TEXT = re.compile(r"^([^\s|>#-].*)\n(?=- )", re.MULTILINE)
_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside docs/."""
    for source, place in PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page with links that lead where they lead in the repository."""
    place = page.file.src_uri
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):  # code is shown as it is
        parts += [_as_in_repository(markdown[end : fence.start()], place), fence[0]]
        end = fence.end()
    return "".join([*parts, _as_in_repository(markdown[end:], place)])


def on_page_content(html: str, **_: Any) -> str:
    """Return the page without the second colon of a docstring's `Example::`, which is reStructuredText."""
    return html.replace("<p>Example::</p>", "<p>Example:</p>")


def _as_in_repository(text: str, place: str) -> str:
    folder = posixpath.dirname(_REPOSITORY.get(place, f"docs/{place}"))

    def replace(link: re.Match[str]) -> str:
        target, hash_sign, anchor = link["target"].partition("#")
        if not target or ":" in target:
            return link[0]
        source = posixpath.normpath(posixpath.join(folder, target))
        there = PAGES.get(source, source.removeprefix("docs/") if source.startswith("docs/") else None)
        if there is None:
            return link["text"]
        if (ROOT / source).is_dir():
            there = f"{there}/README.md"
        relative = posixpath.relpath(there, posixpath.dirname(place) or ".")
        return f"{link['image']}[{link['text']}]({relative}{hash_sign}{anchor})"

    # A list may follow its introduction without a blank line, as on GitHub; Python-Markdown wants one.
    return _LINK.sub(replace, _LIST_AFTER_TEXT.sub(r"\1\n\n", text))
