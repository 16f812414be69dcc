"""Where the server listens, and under which names it may be asked."""

import ipaddress
import re
import socket
from dataclasses import dataclass

from regrade_tools.refusal import Refusal

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\[\]\s]+)):(?P<port>\d{1,5})")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 is any that is free. ``names`` are more names of the host."""

    host: str
    port: int
    names: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str, names: tuple[str, ...] = ()) -> "Address":
        """The address in ``HOST:PORT``.

        Raises:
            Refusal: It is none, or nobody could ask there by a name that is allowed.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or int(found["port"]) > _LAST_PORT:
            raise Refusal(
                f"{text!r} is no HOST:PORT.", next_step="Such as 127.0.0.1:8765 or [::1]:8765."
            )
        address = cls(found["six"] or found["host"], int(found["port"]), names)
        if address._everywhere and not names:
            raise Refusal(
                f"{address.host} is every address of this machine: under which name is it asked?",
                next_step="Name the host that clients use: --allow-host evals.example.com",
            )
        return address

    @property
    def local(self) -> bool:
        """Whether only this machine can ask."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def hosts(self) -> list[str]:
        """What may stand in ``Host``. A page of elsewhere that had its name point here is not."""
        own = () if self._everywhere else (self._written,)
        return [text for name in (*_LOOPBACK, *own, *self.names) for text in (name, f"{name}:*")]

    @property
    def origins(self) -> list[str]:
        """What may stand in ``Origin``."""
        return [f"{scheme}://{host}" for host in self.hosts for scheme in ("http", "https")]

    def url(self, port: int, path: str) -> str:
        """The address of ``path`` once the server has ``port``."""
        return f"http://{self._written}:{port}{path}"

    def socket(self) -> socket.socket:
        """A socket that listens.

        Raises:
            Refusal: The address is taken, or not one of this machine.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family, backlog=128)
        except OSError as problem:
            raise Refusal(
                f"{self._written}:{self.port} cannot be listened on: {problem.strerror}.",
                next_step="Choose another port: 127.0.0.1:0 takes any that is free.",
            ) from None

    @property
    def _everywhere(self) -> bool:
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - asked, not bound

    @property
    def _written(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host
