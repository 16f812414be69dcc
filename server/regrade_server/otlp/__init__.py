"""The receiver of OTLP over HTTP: programs send their spans while they run."""

from regrade_server.otlp.intake import Intake
from regrade_server.otlp.receiver import receiver
from regrade_server.otlp.site import otlp_site

__all__ = ["Intake", "otlp_site", "receiver"]
