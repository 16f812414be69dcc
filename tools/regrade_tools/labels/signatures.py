"""Whether a label is a person's: their key signed it, and the repository knows the key.

Somebody with the person's shell can use the person's key; nothing can through Regrade, and
every new key in ``evals/labellers.yaml`` shows in review.
"""

import base64
import binascii

from pydantic import JsonValue

from regrade_tools.fingerprint import canonical
from regrade_tools.models import Label


def signed_text(label: Label, content: str) -> bytes:
    """What a signature is of: all that a label says, and of what it says it.

    Args:
        label: The label; its own id and signature are not part of it.
        content: The SHA-256 of the item, of which ``label.item`` is only the beginning.
    """
    parts: list[JsonValue] = [
        "regrade label 1",
        content,
        label.criterion,
        label.version,
        label.verdict,
        label.critique,
        label.mode,
        label.labeller,
        float(label.labelled_at),
        label.sampled,
        label.group,
    ]
    if label.sample or label.drawn_by:
        # What was signed before there were any is verified as it was signed.
        parts += [label.sample, label.drawn_by]
    return canonical(parts)


def verified(public_key: str, text: bytes, signature: str) -> bool:
    """Whether ``signature`` (base64) of ``text`` was made with the key behind ``public_key``."""
    # Imported with the first signed label: a server that lists its tools verifies nothing.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
