"""The keys by which people sign labels: outside every repository, and their owner's alone."""

import base64
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regrade_tools.files.temporary import growing
from regrade_tools.models.case import is_name
from regrade_tools.refusal import Refusal, unknown

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Keys:
    """Ed25519 keys of people at this machine, in ``folder``; ``root`` is the workspace."""

    folder: Path
    root: Path | None = None

    def names(self) -> list[str]:
        """Whose keys are here."""
        if not self.folder.is_dir():
            return []
        return sorted(path.stem for path in self.folder.glob("*.pem") if is_name(path.stem))

    def make(self, labeller: str) -> str:
        """The public key (base64) of a labeller; the pair is made where there is none.

        Raises:
            Refusal: The name is none, or the folder is in the workspace or open to others.
        """
        # Imported with the first key: a server that lists its tools signs nothing.
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        if not is_name(labeller):
            raise Refusal(
                f"{labeller!r} is no name of a labeller.",
                next_step="Letters, digits, - and _, at most 80, such as ada.",
            )
        self._outside()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._private(self.folder)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        # Its owner's alone while it grows, and there as a whole: half a key would sign nothing.
        with growing(self.folder) as (file, unfinished), suppress(FileExistsError):
            file.write(pem.decode())
            file.flush()
            os.fsync(file.fileno())
            # Never over a key that is there: what it signed would be nobody's.
            os.link(unfinished, self._path(labeller))
        return self.public(labeller)

    def public(self, labeller: str) -> str:
        """The public key (base64) of a labeller whose key is here.

        Raises:
            Refusal: It is not here, or is open to others.
        """
        return base64.b64encode(self._key(labeller).public_key().public_bytes_raw()).decode()

    def sign(self, labeller: str, text: bytes) -> str:
        """The signature (base64) of ``text`` by a labeller.

        Raises:
            Refusal: The key is not here, or is open to others.
        """
        return base64.b64encode(self._key(labeller).sign(text)).decode()

    def _key(self, labeller: str):  # noqa: ANN202 - a type that is imported late
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        if labeller not in self.names():
            raise unknown("key of", labeller, self.names(), next_step="regrade labeller NAME.")
        self._outside()
        path = self._path(labeller)
        self._private(self.folder)
        self._private(path)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as problem:
            raise Refusal(f"{path} cannot be read as a key: {problem}.") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise Refusal(f"{path} is no Ed25519 key.", next_step="regrade labeller NAME makes one")
        return key

    def _path(self, labeller: str) -> Path:
        return self.folder / f"{labeller}.pem"

    def _outside(self) -> None:
        """Make sure that no commit can take a key along, and no agent's editor."""
        if self.root is not None and self.folder.resolve().is_relative_to(self.root.resolve()):
            raise Refusal(
                f"The folder of keys, {self.folder}, lies inside the workspace.",
                next_step="Set REGRADE_KEYS to a folder outside of it, or unset it.",
            )

    def _private(self, path: Path) -> None:
        if os.name == "posix" and path.stat().st_mode & _OTHERS:
            mode = "700" if path.is_dir() else "600"
            raise Refusal(f"Others can read {path}.", next_step=f"chmod {mode} {path}")


def default_folder() -> Path:
    """``$REGRADE_KEYS``, or the folder of the user's configuration."""
    told = os.environ.get("REGRADE_KEYS")
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(told or f"{base}/regrade/keys").expanduser()
