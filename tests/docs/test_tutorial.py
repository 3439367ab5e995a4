"""The source of docs/tutorial-source.md passes the suite as the tutorial runs it."""

from __future__ import annotations

from typing import Any

from ingestify.testing.document_provider import DocumentProvider

from .test_code_in_docs import blocks


def tutorial_suite() -> Any:
    """Return the tutorial's test class, made from its text."""
    code = dict(blocks("run"))
    namespace: dict[str, Any] = {"DocumentProvider": DocumentProvider, "__name__": __name__}
    for name in ("tutorial-source", "tutorial-suite"):
        exec(compile(code[name], f"the block '{name}'", "exec"), namespace)
    return namespace["TestAcme"]


TestAcme = tutorial_suite()
