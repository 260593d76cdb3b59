"""Traces of calls in the form of OpenTelemetry: a span for each call, with a child for each stage that it goes through.

The extra ``visop[tracing]``. Nothing of it is imported unless the variables ``OTEL_*`` ask for traces, and nothing that
the rest of visop imports from here needs it. docs/how-to/tracing.md says what there is to see.
"""
