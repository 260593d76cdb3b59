"""What a process counts about itself, in the form that Prometheus reads. docs/reference/metrics.md lists all of it.

A process counts in one registry, as is usual: where several servers run in one, their counts are added up, and gauges
are those of the server that was started last.
"""
