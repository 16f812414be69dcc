"""OTLP/JSON as protobuf, by protobuf's own reader of JSON."""

import base64
from typing import Any, cast

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_IDS = ("traceId", "spanId", "parentSpanId")


def protobuf(request: Any) -> bytes:
    """The request in ``request``; what is not known to the protocol is left out."""
    told = _with_base64(request)
    kind = ExportLogsServiceRequest if "resourceLogs" in request else ExportTraceServiceRequest
    return json_format.ParseDict(told, kind(), ignore_unknown_fields=True).SerializeToString()


def base64_of(digits: str) -> str:
    """An id as protobuf's JSON writes it."""
    return base64.b64encode(bytes.fromhex(digits)).decode()


def _with_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_base64(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    held = cast("dict[str, Any]", value)
    return {
        key: base64_of(item) if key in _IDS and item else _with_base64(item)
        for key, item in held.items()
    }
