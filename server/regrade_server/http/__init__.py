"""The server over streamable HTTP, and what guards it."""

from regrade_server.http.address import Address
from regrade_server.http.listener import Ended, Site, guarded, listen, listening, mcp_site
from regrade_server.http.tokens import read_tokens

__all__ = ["Address", "Ended", "Site", "guarded", "listen", "listening", "mcp_site", "read_tokens"]
