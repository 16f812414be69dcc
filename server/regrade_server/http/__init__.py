"""The server over streamable HTTP, and what guards it."""

from regrade_server.http.address import Address
from regrade_server.http.listener import listen
from regrade_server.http.tokens import read_tokens

__all__ = ["Address", "listen", "read_tokens"]
