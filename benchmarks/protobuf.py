"""Exports of the corpus in OpenTelemetry's own encoding, as an exporter sends them."""

# The generated classes are loosely typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import json

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def encoded(body: str) -> bytes:
    """OTLP/JSON as OTLP/protobuf."""
    request = ExportTraceServiceRequest()
    for resource in json.loads(body)["resourceSpans"]:
        into = request.resource_spans.add().scope_spans.add()
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                made = into.spans.add(
                    trace_id=bytes.fromhex(span["traceId"]),
                    span_id=bytes.fromhex(span["spanId"]),
                    parent_span_id=bytes.fromhex(span["parentSpanId"]),
                    name=span["name"],
                    start_time_unix_nano=int(span["startTimeUnixNano"]),
                    end_time_unix_nano=int(span["endTimeUnixNano"]),
                )
                made.status.code = span["status"]["code"]
                made.status.message = span["status"]["message"]
                for item in span["attributes"]:
                    value = made.attributes.add(key=item["key"]).value
                    if "intValue" in item["value"]:
                        value.int_value = int(item["value"]["intValue"])
                    else:
                        value.string_value = item["value"]["stringValue"]
    return request.SerializeToString()
