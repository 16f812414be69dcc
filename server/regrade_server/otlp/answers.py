"""What a request is answered with, in the encoding in which it came."""

import json
from collections.abc import Mapping
from typing import Literal

from starlette.responses import Response

from regrade_tools.formats.protobuf import Signal

Encoding = Literal["application/x-protobuf", "application/json"]
PROTOBUF: Encoding = "application/x-protobuf"
JSON: Encoding = "application/json"
# What a status of HTTP is called in a Status of google.rpc.
_CODES = {400: 3, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 500: 13, 503: 14}


_REJECTED: dict[Signal, str] = {"traces": "rejectedSpans", "logs": "rejectedLogRecords"}


def accepted(encoding: Encoding, signal: Signal, rejected: int, why: str) -> Response:
    """The response to an export: ``rejected`` spans or logs were not kept, and ``why``."""
    if encoding == JSON:
        # As JSON a 64-bit number is a text.
        partial = {_REJECTED[signal]: str(rejected), "errorMessage": why}
        return _json({"partialSuccess": partial} if rejected else {}, 200)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - imported with the first request in protobuf
        ExportTraceServiceResponse,
    )

    # The response for logs has the same numbers for its fields.
    told = ExportTraceServiceResponse()
    if rejected:
        told.partial_success.rejected_spans = rejected
        told.partial_success.error_message = why
    return Response(told.SerializeToString(), 200, media_type=PROTOBUF)


def refused(
    encoding: Encoding, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A ``Status`` that says what is wrong."""
    code = _CODES[status]
    if encoding == JSON:
        return _json({"code": code, "message": message}, status, headers)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - as above
        ExportTracePartialSuccess,
    )

    # A Status begins with the same two fields: 1 is a number, 2 a text.
    told = ExportTracePartialSuccess(rejected_spans=code, error_message=message)
    return Response(told.SerializeToString(), status, headers, PROTOBUF)


def _json(told: object, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(told), status, headers, JSON)
