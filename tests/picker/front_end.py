"""A front end that finds and uses the toolbar's comm, without a browser."""

from __future__ import annotations

import json
from typing import Any

from comm.base_comm import BaseComm, CommManager

from ipy_awsprofile.picker.toolbar import PROTOCOL, TARGET

VIEW = "view-1"


class FrontEnd:
    """Replaces the transport and JupyterLab, and records everything that a comm publishes."""

    def __init__(self) -> None:
        self.manager = CommManager()
        #: The type and data of each message, in order.
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.buffers: list[bytes] = []

    def create_comm(self, *arguments: Any, **options: Any) -> BaseComm:
        """Create a comm of this front end; a kernel replaces `comm.create_comm` in the same way."""
        front_end = self

        class Comm(BaseComm):
            def publish_msg(
                self,
                msg_type: str,
                data: dict[str, Any] | None = None,
                metadata: dict[str, Any] | None = None,
                buffers: list[bytes] | None = None,
                **keys: Any,
            ) -> None:
                front_end.published.append((msg_type, json.loads(json.dumps(data))))
                front_end.buffers += buffers or []

        return Comm(*arguments, **options)

    @property
    def found(self) -> list[str]:
        """Return the IDs of the toolbar's comms, as a comm_info_reply lists them."""
        comms = self.manager.comms.items()
        return [name for name, one in comms if one.target_name == TARGET]

    def says(self, kind: str, **content: Any) -> list[dict[str, Any]]:
        """Send a message as JupyterLab does, and return the answers."""
        before = len(self.published)
        data = {"type": kind, "view": VIEW, **content}
        message = {"content": {"comm_id": self.found[0], "data": data}}
        self.manager.comm_msg(None, "", message)  # type: ignore[arg-type]
        return [answer for _, answer in self.published[before:]]

    def begins(self) -> dict[str, Any]:
        """Send `hello`, request the identity, and return the answer."""
        self.says("hello", protocol=PROTOCOL)
        return self.says("status")[-1]

    @property
    def identities(self) -> list[dict[str, Any] | None]:
        """Return all identities sent so far."""
        sent = (data for _, data in self.published)
        return [data["identity"] for data in sent if data.get("type") == "identity"]

    @property
    def shown(self) -> dict[str, Any]:
        """Return the last identity sent, or an empty dict."""
        return self.identities[-1] or {}
