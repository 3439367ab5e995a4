"""Tells a URL what a run came to: one POST after each run, as the publisher `ingestify.webhook` sends each event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ingestify.clock import monotonic, sleep, utc_text
from ingestify.domain.message import Message
from ingestify.domain.ports import DatasetStorePort
from ingestify.domain.run_notice import RunFinished
from ingestify.domain.subscriber import Subscriber
from ingestify.errors import PublishUnavailable
from ingestify.publishers.arguments import check_seconds
from ingestify.publishers.webhook import Webhook
from ingestify.run_hooks.payload import PAYLOAD_VERSION, run_payload

__all__ = ["RunWebhook"]

_FIRST_PAUSE = 1.0


class RunWebhook(Subscriber):
    """Sends what a run came to, to a URL.

    Args:
        store: The lake.
        url: http or https.
        secret: One secret of Standard Webhooks, or several while one is replaced by another.
        content_mode: `structured`, the body is the whole CloudEvent; or `binary`, the body is its data.
        headers: Further headers of the request, such as Authorization.
        timeout: Seconds that an answer may take.
        patience: For how many seconds an endpoint that does not take the message is tried again; it is at least tried
            once. So the run waits for at most `patience` and one `timeout`.
        allowed_addresses: Addresses and networks that are not public, to which the message may be sent.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        store: DatasetStorePort,
        url: str,
        secret: str | Sequence[str],
        content_mode: str = "structured",
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        patience: float = 30.0,
        allowed_addresses: Sequence[str] = (),
    ) -> None:
        super().__init__(store)
        self._patience = check_seconds(patience, "patience", most=600.0)
        self._webhook = Webhook(
            url,
            secret,
            content_mode=content_mode,
            headers=headers,
            timeout=timeout,
            parallelism=1,
            allowed_addresses=allowed_addresses,
        )

    def on_run_finished(self, run: RunFinished) -> None:
        """Send what the run came to, and try again for a while.

        Raises:
            PublishError: The endpoint did not take it.
            ConfigurationError: The endpoint refuses all that is sent to it.
        """
        message, until, pause = _message(run), monotonic() + self._patience, _FIRST_PAUSE
        try:
            while True:
                try:
                    return self._webhook.publish([message])
                except PublishUnavailable as error:
                    pause = max(pause, error.retry_after or 0.0)
                    if monotonic() + pause > until:
                        raise
                sleep(pause)
                pause *= 2
        finally:
            self._webhook.close()


def _message(run: RunFinished) -> Message:
    version = f"v{PAYLOAD_VERSION}"
    return Message(
        id=f"{run.run_id}/finished",
        source=f"urn:ingestify:lake:{run.lake_id}",
        type=f"ingestify.run_finished.{version}",
        time=utc_text(run.ended_at),
        key=run.run_id,
        dataschema=f"urn:ingestify:event:run_finished:{version}",
        extensions={"lakeid": run.lake_id, "epoch": run.epoch} if run.lake_id else {},
        fields={},
        data=msgspec.json.encode(run_payload(run)),
    )
