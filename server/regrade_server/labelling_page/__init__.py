"""The labelling page: the queue of `regrade label`, in a browser of this machine."""

from regrade_server.labelling_page.desk import Desk
from regrade_server.labelling_page.serving import serve

__all__ = ["Desk", "serve"]
