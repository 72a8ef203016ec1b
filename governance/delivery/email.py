# SPDX-License-Identifier: Apache-2.0
"""Send plain text by mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from governance.errors import DeliveryError, PolicyError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from governance.settings import Settings

_SECONDS: Final = 20
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def is_set_up(settings: Settings) -> bool:
    """Whether there is a mailbox to write to and a server to hand the mail to."""
    return settings.smtp_url is not None and settings.audit_mailbox is not None


def send(settings: Settings, subject: str, text: str) -> None:
    """Mail `text` to the audit mailbox.

    Raises:
        PolicyError: no mailbox or server is set, or the server's URL is none.
        DeliveryError: the server did not take the message.
    """
    if settings.smtp_url is None or settings.audit_mailbox is None:
        raise PolicyError("no mail is set up", hint="Set GOVERNANCE_SMTP_URL and GOVERNANCE_AUDIT_MAILBOX.")
    message = _message(settings.mail_from, settings.audit_mailbox, subject, text)
    url = urlsplit(settings.smtp_url.get_secret_value())
    if url.scheme not in _PORTS or not url.hostname:
        raise PolicyError("GOVERNANCE_SMTP_URL: not a mail server", hint="Use smtp://host:25 or smtps://user@host:465.")
    try:
        with _open(url) as server:
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(
            f"{url.hostname} did not take the mail: {type(error).__name__}",
            hint="Check GOVERNANCE_SMTP_URL and that the server runs; it is sent again.",
        ) from error


def _message(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = " ".join(subject.split())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message.set_content(text)
    return message


def _open(url: SplitResult) -> smtplib.SMTP:
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(host, port, timeout=_SECONDS)
    if url.scheme == "smtp+starttls":
        server.starttls(context=ssl.create_default_context())
    if url.username:
        server.login(unquote(url.username), unquote(url.password or ""))
    return server
