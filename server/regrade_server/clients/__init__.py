"""MCP clients: which there are, what their files say, and how this server comes into them."""

from regrade_server.clients.client import CLIENTS, Client
from regrade_server.clients.configuration import client_configs
from regrade_server.clients.installation import Installation, installation

__all__ = ["CLIENTS", "Client", "Installation", "client_configs", "installation"]
