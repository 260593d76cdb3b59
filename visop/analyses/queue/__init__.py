"""The queue: analyses wait in the database, and each worker that has time claims some of them.

A broker only says that there is work; what it loses is said again. So the states, their order and their ends are those
of the database, whatever happens to workers and brokers.
"""
