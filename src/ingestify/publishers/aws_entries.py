"""The entries of a batch of SQS and SNS, which have the same form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingestify.domain.message import Message
from ingestify.publishers.aws import FailedEntry, token

__all__ = ["failed_entries", "fifo_attributes"]


def fifo_attributes(target: str, message: Message) -> dict[str, str]:
    """Return what an entry for a queue or a topic has beside its text, if that is a FIFO."""
    if not target.endswith(".fifo"):
        return {}
    return {"MessageGroupId": token(message.key), "MessageDeduplicationId": token(message.id)}


def failed_entries(messages: Sequence[Message], answer: dict[str, Any]) -> list[FailedEntry]:
    """Return the messages that an answer does not acknowledge. The `Id` of an entry is its number."""
    failed = [
        FailedEntry(messages[int(one["Id"])], str(one["Code"]), str(one.get("Message", "")), bool(one["SenderFault"]))
        for one in answer.get("Failed", ())
    ]
    told = {int(one["Id"]) for one in (*answer.get("Successful", ()), *answer.get("Failed", ()))}
    untold = [message for number, message in enumerate(messages) if number not in told]
    return failed + [FailedEntry(one, "NoResult", "the answer does not name it", False) for one in untold]
